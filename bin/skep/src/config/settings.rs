//! The table of all settings. The reader, the messages, `docs/configuration.md` and `.env.example` use it. Each context
//! has a file of its own and a line in [`CONTEXTS`].

pub(super) mod clients;
pub(super) mod files;
mod identity;
pub(super) mod jobs;
pub(super) mod notifications;
mod operations;
mod ordering;
mod program;
pub(super) mod s3;
mod search;

use super::{read::Source, setting::Setting};
use skep_application::Policies;
use std::sync::LazyLock;

/// What an operator can choose in one context.
struct ContextSettings {
    settings: &'static [Setting],
    /// Reads them into the policies of the use cases.
    read: fn(&mut Source, &mut Policies),
}

const CONTEXTS: &[ContextSettings] = &[
    identity::IDENTITY,
    ordering::ORDERING,
    notifications::NOTIFICATIONS,
    files::FILES,
    s3::S3,
    search::SEARCH,
    jobs::JOBS,
    operations::OPERATIONS,
];

/// All settings, in the order of the documentation.
pub static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let contexts = CONTEXTS.iter().flat_map(|context| context.settings);
    program::SETTINGS.iter().chain(clients::SETTINGS).chain(contexts).copied().collect()
});

/// Reads the settings of every context.
pub(super) fn policies(source: &mut Source) -> Policies {
    let mut policies = Policies::default();
    for context in CONTEXTS {
        (context.read)(source, &mut policies);
    }
    policies
}
