//! Messages before which one is missing, at hand for when it comes.

use std::collections::BTreeMap;

use super::parked::{Line, line};
use crate::ports::Delivery;
use crate::types::{Destination, Message, Position};

/// The place of a message among those of its key: at each destination it is another.
type Place = (Position, Option<Destination>);

/// Copies of messages that wait for one before them.
///
/// The broker is asked to deliver such a message again, and does so in an order of its own, behind what came meanwhile. Of many
/// that wait, hardly one would come in its turn, and the key would stand nearly still. So each is tried when the one before it
/// has been handled; what comes again then is known to be a duplicate.
#[derive(Debug)]
pub(super) struct Held {
    lines: BTreeMap<Line, BTreeMap<Place, Message>>,
    count: usize,
    messages_max: usize,
}

fn place(message: &Message) -> Option<Place> {
    message.sequence.map(|sequence| (sequence.at, message.destination.clone()))
}

impl Held {
    pub(super) const fn new(messages_max: usize) -> Self {
        Self { lines: BTreeMap::new(), count: 0, messages_max }
    }

    /// Keeps a copy, if there is room. The broker has the message in any case.
    pub(super) fn keep(&mut self, message: Message) {
        let Some(place) = place(&message).filter(|_| self.count < self.messages_max) else {
            return;
        };
        let is_new = self.lines.entry(line(&message)).or_default().insert(place, message).is_none();
        self.count += usize::from(is_new);
    }

    /// What was delivered of a key, and the copies of others of it, in the order in which they were sent, if they tell it. No
    /// copy is kept any more.
    pub(super) fn join(
        &mut self,
        of: &Line,
        delivered: Vec<(Message, Delivery)>,
    ) -> Vec<(Message, Option<Delivery>)> {
        let mut copies = self.lines.remove(of).unwrap_or_default();
        self.count -= copies.len();
        for (message, _) in &delivered {
            place(message).and_then(|place| copies.remove(&place));
        }
        let delivered = delivered.into_iter().map(|(message, delivery)| (message, Some(delivery)));
        let copies = copies.into_values().map(|message| (message, None));
        let mut all: Vec<_> = delivered.chain(copies).collect();
        if all.iter().all(|(message, _)| message.sequence.is_some()) {
            all.sort_by_key(|(message, _)| message.sequence.map(|sequence| sequence.at));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::types::{Envelope, MessageId, MessageType, OrderingKey, Sequence, Source};

    fn message(at: Option<u64>) -> Message {
        let kind = MessageType::new("said").unwrap();
        let key = OrderingKey::new("a").unwrap();
        let id = MessageId::new(Uuid::from_u128(at.unwrap_or_default().into()));
        let sequence = at.map(|at| Sequence::new(Position::new(at), None));
        Message::new(Envelope::new(id, kind, key, ""), Source::new("/here").unwrap(), sequence)
    }

    fn delivered(at: Option<u64>) -> (Message, Delivery) {
        (message(at), Delivery::new(Ok(message(at)), 0, 0))
    }

    /// Where the messages stand, and whether they were delivered.
    fn joined(held: &mut Held, ats: &[Option<u64>]) -> Vec<(u64, bool)> {
        let of = line(&message(None));
        let all = held.join(&of, ats.iter().map(|at| delivered(*at)).collect());
        let at = |message: &Message| message.sequence.map_or(0, |sequence| sequence.at.get());
        all.iter().map(|(message, delivery)| (at(message), delivery.is_some())).collect()
    }

    #[test]
    fn copies_come_in_their_turn_once_and_not_beside_what_is_delivered_again() {
        let mut held = Held::new(3);
        for at in [9, 5, 7, 5, 11] {
            held.keep(message(Some(at)));
        }
        let all = joined(&mut held, &[Some(7), Some(3)]);
        assert_eq!(all, [(3, true), (5, false), (7, true), (9, false)], "and no more than three");
        assert_eq!(joined(&mut held, &[]), []);
        held.keep(message(Some(11)));
        assert_eq!(joined(&mut held, &[]), [(11, false)], "there is room again");
    }

    #[test]
    fn messages_without_a_place_stay_where_they_came() {
        let mut held = Held::new(3);
        held.keep(message(None));
        let all = joined(&mut held, &[Some(7), None, Some(3)]);
        assert_eq!(all, [(7, true), (0, true), (3, true)]);
    }
}
