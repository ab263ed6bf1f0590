//! What became of a state.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Aggregate, Loaded, Past};

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

/// A value of a state that is another one, is gone, or is new.
#[derive(Clone, Debug, PartialEq)]
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
        Value::Object(fields) if !fields.is_empty() => {
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

impl std::fmt::Display for FieldChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side =
            |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{}: {} -> {}", self.path, side(&self.before), side(&self.after))
    }
}
