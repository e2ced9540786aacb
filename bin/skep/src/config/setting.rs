//! The declaration of a setting.

/// The type of a setting in `skep.toml`. In the environment every value is text.
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
    /// Its type in `skep.toml`.
    pub shape: Shape,
    /// The value if it is not set, as the environment has it; empty without a default.
    pub default: &'static str,
    /// The expected form. Messages have it after the word "expected".
    pub form: &'static str,
    /// A valid value, as the environment has it.
    pub example: &'static str,
    /// What it sets.
    pub doc: &'static str,
    /// Whether messages must not show its value.
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

/// Finds the setting with this environment variable.
///
/// # Panics
/// If the table has no such setting. The tests read every setting.
pub(super) fn setting(settings: &'static [Setting], name: &str) -> &'static Setting {
    settings.iter().find(|setting| setting.name == name).expect("every setting that is read is in the table")
}

/// The form of a limit per minute.
pub(super) const A_MINUTE: &str = "a number per minute, at least 1";
/// The form of a limit per hour.
pub(super) const AN_HOUR: &str = "a number per hour, at least 1";
