//! Folds within the append: they run in the inner store, where everything is sealed.

use std::sync::Arc;

use super::rings::Rings;
use super::text::{Needs, Unsealable};
use crate::ports::{Folding, InlineFold};
use crate::types::{Filter, LeaseName, RecordedEvent, Row, RowSet, RowValue, RowWrite};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How often keys are asked for that folds find missing before a commit fails: once for the events, once for the rows, once for what
/// is made of them; and again, since what was asked for can have left a small cache.
pub(super) const MISSING_TIMES_MAX: u32 = 8;

/// A fold cannot wait for keys: it stops, and says which it needs.
#[derive(Debug, thiserror::Error)]
#[error("keys of data subjects must be asked for first")]
pub(super) struct Missing(pub(super) Needs);

/// A fold that sees what is sealed as it is, and seals what it makes.
#[derive(Debug)]
pub(super) struct SealedFold {
    inner: Arc<dyn InlineFold>,
    rings: Arc<Rings>,
}

impl SealedFold {
    pub(super) fn new(inner: Arc<dyn InlineFold>, rings: Arc<Rings>) -> Self {
        Self { inner, rings }
    }

    /// The rows that a fold leaves, opened and sealed around it.
    fn fold(&self, folding: Folding<'_>, mut before: Vec<Row>) -> Result<Vec<RowWrite>, BoxError> {
        let payloads = before.iter_mut().map(|row| &mut row.value).map(RowValue::json_mut);
        none_missing(self.rings.open_known(payloads))?;
        let mut rows = folding.fold(before)?;
        let values = rows.iter_mut().filter_map(|row| row.value.as_mut());
        match self.rings.seal_known(values.map(RowValue::json_mut)) {
            Ok(missing) => none_missing(missing)?,
            Err(Unsealable::Backend(why)) => return Err(why.into()),
            // Rows forget what they cannot say.
            Err(Unsealable::Forgotten(_)) => {}
        }
        Ok(rows)
    }
}

impl InlineFold for SealedFold {
    fn name(&self) -> &LeaseName {
        self.inner.name()
    }

    fn set(&self) -> &RowSet {
        self.inner.set()
    }

    fn filter(&self) -> &Filter {
        self.inner.filter()
    }

    fn begin<'e>(&'e self, events: &'e [RecordedEvent]) -> Result<Folding<'e>, BoxError> {
        let is_marked = |event: &RecordedEvent| crate::types::mark::is_marked(event.data());
        if !events.iter().any(is_marked) {
            let folding = self.inner.begin(events)?;
            let wanted = folding.wanted().to_vec();
            return Ok(Folding::new(wanted, move |before| self.fold(folding, before)));
        }
        let mut opened = events.to_vec();
        none_missing(self.rings.open_known(opened.iter_mut().map(RecordedEvent::data_mut)))?;
        // What is opened lives as long as the fold, which is begun again there: it is pure.
        let wanted = self.inner.begin(&opened)?.wanted().to_vec();
        Ok(Folding::new(wanted, move |before| self.fold(self.inner.begin(&opened)?, before)))
    }
}

fn none_missing(missing: Option<Needs>) -> Result<(), Missing> {
    missing.map_or(Ok(()), |needs| Err(Missing(needs)))
}
