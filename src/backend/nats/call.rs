//! One call: which of its messages are answered, and which are not.

use std::collections::{HashSet, VecDeque};

use crate::ports::{Outbound, PublishError, Stored};

/// Which messages have their place behind each other: those of a destination and key.
type Line<'m> = (&'m str, &'m str);

fn line(outbound: &Outbound) -> Line<'_> {
    (outbound.destination.as_str(), outbound.message.envelope.key().as_str())
}

/// The messages of a call, and their answers. They are taken in order, and what is not answered can be put back.
pub(super) struct Call<'m> {
    messages: &'m [Outbound],
    answers: Vec<Option<Result<Stored, PublishError>>>,
    left: VecDeque<usize>,
    /// Behind what was not stored nothing of its line is. `None` where a call is not ordered.
    blocked: Option<HashSet<Line<'m>>>,
}

impl<'m> Call<'m> {
    pub(super) fn new(messages: &'m [Outbound], is_ordered: bool) -> Self {
        Self {
            messages,
            answers: vec![None; messages.len()],
            left: (0..messages.len()).collect(),
            blocked: is_ordered.then(HashSet::new),
        }
    }

    /// How many are neither answered nor taken.
    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    /// Takes the next message, with its number.
    pub(super) fn take(&mut self) -> Option<(usize, &'m Outbound)> {
        while let Some(n) = self.left.pop_front() {
            let message = self.messages.get(n)?;
            if !self.is_behind(message) {
                return Some((n, message));
            }
            self.set(n, Err(PublishError::Behind));
        }
        None
    }

    fn is_behind(&self, message: &Outbound) -> bool {
        let blocked = self.blocked.as_ref().filter(|blocked| !blocked.is_empty());
        blocked.is_some_and(|blocked| blocked.contains(&line(message)))
    }

    fn set(&mut self, n: usize, answer: Result<Stored, PublishError>) {
        if let Some(place) = self.answers.get_mut(n) {
            *place = Some(answer);
        }
    }

    /// Answers a message that was taken.
    pub(super) fn answer(&mut self, n: usize, answer: Result<Stored, PublishError>) {
        if let (Err(_), Some(blocked), Some(message)) =
            (&answer, &mut self.blocked, self.messages.get(n))
        {
            blocked.insert(line(message));
        }
        self.set(n, answer);
    }

    /// Puts back what was taken and is not answered, in order.
    pub(super) fn put_back(&mut self, taken: impl DoubleEndedIterator<Item = usize>) {
        for n in taken.rev() {
            self.left.push_front(n);
        }
    }

    /// What is left has one answer: the broker is in trouble.
    pub(super) fn give_up(&mut self, why: &PublishError) {
        while let Some((n, _)) = self.take() {
            self.answer(n, Err(why.clone()));
        }
    }

    /// The answers, in the order of the messages. What has none was not stored, since the call has ended before.
    pub(super) fn answers(self) -> Vec<Result<Stored, PublishError>> {
        let unanswered = || Err(PublishError::Behind);
        self.answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::types::{
        Destination, Envelope, Message, MessageId, MessageType, OrderingKey, Source,
    };

    fn messages(keys: &str) -> Vec<Outbound> {
        let message = |key: char| {
            let kind = MessageType::new("said").unwrap();
            let key = OrderingKey::new(&key.to_string()).unwrap();
            let envelope = Envelope::new(MessageId::new(Uuid::nil()), kind, key, "");
            let message = Message::new(envelope, Source::new("/here").unwrap(), None);
            Outbound::new(message, Destination::new("there").unwrap())
        };
        keys.chars().map(message).collect()
    }

    fn taken(call: &mut Call<'_>) -> Vec<usize> {
        std::iter::from_fn(|| call.take().map(|(n, _)| n)).collect()
    }

    #[test]
    fn what_is_put_back_is_taken_again_in_its_order() {
        let messages = messages("abc");
        let mut call = Call::new(&messages, true);
        assert_eq!(taken(&mut call), [0, 1, 2]);
        call.answer(0, Ok(Stored::new(Some(1), false)));
        call.put_back([1, 2].into_iter());
        assert_eq!((call.left(), taken(&mut call)), (2, vec![1, 2]));
    }

    #[test]
    fn behind_what_was_not_stored_its_line_waits_where_a_call_is_ordered() {
        let messages = messages("aabab");
        for (is_ordered, wanted) in [(true, vec![2, 4]), (false, vec![1, 2, 3, 4])] {
            let mut call = Call::new(&messages, is_ordered);
            let _ = call.take();
            call.answer(0, Err(PublishError::refused("it is too long")));
            assert_eq!(taken(&mut call), wanted);
        }
    }

    #[test]
    fn a_call_that_is_given_up_says_of_each_message_why() {
        use PublishError::{Behind, Unavailable};
        let messages = messages("aba");
        let mut call = Call::new(&messages, true);
        call.give_up(&PublishError::unavailable("nobody is there"));
        let answers = call.answers();
        let told = matches!(answers[..], [Err(Unavailable(_)), Err(Unavailable(_)), Err(Behind)]);
        assert!(told, "{answers:?}");
    }
}
