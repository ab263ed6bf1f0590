//! What a user's own aggregate can reach.

use std::fmt;

use chrono::DateTime;
use proptest::collection::{SizeRange, vec};
use proptest::strategy::Strategy;
use uuid::Uuid;

use crate::aggregate::Aggregate;
use crate::event::{Event, decode, encode};
use crate::testkit::scenario::wire;
use crate::types::{EventId, Position, Recording, StreamId, StreamVersion};

/// The events of an aggregate that got there by its own commands, and the state they fold to.
///
/// Its [`Debug`] shows the events as a log would hold them.
#[derive(Clone)]
pub struct History<A: Aggregate> {
    events: Vec<A::Event>,
    state: A,
    refused: usize,
}

impl<A: Aggregate> History<A> {
    /// The events, oldest first.
    #[must_use]
    pub fn events(&self) -> &[A::Event] {
        &self.events
    }

    /// The events, to hand on.
    #[must_use]
    pub fn into_events(self) -> Vec<A::Event> {
        self.events
    }

    /// The state after them.
    #[must_use]
    pub const fn state(&self) -> &A {
        &self.state
    }

    /// How many of the commands were refused, and so left no trace.
    #[must_use]
    pub const fn refused(&self) -> usize {
        self.refused
    }
}

impl<A: Aggregate> fmt::Debug for History<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events.iter().map(|event| Wire(wire(event)))).finish()
    }
}

struct Wire(String);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Histories that are reached by `len` of the `commands`, each decided on the state that the ones before
/// it have left. A refused command adds nothing, so no history holds events that the aggregate would
/// not have decided.
///
/// ```
/// use freehold::testkit::{proptest::prelude::*, strategies};
/// use freehold::{Aggregate, Event};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Payment { Received { euros: u32 }, Sent { euros: u32 } }
///
/// impl Event for Payment { const CATEGORY: &'static str = "account"; }
///
/// #[derive(Clone, Default)]
/// struct Account { euros: i64 }
///
/// impl Aggregate for Account {
///     type Event = Payment;
///     fn apply(&mut self, event: &Payment) {
///         self.euros += match *event {
///             Payment::Received { euros } => i64::from(euros),
///             Payment::Sent { euros } => -i64::from(euros),
///         };
///     }
/// }
///
/// #[derive(Clone, Copy, Debug)]
/// enum Command { Receive(u32), Send(u32) }
///
/// fn decide(account: &Account, command: &Command) -> Result<Vec<Payment>, &'static str> {
///     match *command {
///         Command::Receive(euros) => Ok(vec![Payment::Received { euros }]),
///         Command::Send(euros) if i64::from(euros) > account.euros => Err("overdrawn"),
///         Command::Send(euros) => Ok(vec![Payment::Sent { euros }]),
///     }
/// }
///
/// let commands =
///     prop_oneof![(1..100_u32).prop_map(Command::Receive), (1..100_u32).prop_map(Command::Send)];
/// proptest!(|(history in strategies::histories(commands, decide, 0..20))| {
///     prop_assert!(history.state().euros >= 0);
///     strategies::assert_events_survive(history.events());
/// });
/// ```
pub fn histories<A, C, R>(
    commands: impl Strategy<Value = C>,
    decide: impl Fn(&A, &C) -> Result<Vec<A::Event>, R>,
    len: impl Into<SizeRange>,
) -> impl Strategy<Value = History<A>>
where
    A: Aggregate,
    C: fmt::Debug,
{
    vec(commands, len).prop_map(move |commands| {
        let mut history = History { events: Vec::new(), state: A::default(), refused: 0 };
        for command in commands {
            let Ok(decided) = decide(&history.state, &command) else {
                history.refused += 1;
                continue;
            };
            for event in decided {
                history.state.apply(&event);
                history.events.push(event);
            }
        }
        history
    })
}

/// Sees that each event is recorded and read back as what it was: written again, it is the same name and
/// the same bytes.
///
/// # Panics
/// With the event, if one cannot be written, cannot be read, or has changed.
#[track_caller]
pub fn assert_events_survive<E: Event>(events: &[E]) {
    let stream = StreamId::new(E::CATEGORY, "1").expect("an event's category is well formed");
    for event in events {
        let before = wire(event);
        let id = EventId::new(Uuid::nil());
        let new = encode(event, id).expect("it was encoded a moment ago");
        let recorded = new.recorded(Recording {
            stream: stream.clone(),
            version: StreamVersion::new(1),
            position: Position::new(1),
            recorded_at: DateTime::UNIX_EPOCH,
        });
        let read: E = match decode(&recorded) {
            Ok(read) => read,
            Err(error) => panic!("an event cannot be read back: {before}: {error} ({error:?})"),
        };
        let after = wire(&read);
        assert!(after == before, "an event has changed on its way:\n- {before}\n+ {after}");
    }
}
