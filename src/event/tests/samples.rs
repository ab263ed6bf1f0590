//! An enum with every kind of variant, random values of it, and recorded events.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Event, EventError, encode};
use crate::types::{
    EventId, EventName, NewEvent, Position, RecordedEvent, Recording, StreamId, StreamVersion,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) sku: String,
    pub(super) quantity: u32,
    pub(super) note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Marker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pair(pub(super) i8, pub(super) char);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Inner {
    Leaf,
    Branch { next: Option<Box<Inner>> },
}

/// Every kind of variant that `serde` writes with its name apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Any {
    Opened,
    #[serde(rename = "order.placed.v2")]
    Placed(Line),
    Moved(i64, String),
    #[serde(rename_all = "camelCase", alias = "order_paid")]
    WasPaid {
        amount_cents: i64,
        #[serde(default)]
        tip: Option<f64>,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        lines: Vec<Line>,
    },
    Labelled {
        at: u8,
        #[serde(flatten)]
        more: BTreeMap<String, String>,
    },
    Counted(BTreeMap<u32, String>),
    Wide {
        high: u128,
        low: i128,
    },
    Wider(u128),
    Said(String),
    Perhaps(Option<Line>),
    Boxed(Box<Inner>),
    Nested(Inner),
    Marked(Marker),
    Paired(Pair),
    Nothing(()),
    EmptyStruct {},
    EmptyTuple(),
}

/// The number of kinds that [`any`] draws from.
const KINDS: u8 = 17;

impl Event for Any {
    const CATEGORY: &'static str = "any";
}

/// Seeds a generator and says how. Set `FREEHOLD_SEED` to repeat a run.
pub(super) fn generator() -> fastrand::Rng {
    let seed = std::env::var("FREEHOLD_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("FREEHOLD_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

pub(super) fn text(rng: &mut fastrand::Rng) -> String {
    const CHARS: [char; 12] =
        ['a', '"', '\\', '/', 'é', '\0', '\u{1f}', '\u{7f}', '\u{2028}', '🦀', '{', '\n'];
    (0..rng.usize(..9)).map(|_| *rng.choice(&CHARS).unwrap()).collect()
}

fn perhaps<T>(rng: &mut fastrand::Rng, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> Option<T> {
    if rng.bool() { Some(draw(rng)) } else { None }
}

pub(super) fn line(rng: &mut fastrand::Rng) -> Line {
    Line { sku: text(rng), quantity: rng.u32(..), note: perhaps(rng, text) }
}

fn inner(rng: &mut fastrand::Rng) -> Inner {
    match rng.u8(..3) {
        0 => Inner::Leaf,
        _ => Inner::Branch { next: perhaps(rng, |rng| Box::new(inner(rng))) },
    }
}

pub(super) fn any(rng: &mut fastrand::Rng) -> Any {
    match rng.u8(..KINDS) {
        0 => Any::Opened,
        1 => Any::Placed(line(rng)),
        2 => Any::Moved(rng.i64(..), text(rng)),
        3 => Any::WasPaid {
            amount_cents: rng.i64(..),
            // Eighths, since only these are sure to come back bit for bit through decimal text.
            tip: perhaps(rng, |rng| f64::from(rng.i32(..)) / 8.0),
            lines: (0..rng.usize(..4)).map(|_| line(rng)).collect(),
        },
        4 => Any::Labelled {
            at: rng.u8(..),
            more: (0..rng.u8(..3)).map(|n| (format!("k{n}"), text(rng))).collect(),
        },
        5 => Any::Counted((0..rng.u8(..4)).map(|_| (rng.u32(..), text(rng))).collect()),
        6 => Any::Wide { high: rng.u128(..), low: rng.i128(..) },
        7 => Any::Wider(rng.u128(..)),
        8 => Any::Said(text(rng)),
        9 => Any::Perhaps(perhaps(rng, line)),
        10 => Any::Boxed(Box::new(inner(rng))),
        11 => Any::Nested(inner(rng)),
        12 => Any::Marked(Marker),
        13 => Any::Paired(Pair(rng.i8(..), rng.char(..))),
        14 => Any::Nothing(()),
        15 => Any::EmptyStruct {},
        _ => Any::EmptyTuple(),
    }
}

pub(super) fn id() -> EventId {
    EventId::new(Uuid::from_u128(7))
}

/// The event at position 9, version 3 of `any-1`.
pub(super) fn recorded(name: &str, data: impl AsRef<[u8]>) -> RecordedEvent {
    let data = data.as_ref().to_vec();
    record(NewEvent::new(id(), EventName::new(name).unwrap(), data))
}

pub(super) fn record(event: NewEvent) -> RecordedEvent {
    event.recorded(Recording {
        stream: StreamId::new("any", "1").unwrap(),
        version: StreamVersion::new(3),
        position: Position::new(9),
        recorded_at: DateTime::UNIX_EPOCH,
    })
}

/// The name and the payload that a value is written with.
pub(super) fn written<E: Event>(event: &E) -> Result<(String, String), EventError> {
    let event = encode(event, id())?;
    let data = String::from_utf8(event.data().to_vec()).unwrap();
    Ok((event.name().as_str().to_owned(), data))
}
