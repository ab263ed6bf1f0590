//! A projection without a store, for tests: the same two passes over views in memory.

use std::collections::BTreeMap;

use super::contract::Projection;
use super::enrich::Facts;
use super::fold::{self, Decoded};
use crate::subscription::{Partition, SinkError};
use crate::types::{RecordedEvent, Row, RowKey, RowSet, RowValue};

/// Views in memory, as a store would hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PureViews(pub(crate) BTreeMap<RowKey, RowValue>);

impl PureViews {
    /// Takes a batch in.
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
        let is_wanted = |key: &RowKey| {
            let is_under = |prefix: &String| key.as_str().starts_with(prefix.as_str());
            wanted.keys.contains(key) || wanted.prefixes.iter().any(is_under)
        };
        let before = self.0.iter().filter(|(key, _)| is_wanted(key));
        let row =
            |(key, value): (&RowKey, &RowValue)| Row { key: key.clone(), value: value.clone() };
        let before = before.map(row).collect();
        for row in decoded.fold(projection, &set, wanted, before, facts)? {
            match row.value {
                Some(value) => drop(self.0.insert(row.key, value)),
                None => drop(self.0.remove(&row.key)),
            }
        }
        Ok(())
    }
}
