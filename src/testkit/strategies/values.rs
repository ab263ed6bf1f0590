//! The types of the crate, over all that they allow.

use proptest::collection::{hash_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::types::{
    Commit, EventId, EventName, ExpectedVersion, InboxKey, Metadata, NewEvent, StreamId,
    StreamVersion, TraceContext,
};

/// Text of 1 to `bytes_max` bytes, at least 4, without control characters; mostly short and plain, at times long, or
/// of any script.
fn names(bytes_max: usize) -> impl Strategy<Value = String> {
    let plain =
        select(('a'..='z').chain('0'..='9').chain("-_. %'\"/\\".chars()).collect::<Vec<_>>());
    let character = prop_oneof![
        4 => plain,
        1 => any::<char>().prop_map(|c| if c.is_control() { '\u{1F980}' } else { c }),
    ];
    // A long one repeats a short one: as good at finding what breaks at the end, and far cheaper.
    let bytes = prop_oneof![9 => Just(0), 1 => 1..=bytes_max];
    (vec(character, 1..12), bytes).prop_map(move |(text, bytes)| {
        let repeated = text.iter().cycle().take(bytes.max(text.len()));
        let mut name = String::new();
        for character in repeated {
            if name.len() + character.len_utf8() <= bytes_max {
                name.push(*character);
            }
        }
        name
    })
}

/// Any well-formed stream, its category and id up to their longest.
pub fn stream_ids() -> impl Strategy<Value = StreamId> {
    let letter = select(('a'..='z').chain('0'..='9').chain(['_']).collect::<Vec<_>>());
    let category = prop_oneof![9 => vec(letter.clone(), 1..8), 1 => vec(letter, 1..=64)];
    (category, names(190)).prop_map(|(category, id)| {
        let category: String = category.into_iter().collect();
        StreamId::new(&category, id).expect("both halves are well formed")
    })
}

/// Any event id. They do not shrink: two would become one.
pub fn event_ids() -> impl Strategy<Value = EventId> {
    any::<u128>().no_shrink().prop_map(|id| EventId::new(Uuid::from_u128(id)))
}

/// Any well-formed event name.
pub fn event_names() -> impl Strategy<Value = EventName> {
    names(190).prop_map(|name| EventName::new(&name).expect("it is well formed"))
}

/// Any inbox key.
pub fn inbox_keys() -> impl Strategy<Value = InboxKey> {
    (names(190), names(512)).prop_map(|(consumer, message)| {
        InboxKey::new(&consumer, &message).expect("it is well formed")
    })
}

/// Every form of expectation, with versions that are likely and one that is not.
pub fn expected_versions() -> impl Strategy<Value = ExpectedVersion> {
    let version = prop_oneof![9 => 0..5_u64, 1 => any::<u64>()];
    prop_oneof![
        Just(ExpectedVersion::Any),
        Just(ExpectedVersion::NoStream),
        Just(ExpectedVersion::StreamExists),
        version.prop_map(|version| StreamVersion::new(version).into()),
    ]
}

fn traces() -> impl Strategy<Value = TraceContext> {
    let state = option::of(vec(select((' '..='~').collect::<Vec<_>>()), 1..=64));
    (1_u128.., 1_u64.., any::<u8>(), state).prop_map(|(trace, parent, flags, state)| {
        let trace = TraceContext::new(&format!("00-{trace:032x}-{parent:016x}-{flags:02x}"));
        let trace = trace.expect("neither id is zero");
        match state {
            Some(state) => {
                let state: String = state.into_iter().collect();
                trace.with_state(&state).expect("it is printable ASCII")
            }
            None => trace,
        }
    })
}

/// Any metadata: each field or none, and some entries.
pub fn metadata() -> impl Strategy<Value = Metadata> {
    let ids = (option::of(any::<u128>()), option::of(any::<u128>()));
    let who = (option::of(names(190)), option::of(names(190)));
    let value = vec(any::<char>(), 0..40).prop_map(|text| text.into_iter().collect::<String>());
    let entries = vec((names(190), value), 0..4);
    (ids, who, option::of(traces()), entries).prop_map(
        |((correlation, causation), (actor, tenant), trace, entries)| {
            let build = || {
                let mut metadata = Metadata::new();
                if let Some(id) = correlation {
                    metadata = metadata.with_correlation(Uuid::from_u128(id));
                }
                if let Some(id) = causation {
                    metadata = metadata.with_causation(Uuid::from_u128(id));
                }
                if let Some(trace) = trace {
                    metadata = metadata.with_trace(trace);
                }
                if let Some(actor) = actor {
                    metadata = metadata.with_actor(&actor)?;
                }
                if let Some(tenant) = tenant {
                    metadata = metadata.with_tenant(&tenant)?;
                }
                entries.into_iter().try_fold(metadata, |m, (key, value)| m.with_entry(&key, &value))
            };
            build().expect("every field is within its bounds")
        },
    )
}

/// Any event: its payload is at times JSON, at times any bytes, at times empty.
pub fn new_events() -> impl Strategy<Value = NewEvent> {
    let json = any::<i64>().prop_map(|n| format!(r#"{{"n":{n}}}"#).into_bytes());
    let data = prop_oneof![3 => json, 1 => vec(any::<u8>(), 0..64)];
    (event_ids(), event_names(), data, metadata()).prop_map(|(id, name, data, metadata)| {
        NewEvent::new(id, name, data).with_metadata(metadata)
    })
}

/// Well-formed commits, within the usual limits: one to four streams with one to four events each, up to
/// two checks, and at times an inbox key. What they expect of streams is up to chance.
pub fn commits() -> impl Strategy<Value = Commit> {
    let guarded = (hash_set(stream_ids(), 1..=6), vec(expected_versions(), 6));
    let events = vec(vec(new_events(), 1..=4), 1..=4);
    (guarded, events, option::weighted(0.3, inbox_keys())).prop_map(
        |((streams, expected), events, inbox)| {
            let mut guards = streams.into_iter().zip(expected);
            let mut commit = Commit::new();
            for (events, (stream, expected)) in events.into_iter().zip(&mut guards) {
                commit = commit.append(&stream, expected, events);
            }
            for (stream, expected) in guards.take(2) {
                commit = commit.check(&stream, expected);
            }
            match inbox {
                Some(key) => commit.inbox(key),
                None => commit,
            }
        },
    )
}
