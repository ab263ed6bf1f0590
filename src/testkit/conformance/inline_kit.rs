//! What the clauses of folds share: a fold that shows what it was given, and a log with it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::InlineHarness;
use super::kit::{Log, append, lease_name, set, stream, within};
use super::row_kit::{RowLog, Texts, texts_of};
use crate::ports::{EventStore, Folding, InlineFold, InlineStore, Inlined, RowStore, Unfoldable};
use crate::types::{
    Commit, ExpectedVersion::Any, Filter, LeaseName, RecordedEvent, Row, RowKey, RowSet, RowValue,
    RowWrite, RowsWanted,
};

/// An event whose tag begins so cannot be taken in.
pub(super) const POISON: &str = "poison";
/// An event whose tag begins so touches every row.
pub(super) const SWEEP: &str = "sweep";
/// How long a job's lease is asked for.
pub(super) const HOUR: Duration = Duration::from_hours(1);

/// Notes under the id of each stream, and under `all`, the tags of its events, in the order in which they come.
#[derive(Debug)]
pub(super) struct Notes {
    name: LeaseName,
    set: RowSet,
    filter: Filter,
}

#[derive(Debug, thiserror::Error)]
#[error("the event is poison")]
struct Poison;

impl Notes {
    pub(super) fn new(name: &str) -> Self {
        let filter = Filter::categories(["test"]).expect("the suite's categories are well formed");
        Self { name: lease_name(name), set: set(name), filter }
    }
}

/// The tag that an event of the suite was made of.
fn tag(event: &RecordedEvent) -> String {
    let text = String::from_utf8_lossy(event.data()).into_owned();
    let tag = text.split('"').nth(3);
    tag.unwrap_or_default().to_owned()
}

impl InlineFold for Notes {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn set(&self) -> &RowSet {
        &self.set
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn begin<'e>(
        &'e self,
        events: &'e [RecordedEvent],
    ) -> Result<Folding<'e>, Box<dyn Error + Send + Sync>> {
        if events.iter().any(|event| tag(event).starts_with(POISON)) {
            return Err(Poison.into());
        }
        let mut keys: Vec<RowKey> = vec![RowKey::new("all")?];
        for event in events {
            keys.push(RowKey::new(event.stream().id())?);
        }
        keys.sort();
        keys.dedup();
        let mut wanted = vec![RowsWanted::Keys(keys)];
        if events.iter().any(|event| tag(event).starts_with(SWEEP)) {
            wanted.push(RowsWanted::Page { prefix: "".into(), after: None, limit: 1 });
        }
        Ok(Folding::new(wanted, move |before| self.note(events, before)))
    }
}

impl Notes {
    fn note(
        &self,
        events: &[RecordedEvent],
        before: Vec<Row>,
    ) -> Result<Vec<RowWrite>, Box<dyn Error + Send + Sync>> {
        let mut rows = std::collections::BTreeMap::new();
        for Row { key, value } in before {
            rows.insert(key, value.read::<Vec<String>>()?);
        }
        for event in events {
            let tag = tag(event);
            for key in ["all", event.stream().id()] {
                rows.entry(RowKey::new(key)?).or_default().push(tag.clone());
            }
            if tag.starts_with(SWEEP) {
                for row in rows.values_mut() {
                    row.push("swept".to_owned());
                }
            }
        }
        let put = |(key, tags): (RowKey, Vec<String>)| {
            Ok(RowWrite::put(&self.set, &key, RowValue::of(&tags)?))
        };
        rows.into_iter().map(put).collect()
    }
}

/// A handle to a log that folds, with calls that must not fail.
#[derive(Clone, Debug)]
pub(super) struct FoldLog {
    pub(super) store: Arc<dyn InlineStore>,
    pub(super) events: Log,
    pub(super) rows: RowLog,
}

impl FoldLog {
    /// A handle that was given no fold.
    pub(super) async fn open(h: &dyn InlineHarness, log: &str) -> Self {
        let store = within("opening the log", h.open(log)).await;
        let events = Log(Arc::clone(&store) as Arc<dyn EventStore>);
        let rows = Arc::clone(&store) as Arc<dyn RowStore>;
        // What folds events keeps them.
        let rows = RowLog { store: rows, appends: true, inbox: false };
        Self { store, events, rows }
    }

    /// A handle that folds notes under this name.
    pub(super) async fn folding(h: &dyn InlineHarness, log: &str, name: &str) -> Self {
        let log = Self::open(h, log).await;
        log.fold(name).await;
        log
    }

    pub(super) async fn fold(&self, name: &str) {
        assert_eq!(self.inline(name).await, Inlined::Folds, "asking for the fold {name}");
    }

    pub(super) async fn inline(&self, name: &str) -> Inlined {
        self.rows.prepare(name).await;
        let inline = self.store.inline(Arc::new(Notes::new(name)));
        within("asking for a fold", inline).await.expect("a fold can be asked for")
    }

    pub(super) async fn detach(&self, name: &str) {
        let name = lease_name(name);
        within("detaching", self.store.detach(&name)).await.expect("a fold can be detached");
    }

    /// The notes of a fold.
    pub(super) async fn notes(&self, name: &str) -> Texts {
        self.rows.pages(name, "", usize::MAX).await
    }

    /// What was noted of all events.
    pub(super) async fn noted(&self, name: &str) -> Vec<String> {
        let page = self.rows.page(name, &super::row_kit::keys(&["all"]), None).await;
        match &*texts_of(&page) {
            [] => Vec::new(),
            [(_, json)] => serde_json::from_str(json).expect("the suite's rows are lists of tags"),
            more => panic!("one key, and several rows: {more:?}"),
        }
    }

    /// The tags of the feed.
    pub(super) async fn tags(&self) -> Vec<String> {
        self.events.feed().await.iter().map(tag).collect()
    }

    /// Sees that the notes are what the feed says.
    pub(super) async fn is_noted(&self, name: &str) {
        assert_eq!(self.noted(name).await, self.tags().await, "what {name} has folded of the feed");
    }
}

/// One event of this tag, in the stream of this id.
pub(super) fn one(id: &str, tag: &str) -> Commit {
    append(&stream(id), Any, &[tag])
}

/// What a commit that cannot be folded says.
pub(super) fn unfoldable(error: &crate::ports::CommitError) -> &Unfoldable {
    match error {
        crate::ports::CommitError::Unfoldable(why) => why,
        other => panic!("expected a commit that cannot be folded, not {other:?}"),
    }
}
