//! Tests of the language: what a template may say, and what it cannot do.

use super::*;
use proptest::prelude::*;
use serde_json::json;
use skep_application::notifications::{built_in, sample_data};
use skep_domain::{
    notifications::{MailKind, TemplateSources},
    shared::Text,
};

fn sample() -> serde_json::Value {
    sample_data(MailKind::OrderPlaced)
}

/// The fault that a save reports; `Ok` with the text that the sample gives.
fn tried(source: &str) -> Result<String, (TemplateFaultKind, String)> {
    let pair = |fault: TemplateFault| (fault.kind, fault.detail);
    MinijinjaRenderer.check(TemplatePart::Text, source, &sample()).map_err(pair)?;
    MinijinjaRenderer.render(TemplatePart::Text, source, &sample()).map_err(pair)
}

#[test]
fn a_template_has_variables_choices_loops_and_a_few_filters() {
    for (source, text) in [
        ("Hello {{ customer.name }}!", "Hello Ada Lovelace!"),
        ("{% if order.pay_until and not order.lines %}a{% else %}b{% endif %}", "b"),
        ("{% for line in order.lines %}{{ loop.index }}. {{ line.name }}{% endfor %}", "1. Forest honey"),
        ("{% for line in order.lines %}{{ line.quantity }}{% else %}none{% endfor %}", "2"),
        ("{{ order.number | lower }} {{ customer.name | upper }}", "k7qm-3xwa ADA LOVELACE"),
        ("{{ order.pay_until | default('soon') }}", "2026-01-31 18:00 UTC"),
        ("{{ 'a' if order.total == 'b' else 'c' }}", "c"),
        ("{# a comment #}{% raw %}{{ {% endraw %}", "{{ "),
    ] {
        assert_eq!(tried(source).as_deref(), Ok(text), "{source}");
    }
}

#[test]
fn an_unknown_variable_or_field_is_found_also_where_the_sample_does_not_go() {
    for source in [
        "{{ nothing }}",
        "{{ customer.email }}",
        "{{ customer.name.first }}",
        "{% if not customer.name %}{{ nothing }}{% endif %}",
        "{% for line in order.lines %}{% if line.price %}{% endif %}{% endfor %}",
        "{% for line in order.lines %}{% endfor %}{{ line.name }}",
        "{% for line in order.lines %}{% else %}{{ line.name }}{% endfor %}",
        "{% for line in order.number %}{% endfor %}",
        "{% for line in order.lines %}{{ loop.depth }}{% endfor %}",
        "{{ loop.index }}",
        "{{ order.total | default(nothing) }}",
        "{{ 'a' if nothing else 'b' }}",
    ] {
        assert_eq!(tried(source).map_err(|(kind, _)| kind), Err(TemplateFaultKind::UnknownVariable), "{source}");
    }
    let (_, detail) = tried("a\n{{ customer.email }}").unwrap_err();
    assert_eq!(detail, "line 2: there is no field `email`");
}

#[test]
fn an_unknown_filter_is_found_also_where_the_sample_does_not_go() {
    for source in ["{{ order.number | safe }}", "{% if not order.number %}{{ order.number | tojson }}{% endif %}"] {
        assert_eq!(tried(source).map_err(|(kind, _)| kind), Err(TemplateFaultKind::UnknownFilter), "{source}");
    }
}

#[test]
fn what_could_read_files_or_make_a_long_text_from_a_short_one_is_refused() {
    for source in [
        "{{ order.number",
        "{% if %}{% endif %}",
        "{% for line in order.lines %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% import 'x' as y %}",
        "{% macro a() %}{% endmacro %}",
        "{% block a %}{% endblock %}",
        "{% set a = 'b' %}",
        "{% set a %}b{% endset %}",
        "{% with a = 'b' %}{% endwith %}",
        "{% do range(3) %}",
        "{% autoescape false %}{% endautoescape %}",
        "{% filter upper %}a{% endfilter %}",
        "{{ 'a' * 1000000000 }}",
        "{{ 'a' ~ 'b' }}",
        "{{ 1 + 1 }}",
        "{{ -1 }}",
        "{{ range(1000000) }}",
        "{{ order.number() }}",
        "{{ order['number'] }}",
        "{{ order.number[1:2] }}",
        "{{ order.number is defined }}",
        "{{ [1, 2] }}",
        "{{ {'a': 1} }}",
        "{{ 'a' in order.number }}",
        "{% for a, b in order.lines %}{% endfor %}",
        "{% for a in order.lines recursive %}{% endfor %}",
        "{% for a in order.lines if a.name %}{% endfor %}",
        "{{ order.number | upper('a') }}",
        "{{ order.number | default }}",
        &("{{ ".to_owned() + &"(".repeat(10_000)),
        &"{% if order %}".repeat(1_000),
        &format!("{{{{ order{} }}}}", ".a".repeat(9_000)),
        &format!("{{{{ order.number{} }}}}", "|upper".repeat(3_000)),
        &format!("{{{{ order.number{} }}}}", " or order.number".repeat(1_200)),
    ] {
        assert_eq!(tried(source).map_err(|(kind, _)| kind), Err(TemplateFaultKind::Syntax), "{source:.40}");
    }
}

#[test]
fn the_html_is_escaped_and_the_text_is_not() {
    let data = json!({ "name": "<b onclick='x'>\"&" });
    let render = |part| MinijinjaRenderer.render(part, "<p>{{ name }}</p>", &data).unwrap();
    assert_eq!(render(TemplatePart::Html), "<p>&lt;b onclick=&#x27;x&#x27;&gt;&quot;&amp;</p>");
    assert_eq!(render(TemplatePart::Text), "<p><b onclick='x'>\"&</p>");
    assert_eq!(render(TemplatePart::Subject), "<p><b onclick='x'>\"&</p>");
}

#[test]
fn a_variable_that_the_data_lacks_is_a_fault() {
    for source in ["{{ a }}", "{{ b.c }}", "{% if a %}{% endif %}", "{% for x in a %}{% endfor %}"] {
        let fault = MinijinjaRenderer.render(TemplatePart::Text, source, &json!({ "b": {} })).unwrap_err();
        assert_eq!(fault.kind, TemplateFaultKind::UnknownVariable, "{source}");
    }
}

#[test]
fn work_and_output_have_limits() {
    let data = json!({ "list": vec![0; 1_000], "text": "a".repeat(1_000) });
    let render = |source: &str| MinijinjaRenderer.render(TemplatePart::Text, source, &data);
    let nested = "{% for a in list %}".repeat(3) + &"{% endfor %}".repeat(3);
    assert_eq!(render(&nested).unwrap_err().detail, "the template takes too long");
    let long = "{% for a in list %}{{ text }}{% endfor %}";
    assert_eq!(render(long).unwrap_err().detail, "the result is too long");
    assert_eq!(render("{% for a in list %}{{ a }}{% endfor %}").unwrap().len(), 1_000);
}

#[test]
fn the_longest_order_fits_the_limits() {
    let line = json!({ "name": "n".repeat(200), "quantity": 1_000_000, "total": "9007199254740.99 EUR" });
    let mut data = sample();
    data["order"]["lines"] = json!(vec![line; 100]);
    let TemplateSources { text, html, .. } = built_in(MailKind::OrderPlaced);
    for (part, source) in [(TemplatePart::Text, Some(text)), (TemplatePart::Html, html)] {
        assert!(MinijinjaRenderer.render(part, source.unwrap().as_str(), &data).is_ok());
    }
}

#[test]
fn built_in_templates_pass_the_check_and_make_a_mail() {
    for kind in MailKind::ALL {
        let (TemplateSources { subject, text, html }, sample) = (built_in(*kind), sample_data(*kind));
        let parts =
            [(TemplatePart::Subject, Some(subject)), (TemplatePart::Text, Some(text)), (TemplatePart::Html, html)];
        for (part, source) in parts {
            let source = source.as_ref().map(Text::as_str).unwrap();
            assert_eq!(MinijinjaRenderer.check(part, source, &sample), Ok(()), "{kind:?} {part:?}");
            let made = MinijinjaRenderer.render(part, source, &sample).unwrap();
            // The subjects of mails about accounts have no variable.
            let shown = match sample["order"]["number"].as_str() {
                Some(number) => number,
                None if part == TemplatePart::Subject => "",
                None => sample["customer"]["name"].as_str().unwrap(),
            };
            assert!(made.contains(shown) && !made.contains("{{"), "{made}");
        }
    }
}

proptest! {
    #[test]
    fn a_source_that_passes_the_check_can_be_rendered(
        parts in prop::collection::vec(prop::sample::select(vec![
            "{{ order.number }}", "{{ customer.name | upper }}", "{% if order.total %}", "{% else %}", "{% endif %}",
            "{% for line in order.lines %}", "{{ line.name }}", "{{ loop.last }}", "{% endfor %}", "{{", "}}", "{%", "a",
            "{{ order.pay_until | default('x') }}", "{{ nothing }}", "\n", "{% if order.number == line.name %}",
        ]), 0..10)
    ) {
        let source = parts.concat();
        let checked = MinijinjaRenderer.check(TemplatePart::Html, &source, &sample());
        if checked.is_ok() {
            let rendered = MinijinjaRenderer.render(TemplatePart::Html, &source, &sample());
            prop_assert!(rendered.is_ok(), "{source}: {rendered:?}");
        }
    }
}
