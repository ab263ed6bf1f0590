//! What became of a state.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{Aggregate, Loaded, Past};
use crate::types::mark::{MARK, SUBJECT};

/// Two states of one aggregate, and the events in between: what an audit asks for.
///
/// ```
/// # use freehold::{Aggregate, Event, Repository, StreamVersion, backend::memory::MemoryStore};
/// # use freehold::aggregate::AsOf;
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # enum Entry { Paid { cents: i64 } }
/// # impl Event for Entry { const CATEGORY: &'static str = "account"; }
/// # #[derive(Clone, Default, serde::Serialize)]
/// # struct Account { cents: i64, name: String }
/// # impl Aggregate for Account {
/// #     type Event = Entry;
/// #     fn apply(&mut self, Entry::Paid { cents }: &Entry) { self.cents += cents; }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let accounts = Repository::<Account>::new(MemoryStore::new());
/// # for cents in [100, -30] {
/// #     accounts.execute("alice", |_| Ok::<_, std::convert::Infallible>(vec![Entry::Paid { cents }])).await?;
/// # }
/// let [first, second] = [1, 2].map(|n| AsOf::Version(StreamVersion::new(n)));
/// let changes = accounts.changes("alice", first, second).await?;
/// assert_eq!((changes.before().cents, changes.after().cents), (100, 70));
/// assert!(matches!(changes.events()[0].event, Entry::Paid { cents: -30 }));
/// let fields = changes.fields()?;
/// assert_eq!(fields[0].to_string(), "cents: 100 -> 70");
/// # assert_eq!(fields.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Changes<A: Aggregate> {
    before: Loaded<A>,
    after: Loaded<A>,
    events: Vec<Past<A::Event>>,
}

/// A value of a state that is another one, is gone, or is new. [Personal](crate::Personal) data is one value, of which neither
/// `Display` nor `Debug` tells more than whose it is.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct FieldChange {
    /// Where it is in the state: `lines.3.price`.
    pub path: String,
    /// What it was; `None` if it was not there.
    pub before: Option<Value>,
    /// What it is; `None` if it is gone.
    pub after: Option<Value>,
}

impl<A: Aggregate> Changes<A> {
    pub(super) const fn new(
        before: Loaded<A>,
        after: Loaded<A>,
        events: Vec<Past<A::Event>>,
    ) -> Self {
        Self { before, after, events }
    }

    /// The state before.
    #[must_use]
    pub const fn before(&self) -> &Loaded<A> {
        &self.before
    }

    /// The state after.
    #[must_use]
    pub const fn after(&self) -> &Loaded<A> {
        &self.after
    }

    /// What has happened in between, in order.
    #[must_use]
    pub fn events(&self) -> &[Past<A::Event>] {
        &self.events
    }

    /// Which values of the state are other ones, in the order of their paths.
    ///
    /// # Errors
    /// What `serde_json` says, if a state is no JSON.
    pub fn fields(&self) -> Result<Vec<FieldChange>, serde_json::Error>
    where
        A: Serialize,
    {
        let [mut before, mut after] = [BTreeMap::new(), BTreeMap::new()];
        leaves(String::new(), serde_json::to_value(self.before.state())?, &mut before);
        leaves(String::new(), serde_json::to_value(self.after.state())?, &mut after);
        let mut changed: Vec<_> = after
            .iter()
            .filter(|(path, now)| before.get(*path) != Some(now))
            .map(|(path, now)| FieldChange {
                path: path.clone(),
                before: before.get(path).cloned(),
                after: Some(now.clone()),
            })
            .collect();
        let gone = before.into_iter().filter(|(path, _)| !after.contains_key(path));
        changed.extend(gone.map(|(path, was)| FieldChange {
            path,
            before: Some(was),
            after: None,
        }));
        changed.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(changed)
    }
}

/// The values of a state that hold no others, by their paths.
fn leaves(path: String, value: Value, found: &mut BTreeMap<String, Value>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) if !fields.is_empty() && !fields.contains_key(MARK) => {
            for (name, value) in fields {
                leaves(below(&name), value, found);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            for (n, value) in values.into_iter().enumerate() {
                leaves(below(&n.to_string()), value, found);
            }
        }
        leaf => drop(found.insert(path, leaf)),
    }
}

/// A side of a change, as it may be printed.
struct Shown<'a>(Option<&'a Value>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = self.0 else { return f.write_str("nothing") };
        match value.get(MARK) {
            Some(personal) => {
                write!(f, "personal data of {}", personal.get(SUBJECT).unwrap_or(&Value::Null))
            }
            None => write!(f, "{value}"),
        }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = [&self.before, &self.after].map(|side| Shown(side.as_ref()));
        write!(f, "{}: {before} -> {after}", self.path)
    }
}

impl fmt::Debug for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldChange({self})")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn personal_data_is_one_value_and_is_not_printed() {
        let personal =
            |name: &str| json!({"~personal": {"subject": "c-1", "value": {"name": name}}});
        let state = |name: &str| json!({"owner": personal(name), "cents": [1]});
        let mut found = BTreeMap::new();
        leaves(String::new(), state("Ada"), &mut found);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["cents.0", "owner"]);
        let change = FieldChange {
            path: "owner".to_owned(),
            before: Some(personal("Ada")),
            after: Some(personal("Bob")),
        };
        assert_eq!(
            change.to_string(),
            r#"owner: personal data of "c-1" -> personal data of "c-1""#
        );
        assert!(!format!("{change:?} {change:#?}").contains("Ada"));
    }
}
