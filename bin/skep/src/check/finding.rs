//! The results of checks.

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Nothing has to be done.
    Ok,
    /// The server would work, but the operator should know this.
    Note,
    /// The server would not start or would not work.
    Wrong,
}

impl Level {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Finding {
    /// The check, for example `port`.
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    /// What the check has found.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, text: text.into(), remedy: None }
    }

    pub(super) fn note(name: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, level: Level::Note, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn wrong(name: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, level: Level::Wrong, text: text.into(), remedy: Some(remedy.into()) }
    }
}
