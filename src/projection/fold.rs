//! The two passes over a batch.

use super::contract::Projection;
use super::enrich::Facts;
use super::events::{Events, are_distinct};
use super::views::{Folding, Loaded, Views, Wanted, slot};
use crate::event::exact;
use crate::subscription::{Partition, SinkError};
use crate::types::{RecordedEvent, Row, RowSet, RowWrite};

/// The longest name, in bytes: with the number of a rebuild behind it, it still names a set of rows.
const NAME_BYTES_MAX: usize = 40;

/// A batch that is decoded, once for both passes.
pub(super) struct Decoded<'e, P: Projection> {
    events: Vec<(&'e RecordedEvent, <P::Events as Events<P>>::Decoded)>,
    partition: Partition,
}

/// Whether a name can be that of a projection.
pub(super) const fn is_name(name: &str) -> bool {
    let mut rest = name.as_bytes();
    if !matches!(rest, [b'a'..=b'z', ..]) || rest.len() > NAME_BYTES_MAX {
        return false;
    }
    while let [first, tail @ ..] = rest {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        rest = tail;
    }
    !is_taken(name.as_bytes())
}

/// Whether a name is that of a set of the crate's own, or of a build of another projection: `orders_g1`.
const fn is_taken(mut name: &[u8]) -> bool {
    if matches!(name, [b'f', b'r', b'e', b'e', b'h', b'o', b'l', b'd', b'_', ..]) {
        return true;
    }
    let mut digits = 0;
    while let [head @ .., b'0'..=b'9'] = name {
        name = head;
        digits += 1;
    }
    digits > 0 && matches!(name, [.., b'_', b'g'])
}

/// Refuses to compile a projection that cannot work.
pub(super) const fn check<P: Projection>() {
    const {
        assert!(
            is_name(P::NAME),
            "a projection is named with 1 to 40 of a-z, 0-9 and _, the first of them a letter, \
             and neither begins with freehold_ nor ends with _g and a number"
        );
        assert!(
            are_distinct(<P::Events as Events<P>>::CATEGORIES),
            "two event types of a projection share a category"
        );
    }
}

impl<'e, P: Projection> Decoded<'e, P> {
    pub(super) fn of(events: &'e [RecordedEvent], partition: Partition) -> Result<Self, SinkError> {
        let mut decoded = Vec::with_capacity(events.len());
        for record in events {
            P::Events::decode(record, |event| decoded.push((record, event)))
                .map_err(|why| SinkError::event(record.position(), why))?;
        }
        Ok(Self { events: decoded, partition })
    }

    /// The first pass: what the batch touches.
    pub(super) fn wanted(&self, projection: &P, facts: &Facts) -> Result<Wanted, SinkError> {
        let mut wanted = Wanted::default();
        for (record, event) in &self.events {
            let mut views = Views::dry(&mut wanted, facts, self.partition);
            P::Events::route(projection, event, record, &mut views);
            if let Some(why) = wanted.invalid.take() {
                return Err(SinkError::event(record.position(), why));
            }
        }
        Ok(wanted)
    }

    /// The second pass: the rows that the batch leaves, given those that were there.
    pub(super) fn fold(
        &self,
        projection: &P,
        set: &RowSet,
        wanted: Wanted,
        before: Vec<Row>,
        facts: &Facts,
    ) -> Result<Vec<RowWrite>, SinkError> {
        let mut loaded = Loaded::new();
        for Row { key, value } in before {
            let view = value.read().map_err(|why| {
                // Its shape has changed, and it was not rebuilt: no event is to blame.
                tracing::error!(set = %set, %key, "a view cannot be read");
                SinkError::fatal(why)
            })?;
            slot(&mut loaded, key, Some(view));
        }
        for key in wanted.keys {
            slot(&mut loaded, key, None);
        }
        let mut folding = Folding { loaded, prefixes: wanted.prefixes, stray: None };
        for (record, event) in &self.events {
            let mut views = Views::fold_into(&mut folding, facts, self.partition);
            P::Events::route(projection, event, record, &mut views);
            if let Some(stray) = folding.stray.take() {
                return Err(SinkError::event(record.position(), stray));
            }
        }
        let mut rows = Vec::with_capacity(folding.loaded.len());
        for (key, slot) in folding.loaded.into_iter().filter(|(_, slot)| slot.is_touched) {
            rows.push(match slot.view {
                Some(view) => {
                    let value = exact::to_row(&view);
                    RowWrite::put(set, &key, value.map_err(|why| SinkError::Batch(why.into()))?)
                }
                None => RowWrite::delete(set, &key),
            });
        }
        Ok(rows)
    }
}
