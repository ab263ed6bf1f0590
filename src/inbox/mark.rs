//! The mark that a message was handled, and what it says of one that comes again.

use uuid::Uuid;

use crate::ports::{BackendError, CommitError, EventStore, RowStore};
use crate::types::{
    Advance, Commit, DedupKey, Destination, Fenced, InboxKey, InvalidInboxKey, Lease, LogId,
    Message, Position, Sequence,
};

/// The mark of one message.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// Its id, in the keys that the store remembers.
    Id(InboxKey),
    /// Its place in its key: a checkpoint under the consumer's lease, which a commit moves from the message before to this.
    Place { lease: Lease, of: LogId, from: Position, sequence: Sequence },
}

/// What a refused mark says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The message was handled before.
    Duplicate,
    /// Messages behind this place and before the message are missing.
    Gap { after: Position },
    /// The mark is to be moved from elsewhere.
    From(Position),
    /// Another process has the lease.
    Lost,
}

impl Mark {
    /// The mark of `message` for `consumer`; by its place if there is a lease and the message tells of one.
    pub(super) fn of(
        consumer: &str,
        lease: Option<&Lease>,
        message: &Message,
    ) -> Result<Self, InvalidInboxKey> {
        if let (Some(lease), Some(sequence)) = (lease, message.sequence) {
            let from = sequence.previous.unwrap_or_default();
            return Ok(Self::Place { lease: lease.clone(), of: key_of(message), from, sequence });
        }
        let id = format!("{} {}", message.envelope.id(), message.source);
        Ok(Self::Id(InboxKey::new(consumer, &id)?))
    }

    /// The part of a commit that makes it.
    pub(super) fn commit(&self) -> Commit {
        match self {
            Self::Id(key) => Commit::new().inbox(key.clone()),
            Self::Place { lease, of, from, sequence } => {
                Commit::new().advance(Advance::new(lease.clone(), *of, *from, sequence.at))
            }
        }
    }

    /// What it means that the mark could not be made.
    pub(super) fn refused(&self, fenced: &Fenced) -> Refused {
        let Self::Place { sequence, .. } = self else { return Refused::Lost };
        if fenced.epoch != fenced.epoch_held {
            return Refused::Lost;
        }
        let at = fenced.checkpoint;
        if at >= sequence.at {
            return Refused::Duplicate;
        }
        match sequence.previous {
            // What the sender says is before this one is not here. Were it passed over, it would be taken for a duplicate when
            // it comes.
            Some(previous) if previous > at => Refused::Gap { after: at },
            _ => Refused::From(at),
        }
    }

    /// The same, moved from elsewhere.
    pub(super) fn moved_from(self, at: Position) -> Self {
        match self {
            Self::Place { lease, of, sequence, .. } => {
                Self::Place { lease, of, from: at, sequence }
            }
            id @ Self::Id(_) => id,
        }
    }

    /// Whether the message was handled before, asked without handling it.
    pub(super) async fn is_made<S: EventStore + RowStore>(
        &self,
        store: &S,
    ) -> Result<bool, BackendError> {
        match self {
            Self::Id(key) => {
                store.outcome(&DedupKey::Inbox(key.clone())).await.map(|found| found.is_some())
            }
            Self::Place { lease, of, sequence, .. } => {
                // A move that goes nowhere only asks.
                let ask = Advance::new(lease.clone(), *of, sequence.at, sequence.at);
                match store.commit(Commit::new().advance(ask)).await {
                    Ok(_) => Ok(true),
                    Err(CommitError::Fenced(fenced)) => {
                        Ok(self.refused(&fenced) == Refused::Duplicate)
                    }
                    Err(CommitError::Backend(error) | CommitError::Unknown(error)) => Err(error),
                    Err(_) => Ok(false),
                }
            }
        }
    }
}

/// By what the checkpoint of a key is known, among those of its consumer. The places of a key at one destination say nothing of
/// those at another, from which messages come in between.
fn key_of(message: &Message) -> LogId {
    let source = Uuid::new_v5(&Uuid::NAMESPACE_URL, message.source.as_str().as_bytes());
    let destination = message.destination.as_ref().map_or("", Destination::as_str);
    let destination = Uuid::new_v5(&source, destination.as_bytes());
    LogId::new(Uuid::new_v5(&destination, message.envelope.key().as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Envelope, Epoch, LeaseName, MessageId, MessageType, OrderingKey, Source};

    fn mark(at: u64, previous: Option<u64>) -> Mark {
        let kind = MessageType::new("said").unwrap();
        let key = OrderingKey::new("a").unwrap();
        let envelope = Envelope::new(MessageId::new(Uuid::from_u128(1)), kind, key, "");
        let sequence = Sequence::new(Position::new(at), previous.map(Position::new));
        let message = Message::new(envelope, Source::new("/here").unwrap(), Some(sequence));
        let lease = Lease::new(LeaseName::new("mails").unwrap(), Epoch::new(3));
        Mark::of("mails", Some(&lease), &message).unwrap()
    }

    fn refused(mark: &Mark, epoch: u64, checkpoint: u64) -> Refused {
        let Mark::Place { lease, of, from, sequence } = mark else { unreachable!() };
        let advance = Advance::new(lease.clone(), *of, *from, sequence.at);
        mark.refused(&Fenced::new(&advance, Epoch::new(epoch), Position::new(checkpoint)))
    }

    #[test]
    fn a_place_tells_what_came_before_what_is_missing_and_who_has_the_lease() {
        let known = mark(10, Some(7));
        assert_eq!(refused(&known, 4, 7), Refused::Lost);
        assert_eq!(refused(&known, 3, 10), Refused::Duplicate);
        assert_eq!(refused(&known, 3, 12), Refused::Duplicate);
        assert_eq!(refused(&known, 3, 6), Refused::Gap { after: Position::new(6) });
        // A message between was given up by the sender after this one had been told its place.
        assert_eq!(refused(&known, 3, 8), Refused::From(Position::new(8)));
        assert_eq!(refused(&known, 3, 0), Refused::Gap { after: Position::START });
        let unknown = mark(10, None);
        assert_eq!(refused(&unknown, 3, 6), Refused::From(Position::new(6)));
        assert_eq!(refused(&unknown, 3, 10), Refused::Duplicate);
    }
}
