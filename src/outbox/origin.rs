//! Where a relay's messages come from.

use std::sync::Arc;

use crate::ports::Outbound;
use crate::subscription::SinkError;
use crate::types::mark::is_sealed;
use crate::types::{Destination, Envelope, Message, Position, RecordedEvent, Sequence, Source};

/// So many messages an event can lead to. The place of a message leaves room for them.
const MESSAGES_PER_EVENT_MAX: u64 = 1_024;

/// What makes messages of an event.
pub(super) type Mapping = dyn Fn(&RecordedEvent) -> Result<Vec<Envelope>, BoxError> + Send + Sync;
/// What says where a message goes.
pub(super) type Route = dyn Fn(&Envelope) -> Vec<Destination> + Send + Sync;
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where a relay's messages come from.
#[derive(Clone)]
pub(super) enum Origin {
    /// The outbox: one message at each position.
    Outbox,
    /// The events, and what they lead to.
    Events(Arc<Mapping>),
}

/// An event leads to more messages than it may.
#[derive(Debug, thiserror::Error)]
#[error("an event leads to {0} messages, at most {MESSAGES_PER_EVENT_MAX} are allowed")]
struct TooMany(usize);

/// A message holds personal data that no store has opened: its keys are gone astray, it was damaged, or it was never sealed and
/// only looks so. It is not to be published like that.
#[derive(Debug, thiserror::Error)]
#[error("it holds personal data that cannot be opened")]
struct Unopened;

impl Origin {
    /// The messages of what stands at one position of the log, and the place of each in its key.
    fn envelopes(&self, event: &RecordedEvent) -> Result<Vec<(Envelope, Position)>, BoxError> {
        let at = event.position();
        match self {
            Self::Outbox if is_sealed(event.data()) => Err(Unopened.into()),
            Self::Outbox => Ok(vec![(Envelope::stored(event.data())?, at)]),
            Self::Events(_) if event.closes() => Ok(Vec::new()),
            Self::Events(mapping) => {
                let envelopes = mapping(event)?;
                if envelopes.len() as u64 > MESSAGES_PER_EVENT_MAX {
                    return Err(TooMany(envelopes.len()).into());
                }
                let first = at.get().saturating_mul(MESSAGES_PER_EVENT_MAX);
                let places = (first..).map(Position::new);
                Ok(envelopes.into_iter().zip(places).collect())
            }
        }
    }
}

/// A message that is to be published, and where its log has it.
#[derive(Clone, Debug)]
pub(super) struct Due {
    /// Where its log has it.
    pub(super) position: Position,
    pub(super) outbound: Outbound,
}

/// Reads what a batch leads to, in order. What has expired by `now` is left out.
pub(super) fn read(
    origin: &Origin,
    route: &Route,
    source: &Source,
    events: &[RecordedEvent],
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<Due>, SinkError> {
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        let position = event.position();
        let envelopes = origin.envelopes(event).map_err(|why| SinkError::event(position, why))?;
        for (envelope, at) in envelopes {
            if envelope.expires_at().is_some_and(|expires| expires <= now) {
                continue;
            }
            let mut destinations = route(&envelope);
            let envelope = match envelope.time() {
                Some(_) => envelope,
                None => envelope.with_time(event.recorded_at()),
            };
            let Some(last) = destinations.pop() else { continue };
            let message = Message::new(envelope, source.clone(), Some(Sequence::new(at, None)));
            for destination in destinations {
                let outbound = Outbound::new(message.clone(), destination);
                all.push(Due { position, outbound });
            }
            all.push(Due { position, outbound: Outbound::new(message, last) });
        }
    }
    Ok(all)
}
