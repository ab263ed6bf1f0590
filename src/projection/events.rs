//! Which events a projection listens to.

use super::contract::{On, Projection};
use super::recorded::Recorded;
use super::views::Views;
use crate::event::{self, Event, EventError};
use crate::types::RecordedEvent;

/// One enum of events, or a tuple of up to six of different categories. Sealed: every [`Event`] is one.
#[diagnostic::on_unimplemented(
    message = "`{P}` does not handle every event type of `{Self}`",
    label = "write `impl On<E> for {P}` for each of them"
)]
pub trait Events<P: Projection>: sealed::Sealed<P> {
    #[doc(hidden)]
    const CATEGORIES: &'static [&'static str];
    #[doc(hidden)]
    type Decoded: Send + Sync;
    /// All that a record is today; nothing, if it is of another category.
    #[doc(hidden)]
    fn decode(record: &RecordedEvent, each: impl FnMut(Self::Decoded)) -> Result<(), EventError>;
    #[doc(hidden)]
    fn route(
        projection: &P,
        event: &Self::Decoded,
        record: &RecordedEvent,
        views: &mut Views<'_, P::View>,
    );
}

mod sealed {
    #[allow(unnameable_types, reason = "that is what seals a trait")]
    pub trait Sealed<P> {}
}

impl<P: On<E>, E: Event> sealed::Sealed<P> for E {}

impl<P: On<E>, E: Event> Events<P> for E {
    const CATEGORIES: &'static [&'static str] = &[E::CATEGORY];
    type Decoded = E;

    fn decode(record: &RecordedEvent, each: impl FnMut(E)) -> Result<(), EventError> {
        if record.stream().category() == E::CATEGORY {
            event::decode_all(record)?.for_each(each);
        }
        Ok(())
    }

    fn route(projection: &P, event: &E, record: &RecordedEvent, views: &mut Views<'_, P::View>) {
        projection.on(&Recorded::new(event, record), views);
    }
}

/// An event of one of several enums.
#[doc(hidden)]
#[derive(Debug)]
#[allow(
    clippy::exhaustive_enums,
    unnameable_types,
    reason = "hidden: only the macro below makes it"
)]
pub enum OneOf<A, B = Never, C = Never, D = Never, E = Never, F = Never> {
    A(A),
    B(B),
    C(C),
    D(D),
    E(E),
    F(F),
}

#[doc(hidden)]
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, unnameable_types, reason = "hidden, and there is nothing in it")]
pub enum Never {}

macro_rules! tuples { ($(($($event:ident)*))*) => { $(
    impl<P: Projection $(+ On<$event>)*, $($event: Event),*> sealed::Sealed<P> for ($($event,)*) {}

    impl<P: Projection $(+ On<$event>)*, $($event: Event),*> Events<P> for ($($event,)*) {
        const CATEGORIES: &'static [&'static str] = &[$($event::CATEGORY),*];
        type Decoded = OneOf<$($event),*>;

        fn decode(
            record: &RecordedEvent,
            mut each: impl FnMut(Self::Decoded),
        ) -> Result<(), EventError> {
            let category = record.stream().category();
            $(if category == $event::CATEGORY {
                event::decode_all(record)?.for_each(|event| each(OneOf::$event(event)));
                return Ok(());
            })*
            Ok(())
        }

        #[allow(unreachable_patterns, reason = "tuples of fewer have no other variants")]
        fn route(
            projection: &P,
            event: &Self::Decoded,
            record: &RecordedEvent,
            views: &mut Views<'_, P::View>,
        ) {
            match event {
                $(OneOf::$event(event) => projection.on(&Recorded::new(event, record), views),)*
                _ => {}
            }
        }
    }
)* } }

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }

/// Whether no two of the categories are the same: an event would have two readers, and only one would get it.
pub(super) const fn are_distinct(categories: &[&str]) -> bool {
    let mut rest = categories;
    while let [first, others @ ..] = rest {
        let mut left = others;
        while let [other, tail @ ..] = left {
            if is_same(first.as_bytes(), other.as_bytes()) {
                return false;
            }
            left = tail;
        }
        rest = others;
    }
    true
}

pub(super) const fn is_same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([x, rest_a @ ..], [y, rest_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.is_empty() && b.is_empty()
}
