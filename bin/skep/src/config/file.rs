//! `skep.toml`: its keys and their lines.

use super::{
    fault::{Fault, Location, Values},
    near::nearest_key,
    setting::{Setting, Shape},
};
use toml::de::{DeTable, DeValue};

/// Reads the text of the file called `name`. A key that is unknown or has the wrong shape becomes a fault.
pub(super) fn read(settings: &'static [Setting], name: &str, text: &str, values: &mut Values, faults: &mut Vec<Fault>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut file = File { settings, name, text, values, faults };
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        // Without the text at that place, which may be a secret.
        file.fault("the file", at, format!("is not TOML: {}", error.message()));
    }
    file.table("", table.get_ref());
}

struct File<'a> {
    settings: &'static [Setting],
    name: &'a str,
    text: &'a str,
    values: &'a mut Values,
    faults: &'a mut Vec<Fault>,
}

impl File<'_> {
    fn place(&self, at: usize) -> Location {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        Location::File { name: self.name.to_owned(), line: 1 + before.iter().filter(|byte| **byte == b'\n').count() }
    }

    fn fault(&mut self, key: &str, at: usize, text: String) {
        let place = self.place(at);
        self.faults.push(Fault { name: key.to_owned(), place, text });
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let at = key.span().start;
            let key = format!("{prefix}{}", key.get_ref());
            let below = format!("{key}.");
            if let Some(setting) = self.settings.iter().find(|setting| !setting.key.is_empty() && setting.key == key) {
                self.value(setting, at, value.get_ref());
            } else if let (Some(inner), true) = (value.get_ref().as_table(), self.is_section(&below)) {
                self.table(&below, inner);
            } else if self.is_section(&below) {
                self.fault(&key, at, format!("expected a section, written [{key}]"));
            } else {
                let hint =
                    nearest_key(self.settings, &key).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                self.fault(&key, at, format!("there is no such setting{hint}"));
            }
        }
    }

    fn is_section(&self, prefix: &str) -> bool {
        self.settings.iter().any(|setting| setting.key.starts_with(prefix))
    }

    fn value(&mut self, setting: &'static Setting, at: usize, value: &DeValue<'_>) {
        let Some(text) = in_words(setting.shape, value) else {
            let text = format!("expected {}, found {}", shape_in_words(setting), type_in_words(value));
            return self.fault(setting.key, at, text);
        };
        // An empty value counts as not set, as in the environment.
        if !text.is_empty() {
            let place = self.place(at);
            self.values.insert(setting.name, (text, place));
        }
    }
}

/// The value as the environment has it. The file may have this form too, as a string.
fn in_words(shape: Shape, value: &DeValue<'_>) -> Option<String> {
    match (shape, value) {
        (_, DeValue::String(text)) => Some(text.to_string()),
        (Shape::Number, DeValue::Integer(number)) => integer(number),
        (Shape::Switch, DeValue::Boolean(on)) => Some(if *on { "on" } else { "off" }.to_owned()),
        (Shape::List, DeValue::Array(items)) => {
            let items: Option<Vec<_>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            Some(items?.join(","))
        }
        (Shape::Amounts, DeValue::Table(amounts)) => {
            let amount = |(name, amount): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| {
                Some(format!("{}:{}", name.get_ref(), integer(amount.get_ref().as_integer()?)?))
            };
            let amounts: Option<Vec<_>> = amounts.iter().map(amount).collect();
            Some(amounts?.join(","))
        }
        _ => None,
    }
}

fn integer(number: &toml::de::DeInteger<'_>) -> Option<String> {
    i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
}

/// The form of the setting in the file.
fn shape_in_words(setting: &Setting) -> String {
    let form = setting.form;
    match setting.shape {
        Shape::Text => format!("a string: {form}"),
        Shape::Number => form.to_owned(),
        Shape::Switch => "true or false".to_owned(),
        Shape::List => format!("an array of strings: {form}"),
        Shape::Amounts => "a table like { EUR = 1000, JPY = 500 }, in minor units".to_owned(),
    }
}

fn type_in_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
