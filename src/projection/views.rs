//! The views as one event sees them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::de::DeserializeOwned;

use super::enrich::Facts;
use crate::subscription::Partition;
use crate::types::{InvalidRowKey, RowKey, RowsWanted};

/// How many rows under a prefix are loaded at a time.
const PAGE: usize = 1_000;

/// The views as one event sees them: as the events before it have left them.
///
/// Keys must come from the event and the facts alone; closures are run with the views at hand. The key of a view is 1 to 512 bytes
/// without control characters; an event that leads to another key cannot be taken in.
#[derive(Debug)]
pub struct Views<'a, V> {
    pass: Pass<'a, V>,
    partition: Partition,
}

#[derive(Debug)]
enum Pass<'a, V> {
    Dry(&'a mut Wanted, &'a Facts),
    Fold(&'a mut Folding<V>, &'a Facts),
}

/// What a batch touches.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) keys: BTreeSet<RowKey>,
    pub(super) prefixes: BTreeSet<String>,
    pub(super) invalid: Option<InvalidRowKey>,
}

impl Wanted {
    /// All rows to be loaded.
    pub(super) fn all(&self) -> Vec<RowsWanted> {
        self.rows(self.keys.iter().cloned().collect())
    }

    /// The rows to be loaded, if only these keys are: no question, if there are none.
    pub(super) fn rows(&self, keys: Vec<RowKey>) -> Vec<RowsWanted> {
        let keys = (!keys.is_empty()).then_some(keys);
        let pages = self.prefixes.iter().map(|prefix| {
            let prefix = prefix.as_str().into();
            RowsWanted::Page { prefix, after: None, limit: PAGE }
        });
        keys.map(RowsWanted::Keys).into_iter().chain(pages).collect()
    }
}

/// The views of a batch.
pub(super) type Loaded<V> = BTreeMap<RowKey, Slot<V>>;

/// What the second pass works on.
#[derive(Debug)]
pub(super) struct Folding<V> {
    pub(super) loaded: Loaded<V>,
    /// Those that the dry pass has met.
    pub(super) prefixes: BTreeSet<String>,
    pub(super) stray: Option<Stray>,
}

/// The place of one view.
#[derive(Debug)]
pub(super) struct Slot<V> {
    pub(super) view: Option<V>,
    /// Whether an event has touched it, so that it must be written.
    pub(super) is_touched: bool,
}

/// A key, or a prefix of keys, that the dry pass did not meet.
#[derive(Debug, thiserror::Error)]
#[error("the projection has chosen `{0}` only when it folded: keys must come from the event alone")]
pub(super) struct Stray(String);

impl<'a, V> Views<'a, V> {
    pub(super) const fn dry(
        wanted: &'a mut Wanted,
        facts: &'a Facts,
        partition: Partition,
    ) -> Self {
        Self { pass: Pass::Dry(wanted, facts), partition }
    }

    pub(super) const fn fold_into(
        folding: &'a mut Folding<V>,
        facts: &'a Facts,
        partition: Partition,
    ) -> Self {
        Self { pass: Pass::Fold(folding, facts), partition }
    }

    /// The general form: what was there, and what shall be; `None` is no view.
    pub fn fold(&mut self, key: impl AsRef<str>, change: impl FnOnce(Option<V>) -> Option<V>) {
        let key = key.as_ref();
        if !self.partition.owns(key) {
            return;
        }
        match &mut self.pass {
            // Most events of a batch touch what others have touched: nothing is made for them.
            Pass::Dry(wanted, _) if wanted.keys.contains(key) => {}
            Pass::Dry(wanted, _) => match RowKey::new(key) {
                Ok(key) => drop(wanted.keys.insert(key)),
                Err(invalid) => wanted.invalid = Some(invalid),
            },
            Pass::Fold(folding, _) => match folding.loaded.get_mut(key) {
                Some(slot) => {
                    slot.view = change(slot.view.take());
                    slot.is_touched = true;
                }
                None => folding.stray = Some(Stray(key.to_owned())),
            },
        }
    }

    /// Puts a view.
    pub fn set(&mut self, key: impl AsRef<str>, view: V) {
        self.fold(key, |_| Some(view));
    }

    /// Removes a view, if there is one.
    pub fn remove(&mut self, key: impl AsRef<str>) {
        self.fold(key, |_| None);
    }

    /// Changes a view, or the default one if there is none.
    pub fn update(&mut self, key: impl AsRef<str>, change: impl FnOnce(&mut V))
    where
        V: Default,
    {
        self.fold(key, |view| {
            let mut view = view.unwrap_or_default();
            change(&mut view);
            Some(view)
        });
    }

    /// Changes a view, if there is one.
    pub fn change(&mut self, key: impl AsRef<str>, change: impl FnOnce(&mut V)) {
        self.fold(key, |view| {
            view.map(|mut view| {
                change(&mut view);
                view
            })
        });
    }

    /// Changes all views whose keys begin with `prefix`. They are all loaded and written at once: for groups that stay
    /// small, as the orders of a customer.
    pub fn change_under(&mut self, prefix: impl AsRef<str>, mut change: impl FnMut(&str, &mut V)) {
        let prefix = prefix.as_ref();
        match &mut self.pass {
            Pass::Dry(wanted, _) => drop(wanted.prefixes.insert(prefix.to_owned())),
            Pass::Fold(folding, _) if !folding.prefixes.contains(prefix) => {
                folding.stray = Some(Stray(prefix.to_owned()));
            }
            Pass::Fold(Folding { loaded, .. }, _) => {
                let from = (Bound::Included(prefix), Bound::Unbounded);
                for (key, slot) in loaded.range_mut::<str, _>(from) {
                    if !key.as_str().starts_with(prefix) {
                        break;
                    }
                    if let Some(view) = &mut slot.view
                        && self.partition.owns(key.as_str())
                    {
                        change(key.as_str(), view);
                        slot.is_touched = true;
                    }
                }
            }
        }
    }

    /// What [`Enrich`](super::Enrich) found under `name` for this batch; `None` if it found nothing, or no `T`.
    #[must_use]
    pub fn fact<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        match &self.pass {
            Pass::Dry(_, facts) | Pass::Fold(_, facts) => facts.get(name),
        }
    }
}

/// Makes a place for a view that was loaded, or for one that is not there. What is loaded twice is loaded once.
pub(super) fn slot<V>(loaded: &mut Loaded<V>, key: RowKey, view: Option<V>) {
    if let Entry::Vacant(free) = loaded.entry(key) {
        free.insert(Slot { view, is_touched: false });
    }
}
