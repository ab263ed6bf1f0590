//! Feeding the broker again with what it has lost.

use std::collections::HashSet;

use super::load;
use super::origin::Due;
use super::publisher::{Lost, Publisher};
use super::send::{PartState, place, publish, trouble};
use crate::ports::{Extent, telemetry};
use crate::subscription::{Parked, Partition, Sink, SinkError};
use crate::types::{Commit, Position, RecordedEvent};

/// How many parked messages are read at a time.
const PAGE: usize = 500;

impl Publisher {
    /// Looks whether the broker still has all that it has stored, and publishes again what may be missing: from the newest
    /// place on where it is known to have had all, up to the checkpoint. What was not missing comes twice. How far the broker's log
    /// then goes is written down, so that it is seen when that is lost as well.
    pub(super) async fn heal(
        &self,
        state: &mut PartState,
        part: Partition,
    ) -> Result<(), SinkError> {
        let Some(extent) = self.broker.extent().await.map_err(trouble)? else {
            state.must_look = false;
            return Ok(());
        };
        // What has been stored since the loss hides it.
        let last = state.lost_beyond.map_or(extent.last, |beyond| beyond.min(extent.last));
        let kept = Extent::new(extent.log.clone(), last);
        state.forget_lost(&kept);
        let Some(from) = state.marks.lost(&kept) else {
            state.has_looked(&extent);
            return Ok(());
        };
        let lease = self.lease(part);
        let upto = self.store.lease(&lease).await?.checkpoint(self.feed.identity());
        tracing::error!(relay = %lease, %from, %upto, "the broker has lost messages, and is fed again");
        telemetry::broker_lost(self.name.as_str());
        let before = state.marks.clone();
        // What it is fed with lies behind all that is left.
        state.marks.forget(&kept);
        state.lost_beyond = None;
        let fed = self.feed_again(state, part, (from, upto)).await;
        let fed = fed.and_then(|newest| match state.lost_beyond {
            Some(_) => Err(SinkError::transient(Lost)),
            None => Ok(newest),
        });
        match fed {
            Ok(Some(newest)) => state.marks.note(&Extent::new(extent.log.clone(), newest), upto),
            Ok(None) => {}
            Err(why) => {
                state.marks = before;
                return Err(why);
            }
        }
        let row = state.marks.row(&lease).map_err(SinkError::fatal)?;
        self.store.commit(Commit::new().rows([row])).await?;
        state.has_looked(&extent);
        Ok(())
    }

    /// Publishes again what the part has published between two positions. The newest place that the broker has told of.
    async fn feed_again(
        &self,
        state: &mut PartState,
        part: Partition,
        (mut at, upto): (Position, Position),
    ) -> Result<Option<u64>, SinkError> {
        let parked = self.parked(part).await?;
        while at < upto {
            let (events, next) = self.published(part, &parked, at, upto).await?;
            let due: Vec<Due> = self.read(&events)?;
            let refused = publish(&self.name, &*self.broker, state, due).await.map_err(trouble)?;
            if let Some(refused) = refused {
                // It was taken once: whatever is wrong now is for somebody to mend, and nothing is left out meanwhile.
                return Err(SinkError::fatal(refused.why));
            }
            at = next;
        }
        state.stored.clear();
        Ok(state.newest.take())
    }

    /// Reads again what was published last, as far back as the log is kept: each message is to tell which one was before it
    /// in its key, whoever published that.
    pub(super) async fn recall(
        &self,
        state: &mut PartState,
        part: Partition,
    ) -> Result<(), SinkError> {
        let upto = self.store.lease(&self.lease(part)).await?.checkpoint(self.feed.identity());
        let mut at = Position::new(upto.get().saturating_sub(self.options.kept_positions));
        let parked = self.parked(part).await?;
        while at < upto {
            let (events, next) = self.published(part, &parked, at, upto).await?;
            for event in &events {
                // What cannot be read was given up.
                for due in self.read(std::slice::from_ref(event)).unwrap_or_default() {
                    let at = place(&due);
                    state.chain.stored(load::line(due.outbound), at);
                }
            }
            at = next;
        }
        Ok(())
    }

    /// What the part has published behind `at`, a page of it, and where the next one begins.
    async fn published(
        &self,
        part: Partition,
        parked: &HashSet<Position>,
        at: Position,
        upto: Position,
    ) -> Result<(Vec<RecordedEvent>, Position), SinkError> {
        let limit = self.options.batch_messages_max.max(1);
        let page = self.feed.read_all(at, &self.filter, limit).await?;
        let is_published = |event: &RecordedEvent| {
            event.position() <= upto
                && part.owns(self.key(event))
                && !parked.contains(&event.position())
        };
        let next = if page.upto > at { page.upto } else { upto };
        Ok((page.events.into_iter().filter(is_published).collect(), next))
    }

    /// What was not published, and waits for somebody.
    async fn parked(&self, part: Partition) -> Result<HashSet<Position>, SinkError> {
        let (mut all, mut last) = (HashSet::new(), None);
        loop {
            let (page, has_more) =
                Parked::list(&*self.store, &self.lease(part), last.as_ref(), PAGE).await?;
            let here = page.iter().filter(|parked| parked.log == self.feed.identity());
            all.extend(here.map(|parked| parked.position));
            last = page.into_iter().last();
            if !has_more {
                return Ok(all);
            }
        }
    }
}
