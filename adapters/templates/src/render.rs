//! Fills the variables of a source, within limits.

use crate::check;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, value::Serde};
use skep_application::notifications::{Renderer, TemplateFault, TemplateFaultKind, TemplatePart};
use skep_domain::notifications::MAIL_PART_MAX;
use std::io::{self, Write};

/// The greatest number of instructions of a template. The longest order with a table takes a tenth of it.
const FUEL: u64 = 200_000;

/// Renders with minijinja. A value has no state, and each rendering starts from nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct MinijinjaRenderer;

impl Renderer for MinijinjaRenderer {
    fn check(&self, _: TemplatePart, source: &str, sample: &serde_json::Value) -> Result<(), TemplateFault> {
        check::check(source, sample)
    }

    fn render(&self, part: TemplatePart, source: &str, data: &serde_json::Value) -> Result<String, TemplateFault> {
        let environment = environment(part);
        let template = environment.template_from_str(source).map_err(|error| check::unreadable(&error))?;
        let mut output = Bounded(Vec::new());
        template.render_captured_to(Serde(data), &mut output).map_err(|error| failed(&error))?;
        String::from_utf8(output.0).map_err(|_| unusable("the result is not text"))
    }
}

/// An environment with nothing but the filters. The HTML is escaped, whatever the template says.
fn environment(part: TemplatePart) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let escape = if part == TemplatePart::Html { AutoEscape::Html } else { AutoEscape::None };
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment.add_filter("upper", |text: String| text.to_uppercase());
    environment.add_filter("lower", |text: String| text.to_lowercase());
    environment.add_filter("default", |value: Value, other: Value| if value.is_true() { value } else { other });
    environment
}

/// Collects the output up to the greatest length of a part of a mail.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAIL_PART_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unusable(detail: &str) -> TemplateFault {
    TemplateFault::new(TemplateFaultKind::Unusable, detail)
}

fn failed(error: &Error) -> TemplateFault {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError => {
            TemplateFault::new(TemplateFaultKind::UnknownVariable, line + "a variable or a field does not exist")
        }
        ErrorKind::OutOfFuel => unusable("the template takes too long"),
        ErrorKind::WriteFailure => unusable("the result is too long"),
        _ => unusable(&(line + error.detail().unwrap_or("no mail can be made from the template"))),
    }
}

#[cfg(test)]
mod tests;
