//! In which calls a batch is published.

use std::collections::HashSet;

use super::origin::Due;
use crate::ports::Outbound;
use crate::types::{Destination, OrderingKey};

/// Which messages have their place behind each other.
pub(super) type Line = (Destination, OrderingKey);

/// The same, borrowed.
pub(super) type Named<'m> = (&'m Destination, &'m OrderingKey);

pub(super) fn line(outbound: Outbound) -> Line {
    let key = outbound.message.envelope.key().clone();
    (outbound.destination, key)
}

pub(super) const fn named(outbound: &Outbound) -> Named<'_> {
    (&outbound.destination, outbound.message.envelope.key())
}

/// What is left of a batch: messages are pipelined across keys, and of one key there is one under way.
#[derive(Debug, Default)]
pub(super) struct Load {
    left: Vec<Due>,
    /// Nothing of these is published any more in this batch: a message before it could not be.
    blocked: HashSet<Line>,
}

impl Load {
    pub(super) fn new(left: Vec<Due>) -> Self {
        Self { left, blocked: HashSet::new() }
    }

    /// The messages of the next call; none if nothing is left. A broker that keeps the order of a call is given all of them.
    pub(super) fn next(&mut self, is_ordered: bool) -> Vec<Due> {
        let mut left = std::mem::take(&mut self.left);
        if !self.blocked.is_empty() {
            left.retain(|due| !self.blocked.contains(&line(due.outbound.clone())));
        }
        if is_ordered {
            return left;
        }
        let (mut taken, mut now, mut later) = (HashSet::new(), Vec::new(), Vec::new());
        for due in left {
            let (destination, key) = named(&due.outbound);
            if taken.insert((destination.clone(), key.clone())) {
                now.push(due);
            } else {
                later.push(due);
            }
        }
        self.left = later;
        now
    }

    /// Nothing of this line is published any more in this batch.
    pub(super) fn block(&mut self, line: Line) {
        self.blocked.insert(line);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::types::{Envelope, Message, MessageId, MessageType, Position, Source};

    fn due(at: u64, key: &str) -> Due {
        let kind = MessageType::new("said").unwrap();
        let key = OrderingKey::new(key).unwrap();
        let envelope = Envelope::new(MessageId::new(Uuid::from_u128(at.into())), kind, key, "");
        let message = Message::new(envelope, Source::new("/here").unwrap(), None);
        let outbound = Outbound::new(message, Destination::new("there").unwrap());
        Due { position: Position::new(at), outbound }
    }

    fn load(keys: &str) -> Load {
        let keys = keys.chars().map(String::from).collect::<Vec<_>>();
        Load::new((1..).zip(&keys).map(|(at, key)| due(at, key)).collect())
    }

    fn calls(load: &mut Load, is_ordered: bool) -> Vec<Vec<u64>> {
        let next = || {
            let call = load.next(is_ordered);
            (!call.is_empty()).then(|| call.iter().map(|due| due.position.get()).collect())
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn of_one_key_there_is_one_message_in_a_call_and_keys_go_side_by_side() {
        assert_eq!(calls(&mut load("aabac"), false), [vec![1, 3, 5], vec![2], vec![4]]);
        assert!(calls(&mut load(""), false).is_empty());
    }

    #[test]
    fn a_broker_that_keeps_the_order_is_given_all_at_once() {
        assert_eq!(calls(&mut load("aabac"), true), [vec![1, 2, 3, 4, 5]]);
    }

    #[test]
    fn behind_a_message_that_could_not_be_published_its_key_waits() {
        let mut load = load("aabab");
        assert_eq!(load.next(false).len(), 2);
        load.block(line(due(1, "a").outbound));
        assert_eq!(calls(&mut load, false), [vec![5]]);
    }
}
