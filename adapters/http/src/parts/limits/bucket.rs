//! What one limit allows one client.

use skep_application::kernel::Limit;

/// The keys of the limits of single operations start with this text, and no other key of a limit does.
pub const OPERATION_KEYS: &str = "http:operation";

/// What one limit allows one client.
#[derive(Clone)]
pub(in crate::parts) struct Bucket {
    /// The name of the limit.
    pub(in crate::parts) name: &'static str,
    pub(super) key: String,
    pub(super) limit: Limit,
    /// The operation whose requests alone are counted, if it is one.
    operation: Option<&'static str>,
}

impl Bucket {
    pub(super) fn new(name: &'static str, of: &str, limit: Limit) -> Self {
        Self { name, key: ["http:", name, ":", of].concat(), limit, operation: None }
    }

    /// The requests of this operation alone.
    pub(super) fn of_operation(name: &'static str, operation: &'static str, of: &str, limit: Limit) -> Self {
        let key = ["http:", name, ":", operation, ":", of].concat();
        Self { name, key, limit, operation: Some(operation) }
    }

    /// The cost, or the whole bucket if it holds less. So a low limit makes no request impossible.
    pub(super) fn afford(&self, cost: u32) -> u32 {
        cost.min(self.limit.burst)
    }

    /// The limit in words, for a client that has exceeded it.
    pub(super) fn exceeded(&self) -> String {
        let (most, seconds) = (self.limit.burst, self.limit.period.as_secs());
        match self.operation {
            None => format!("more than {most} units in {seconds} s"),
            Some(operation) => format!("more than {most} requests of {operation} in {seconds} s"),
        }
    }
}
