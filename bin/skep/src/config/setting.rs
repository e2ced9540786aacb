//! What a setting is.

/// How a setting may be written in `skep.toml`. In the environment every value is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// An integer.
    Number,
    /// `true` or `false`; `on` or `off` in the environment.
    Switch,
    /// An array of strings; in the environment with commas between them.
    List,
    /// A table of integers; in the environment `NAME:NUMBER` with commas between them.
    Amounts,
}

/// A setting: an environment variable, and a key of `skep.toml`.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The key in `skep.toml`, `section.key`; empty if only the environment has it.
    pub key: &'static str,
    /// How it is written in `skep.toml`.
    pub shape: Shape,
    /// What it is if nothing is said, as in the environment; empty if it is then not set.
    pub default: &'static str,
    /// What is expected, to be read after "expected".
    pub form: &'static str,
    /// A value that can be used, as in the environment.
    pub example: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Whether its value must not be shown.
    pub secret: bool,
}

impl Setting {
    pub(super) const fn new(name: &'static str, key: &'static str, shape: Shape) -> Self {
        Self { name, key, shape, default: "", form: "", example: "", doc: "", secret: false }
    }

    pub(super) const fn secret(name: &'static str, key: &'static str) -> Self {
        Self { secret: true, ..Self::new(name, key, Shape::Text) }
    }

    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(super) const fn form(self, form: &'static str, example: &'static str) -> Self {
        Self { form, example, ..self }
    }

    pub(super) const fn doc(self, doc: &'static str) -> Self {
        Self { doc, ..self }
    }
}

/// The one of these settings with this environment variable.
///
/// # Panics
/// If there is none: every name that is read is in the table, and the tests read them all.
pub(super) fn setting(settings: &'static [Setting], name: &str) -> &'static Setting {
    settings.iter().find(|setting| setting.name == name).expect("every setting that is read is in the table")
}

/// What a number of calls a minute is expected to be.
pub(super) const A_MINUTE: &str = "a number a minute, at least 1";
