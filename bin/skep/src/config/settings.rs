//! Every setting there is: the one table that reading, the messages, `docs/configuration.md` and `.env.example` share.
//! A context has a file of its own and a line in [`CONTEXTS`].

mod identity;
mod ordering;
mod program;

use super::{read::Source, setting::Setting};
use skep_application::Policies;
use std::sync::LazyLock;

/// What a deployment may choose of a context.
struct ContextSettings {
    settings: &'static [Setting],
    /// Reads them into the policies of the context's use cases.
    read: fn(&mut Source, &mut Policies),
}

const CONTEXTS: &[ContextSettings] = &[identity::IDENTITY, ordering::ORDERING];

/// Every setting, in the order in which they are documented.
pub static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let contexts = CONTEXTS.iter().flat_map(|context| context.settings);
    program::SETTINGS.iter().chain(contexts).copied().collect()
});

/// Reads what every context may be told.
pub(super) fn policies(source: &mut Source) -> Policies {
    let mut policies = Policies::default();
    for context in CONTEXTS {
        (context.read)(source, &mut policies);
    }
    policies
}
