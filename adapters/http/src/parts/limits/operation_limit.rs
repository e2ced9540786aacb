//! The limit of the requests of one operation.

use crate::parts::context::Operation;
use skep_application::kernel::Limit;

/// What distinguishes the clients of a limit of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CountedBy {
    /// By the user, and by the address if the caller is not signed in.
    #[default]
    Caller,
    /// By the address, and by the wider IPv6 networks around it.
    Address,
    /// By the user. Requests of callers that are not signed in are not counted.
    User,
}

/// A limit of the requests of one operation. It holds beside the limits of all requests, and each request takes one unit
/// from it, whatever its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationLimit {
    /// The `operationId`. A limit of an operation that does not exist has no effect.
    pub operation: &'static str,
    /// The most requests of one client.
    pub limit: Limit,
    /// What distinguishes clients.
    pub counted_by: CountedBy,
}

impl OperationLimit {
    /// Whether a request counts for its address before its caller is known. An operation without an action ignores the
    /// credentials of its callers.
    pub(super) fn counts_unknown_callers(&self, operation: &Operation) -> bool {
        match self.counted_by {
            CountedBy::Address => true,
            CountedBy::Caller => operation.action.is_none(),
            CountedBy::User => false,
        }
    }
}
