//! What is done is closed, and moved out of the way of what is not.

use std::collections::BTreeMap;

use freehold::{Aggregate, Archive, Closing, Event, Metadata, RecordedEvent, Service, event};

use super::aggregate::{Order, Refusal};
use super::contracts::Failure;
use super::events::OrderEvent;
use super::service::{OrderOwner, OrderService};

/// How many events are moved at a time.
const STEP_EVENTS: usize = 500;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PutAway {
    /// Invoices that were closed now.
    pub closed: u64,
    /// Events that were moved now.
    pub events: u64,
}

/// An invoice that is not closed, and the flow of its events.
#[derive(Default)]
struct Open {
    order: Order,
    flow: Metadata,
}

impl OrderService {
    /// Closes every invoice of which nothing more can come, and moves the events of those that are closed into the archive.
    /// All that is read of them, and every figure, is as before.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read or moved.
    ///
    /// # Cancel safety
    /// Ask again: what is closed stays so, and each event is moved once.
    pub async fn put_away(&self) -> Result<PutAway, Failure> {
        let mut done = PutAway::default();
        for (stream, flow) in self.done().await? {
            let closing = self
                .orders()
                .execute(stream, |_: &Order| Ok::<_, Refusal>(Vec::new()))
                .and_close(Closing::because("done"))
                .metadata(flow);
            let failed = |error| Failure::command(OrderOwner::NAME, "close an invoice", error);
            closing.await.map_err(failed)?;
            done.closed += 1;
        }
        loop {
            let step = self.handle().archive(STEP_EVENTS).await;
            let failed = |error| Failure::failed(OrderOwner::NAME, "archive its events", error);
            let step = step.map_err(failed)?;
            done.events += step.events;
            if !step.has_more {
                return Ok(done);
            }
        }
    }

    /// The streams of the invoices that are done and not closed, each with its flow.
    async fn done(&self) -> Result<Vec<(String, Metadata)>, Failure> {
        let mut all: BTreeMap<String, Open> = BTreeMap::new();
        let read = |recorded: &RecordedEvent| {
            if recorded.stream().category() != OrderEvent::CATEGORY {
                return Ok(());
            }
            let stream = recorded.stream().id();
            if recorded.closes() {
                all.remove(stream);
                return Ok(());
            }
            let open = all.entry(stream.to_owned()).or_default();
            if let Some(flow) = recorded.metadata().correlation() {
                open.flow = Metadata::new().with_correlation(flow);
            }
            event::decode_all(recorded)?.for_each(|event| open.order.apply(&event));
            Ok(())
        };
        self.feed().read(read).await?;
        let done = all.into_iter().filter(|(_, open)| open.order.is_done());
        Ok(done.map(|(stream, open)| (stream, open.flow)).collect())
    }
}
