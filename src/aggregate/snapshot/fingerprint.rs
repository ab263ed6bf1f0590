//! Of which code a stored state is.

use uuid::Uuid;

use super::Snapshotted;
use crate::event::{Event, names, shape};
use crate::types::mark::{State, impersonal};

/// Under which both the fingerprint and the checksum of a snapshot are made.
const SNAPSHOTS: Uuid = Uuid::from_u128(0x6f1d_0c1e_59a4_4d0b_8d44_2b0f_9a6b_7e31);

/// What a state is stored under: who has another one would perhaps have folded another state.
///
/// A type that gains a field still reads the states from before, and would take them for complete; so its shape counts, and the
/// state that a stream begins with. One that reads a new event, or more of one, has passed that over before, and one that has other
/// steps from old events has folded others of them.
pub(super) fn of<A: Snapshotted>() -> Uuid {
    let begun = serde_json::to_string(&A::default()).unwrap_or_default();
    // A reader by hand may name its events, and say no more of them.
    let names = names::<A::Event>().unwrap_or_default().join(",");
    let (category, version) = (A::Event::CATEGORY, A::STATE_VERSION);
    let (state, events) = (shape::<A>(), shape::<A::Event>());
    let upcasts = A::Event::upcasts().outline();
    let code = format!("{category}\n{version}\n{names}\n{begun}\n{state}\n{events}\n{upcasts}");
    Uuid::new_v5(&SNAPSHOTS, code.as_bytes())
}

/// Tells a state that is damaged.
pub(super) fn checksum(version: u64, event: Uuid, state: &str) -> Uuid {
    let mut whole = format!("{version}\n{event}\n").into_bytes();
    // What is said of a person is proved by its seal, and is not to be guessed from this when it is forgotten. That it was is
    // told: then the state is another one than today's code would fold.
    let told = |state: &State<'_>| match state {
        State::Forgotten => b" forgotten".as_slice(),
        _ => b"",
    };
    impersonal(state.as_bytes(), told, |part| whole.extend_from_slice(part));
    Uuid::new_v5(&SNAPSHOTS, &whole)
}
