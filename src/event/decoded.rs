//! All that a record is today.

use std::iter::FusedIterator;
use std::vec;

/// The events that one recorded event is today, in their order; made by [`decode_all`](super::decode_all).
#[derive(Clone, Debug)]
pub struct Decoded<E>(Held<E>);

/// One event, which most records are, needs no memory of its own.
#[derive(Clone, Debug)]
enum Held<E> {
    One(Option<E>),
    All(vec::IntoIter<E>),
}

impl<E> Decoded<E> {
    pub(super) const fn one(event: E) -> Self {
        Self(Held::One(Some(event)))
    }

    pub(super) fn all(events: Vec<E>) -> Self {
        Self(Held::All(events.into_iter()))
    }

    /// Those that were not taken yet.
    #[must_use]
    pub fn as_slice(&self) -> &[E] {
        match &self.0 {
            Held::One(event) => event.as_slice(),
            Held::All(events) => events.as_slice(),
        }
    }
}

impl<E> Iterator for Decoded<E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        match &mut self.0 {
            Held::One(event) => event.take(),
            Held::All(events) => events.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.as_slice().len();
        (left, Some(left))
    }
}

impl<E> ExactSizeIterator for Decoded<E> {}

impl<E> FusedIterator for Decoded<E> {}
