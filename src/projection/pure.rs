//! A projection without a store: the same two passes over views in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::contract::Projection;
use super::enrich::Facts;
use super::fold::{self, Decoded};
use super::views::Wanted;
use crate::subscription::{Partition, SinkError};
use crate::types::{RecordedEvent, Row, RowKey, RowSet, RowValue};

/// Views in memory, as a store would hold them, and how long they are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PureViews(pub(crate) BTreeMap<RowKey, RowValue>, usize);

impl PureViews {
    /// Takes a batch in; all of it, or nothing.
    pub(crate) fn fold<P: Projection>(
        &mut self,
        projection: &P,
        events: &[RecordedEvent],
        facts: &Facts,
    ) -> Result<(), SinkError> {
        fold::check::<P>();
        let set = RowSet::new(P::NAME).map_err(SinkError::fatal)?;
        let decoded = Decoded::<P>::of(events, Partition::WHOLE)?;
        let wanted = decoded.wanted(projection, facts)?;
        let before = self.before(&wanted);
        for row in decoded.fold(projection, &set, wanted, before, facts)? {
            self.put(row.key, row.value);
        }
        Ok(())
    }

    /// How long they are: keys and values, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.1
    }

    /// What is there of what a batch touches.
    fn before(&self, wanted: &Wanted) -> Vec<Row> {
        let keys = wanted.keys.iter().filter_map(|key| self.0.get_key_value(key));
        let under = wanted.prefixes.iter().flat_map(|prefix| {
            let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
            let all = self.0.range::<str, _>(from);
            all.take_while(move |(key, _)| key.as_str().starts_with(prefix))
        });
        let row =
            |(key, value): (&RowKey, &RowValue)| Row { key: key.clone(), value: value.clone() };
        keys.chain(under).map(row).collect()
    }

    fn put(&mut self, key: RowKey, value: Option<RowValue>) {
        let long = |key: &RowKey, value: &RowValue| key.as_str().len() + value.json().len();
        if let Some(before) = self.0.get(&key) {
            self.1 -= long(&key, before);
        }
        match value {
            Some(value) => {
                self.1 += long(&key, &value);
                self.0.insert(key, value);
            }
            None => drop(self.0.remove(&key)),
        }
    }
}
