//! What JSON is made of, and what becomes of that.

use std::collections::BTreeSet;

use serde_json::Value;

/// Why somebody who reads `old` may be unable to read `new`.
pub(super) fn misfit(old: &Value, new: &Value, path: &str) -> Option<String> {
    let named = || if path.is_empty() { "the payload".to_owned() } else { format!("`{path}`") };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => old.iter().find_map(|(field, old)| {
            let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
            match new.get(field) {
                Some(new) => misfit(old, new, &path),
                None => Some(format!("`{path}` is gone")),
            }
        }),
        (Value::Array(old), Value::Array(new)) => {
            let old = old.first()?;
            new.iter().find_map(|new| misfit(old, new, &format!("{path}[]")))
        }
        // Nothing can be told from it.
        (Value::Null, _) => None,
        (old, new) if kind_of(old) == kind_of(new) => None,
        (old, new) => Some(format!("{} was {} and is {}", named(), kind_of(old), kind_of(new))),
    }
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What a payload is made of: the paths of its values, and what kinds of JSON they are.
pub(super) fn form(value: &Value) -> BTreeSet<(String, &'static str)> {
    let mut form = BTreeSet::new();
    collect(value, String::new(), &mut form);
    form
}

/// The paths of what was in a payload and is not in another.
pub(super) fn lost(old: &Value, new: &Value) -> Vec<String> {
    let there: BTreeSet<_> = form(new).into_iter().map(|(path, _)| path).collect();
    // Nothing was said by a `null`.
    let said = form(old).into_iter().filter(|(_, kind)| *kind != kind_of(&Value::Null));
    said.map(|(path, _)| path).filter(|path| !there.contains(path)).collect()
}

fn collect(value: &Value, path: String, form: &mut BTreeSet<(String, &'static str)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(value, inner, form);
            }
        }
        Value::Array(values) => {
            for value in values {
                collect(value, format!("{path}[]"), form);
            }
        }
        _ => {}
    }
    form.insert((path, kind_of(value)));
}
