//! The known setting that is most like an unknown one.

use super::setting::Setting;

/// The variable with the most similar name, if one is similar.
pub(super) fn nearest_name(settings: &[Setting], name: &str) -> Option<&'static str> {
    // Some names have the prefix and some do not: SKEP_PORT means PORT.
    let plain = name.strip_prefix("SKEP_").unwrap_or(name);
    let of = |setting: &Setting| distance(name, setting.name).min(distance(plain, setting.name));
    let (distance, near) = settings.iter().map(|setting| (of(setting), setting.name)).min()?;
    // Three changes make any short name another one.
    (distance <= 3 && distance < plain.len()).then_some(near)
}

/// The most similar key: one with the same last part, the key of this variable, or the one with the fewest differences.
pub(super) fn nearest_key(settings: &'static [Setting], key: &str) -> Option<&'static str> {
    let last = key.rsplit('.').next().unwrap_or(key);
    let keys = || settings.iter().filter(|setting| !setting.key.is_empty());
    let ends = keys().find(|setting| setting.key.rsplit('.').next() == Some(last));
    let variable = || {
        let name = last.to_ascii_uppercase();
        keys().find(|setting| setting.name == name || setting.name.strip_prefix("SKEP_") == Some(&name))
    };
    if let Some(setting) = ends.or_else(variable) {
        return Some(setting.key);
    }
    let section = |setting: &'static Setting| setting.key.split_once('.').map_or(setting.key, |(section, _)| section);
    let names = keys().flat_map(|setting| [setting.key, section(setting)]);
    let (distance, near) = names.map(|name| (distance(key, name), name)).min()?;
    (distance <= 3).then_some(near)
}

/// The most similar of these names, if one is similar.
pub(super) fn nearest_of<'n>(names: impl Iterator<Item = &'n str>, name: &str) -> Option<&'n str> {
    let (distance, near) = names.map(|known| (distance(name, known), known)).min()?;
    (distance <= 3 && distance < name.len()).then_some(near)
}

/// The Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
