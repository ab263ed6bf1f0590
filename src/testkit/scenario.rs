//! Given these events, when this command runs, then those events follow.

use std::fmt::{self, Debug, Write};

use uuid::Uuid;

use crate::aggregate::Aggregate;
use crate::event::{Event, encode};
use crate::types::EventId;

/// Begins a scenario with what has happened; `given([])` is a new aggregate.
///
/// Events are compared by the name and the JSON that they are recorded as, so they need neither
/// `PartialEq` nor `Debug`; and one that cannot be recorded fails the test.
///
/// ```
/// use freehold::testkit::given;
/// use freehold::{Aggregate, Event};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Payment { Received { euros: i64 }, Sent { euros: i64 } }
///
/// impl Event for Payment { const CATEGORY: &'static str = "account"; }
///
/// #[derive(Debug, PartialEq)]
/// struct Overdrawn { missing: i64 }
///
/// #[derive(Clone, Default)]
/// struct Account { euros: i64 }
///
/// impl Aggregate for Account {
///     type Event = Payment;
///     fn apply(&mut self, event: &Payment) {
///         self.euros += match event {
///             Payment::Received { euros } => *euros,
///             Payment::Sent { euros } => -euros,
///         };
///     }
/// }
///
/// impl Account {
///     fn send(&self, euros: i64) -> Result<Vec<Payment>, Overdrawn> {
///         if euros > self.euros {
///             return Err(Overdrawn { missing: euros - self.euros });
///         }
///         Ok(if euros == 0 { vec![] } else { vec![Payment::Sent { euros }] })
///     }
/// }
///
/// given([Payment::Received { euros: 70 }])
///     .when(|account: &Account| account.send(30))
///     .then([Payment::Sent { euros: 30 }])
///     .then_state(|account| assert_eq!(account.euros, 40));
///
/// given([]).when(|account: &Account| account.send(30)).then_error(Overdrawn { missing: 30 });
/// given([]).when(|account: &Account| account.send(30)).then_rejected(|error| error.missing > 0);
/// given([]).when(|account: &Account| account.send(0)).then_nothing();
/// ```
#[must_use = "a scenario shows nothing before `then`"]
pub fn given<E: Event>(events: impl IntoIterator<Item = E>) -> Given<E> {
    Given { events: events.into_iter().collect() }
}

/// A scenario that has a past, made by [`given`].
#[must_use = "a scenario shows nothing before `then`"]
pub struct Given<E> {
    events: Vec<E>,
}

impl<E: Event> Given<E> {
    /// Runs a command on the state of the past events. The closure names the aggregate:
    /// `.when(|account: &Account| account.send(30))`.
    #[track_caller]
    #[must_use = "a scenario shows nothing before `then`"]
    pub fn when<A: Aggregate<Event = E>, R>(
        self,
        command: impl FnOnce(&A) -> Result<Vec<E>, R>,
    ) -> When<A, R> {
        let mut state = A::default();
        for event in &self.events {
            // The past is what a store would have handed back: it must be recordable.
            let _ = wire(event);
            state.apply(event);
        }
        let decided = command(&state);
        When { state, decided }
    }
}

impl<E: Event> Debug for Given<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("events", &self.events.len()).finish()
    }
}

/// A scenario whose command has run, made by [`Given::when`]. Each `then` panics if it is not so.
pub struct When<A: Aggregate, R> {
    state: A,
    decided: Result<Vec<A::Event>, R>,
}

#[allow(clippy::return_self_not_must_use, reason = "`then` is the end, unless another one follows")]
impl<A: Aggregate, R> When<A, R> {
    /// The command was accepted, and just these events follow.
    ///
    /// # Panics
    /// If it is not so, with both sides event by event.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Self
    where
        R: Debug,
    {
        let expected: Vec<_> = expected.into_iter().map(|event| wire(&event)).collect();
        let decided: Vec<_> = match &self.decided {
            Ok(events) => events.iter().map(wire).collect(),
            Err(error) => panic!(
                "the command was refused with {error:?}, expected these events:\n{}",
                lines("- ", &expected)
            ),
        };
        assert!(
            decided == expected,
            "other events than expected (- expected, + decided):\n{}",
            difference(&expected, &decided)
        );
        self
    }

    /// The command was accepted, and nothing happens.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn then_nothing(self) -> Self
    where
        R: Debug,
    {
        self.then([])
    }

    /// The command was refused with just this error.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a scenario reads better without the ampersand"
    )]
    pub fn then_error(self, expected: R) -> Self
    where
        R: PartialEq + Debug,
    {
        let error = self.error(&format!("{expected:?}"));
        assert!(*error == expected, "refused with {error:?}, expected {expected:?}");
        self
    }

    /// The command was refused, with an error that `fits`.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn then_rejected(self, fits: impl FnOnce(&R) -> bool) -> Self
    where
        R: Debug,
    {
        let error = self.error("a refusal");
        assert!(fits(error), "refused with {error:?}, which is not the refusal that was expected");
        self
    }

    /// Hands the state after the decided events to assertions; after a refusal, the state before.
    #[track_caller]
    pub fn then_state(self, holds: impl FnOnce(&A)) -> Self {
        let mut state = self.state.clone();
        for event in self.decided.iter().flatten() {
            state.apply(event);
        }
        holds(&state);
        self
    }

    #[track_caller]
    fn error(&self, expected: &str) -> &R {
        match &self.decided {
            Err(error) => error,
            Ok(events) => {
                let events: Vec<_> = events.iter().map(wire).collect();
                panic!(
                    "the command was accepted, expected {expected}; it decided {} events:\n{}",
                    events.len(),
                    lines("+ ", &events)
                )
            }
        }
    }
}

impl<A: Aggregate, R> Debug for When<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.decided.as_ref().map(Vec::len).ok();
        f.debug_struct("When").field("accepted_with_events", &events).finish_non_exhaustive()
    }
}

/// An event as a log would hold it, on one line: its name and its JSON.
#[track_caller]
pub(super) fn wire<E: Event>(event: &E) -> String {
    match encode(event, EventId::new(Uuid::nil())) {
        Ok(new) => format!("{} {}", new.name(), String::from_utf8_lossy(new.data())),
        Err(error) => {
            panic!("an event of `{}` cannot be recorded: {error} ({error:?})", E::CATEGORY)
        }
    }
}

fn lines(mark: &str, events: &[String]) -> String {
    if events.is_empty() {
        return format!("{mark}(no events)\n");
    }
    events.iter().fold(String::new(), |mut text, event| {
        let _ = writeln!(text, "{mark}{event}");
        text
    })
}

/// Both sides in one text: what they begin and end with alike once, and between them each its own.
fn difference(expected: &[String], decided: &[String]) -> String {
    let alike = |(a, b): &(&String, &String)| a == b;
    let begin = expected.iter().zip(decided).take_while(alike).count();
    let (expected_rest, decided_rest) = (&expected[begin..], &decided[begin..]);
    let end = expected_rest.iter().rev().zip(decided_rest.iter().rev()).take_while(alike).count();
    let only = |rest: &[String], mark: &str| match &rest[..rest.len() - end] {
        [] => String::new(),
        some => lines(mark, some),
    };
    let both =
        |events: &[String]| if events.is_empty() { String::new() } else { lines("  ", events) };
    [
        both(&expected[..begin]),
        only(expected_rest, "- "),
        only(decided_rest, "+ "),
        both(&expected_rest[expected_rest.len() - end..]),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
        texts.map(str::to_owned).to_vec()
    }

    #[test]
    fn a_difference_shows_what_is_alike_once() {
        let shown = difference(&texts(["A", "B", "C", "Z"]), &texts(["A", "C", "D", "Z"]));
        assert_eq!(shown, "  A\n- B\n- C\n+ C\n+ D\n  Z\n");
        assert_eq!(difference(&texts(["A", "A"]), &texts(["A"])), "  A\n- A\n");
        assert_eq!(difference(&texts([]), &texts(["A"])), "+ A\n");
    }
}
