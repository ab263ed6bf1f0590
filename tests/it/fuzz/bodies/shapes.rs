//! An event of every shape that `serde` has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use freehold::Event;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Shape {
    Unit,
    Newtype(String),
    Perhaps(Option<u64>),
    Tuple(i64, Option<String>, f64),
    EmptyTuple(),
    EmptyStruct {},
    Outcome(Result<u8, String>),
    #[serde(rename = "shape.renamed.v2", alias = "Renamed", rename_all = "camelCase")]
    Named {
        first_letter: char,
        #[serde(rename = "NOTE", default)]
        note: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
        #[serde(default = "seven")]
        seven: u8,
        #[serde(skip)]
        never: Option<()>,
    },
    Numbers {
        small: (u8, i8, u16, i16, u32, i32),
        u64: u64,
        i64: i64,
        u128: u128,
        i128: i128,
        f32: f32,
        f64: f64,
    },
    Texts {
        text: String,
        letter: char,
        boxed: Box<str>,
        bytes: Vec<u8>,
        array: [u8; 4],
    },
    Maps {
        by_text: BTreeMap<String, i64>,
        by_number: BTreeMap<i64, bool>,
        by_letter: BTreeMap<char, u8>,
        by_enum: BTreeMap<Colour, f64>,
        of_maps: BTreeMap<bool, BTreeMap<u64, Option<String>>>,
        set: BTreeSet<u16>,
    },
    Lists {
        options: Vec<Option<i32>>,
        lists: Vec<Vec<String>>,
        pairs: Vec<(u8, String)>,
        nothing: (),
        marker: Marker,
        wrapped: Wrapped,
    },
    Times {
        at: DateTime<Utc>,
        there: DateTime<FixedOffset>,
        day: NaiveDate,
        time: NaiveTime,
        both: NaiveDateTime,
        took: Duration,
        id: Uuid,
    },
    Enums {
        colour: Colour,
        external: External,
        internal: Internal,
        adjacent: Adjacent,
        untagged: Untagged,
    },
    FlatMap {
        id: u64,
        #[serde(flatten)]
        part: Part,
        #[serde(flatten)]
        rest: BTreeMap<String, String>,
    },
    FlatEnum {
        id: i64,
        #[serde(flatten)]
        internal: Internal,
    },
    Tree(Box<Tree>),
}

impl Event for Shape {
    const CATEGORY: &'static str = "any";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Marker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wrapped(pub(crate) u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) part: Option<i64>,
    #[serde(default)]
    pub(crate) ratio: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Colour {
    Red,
    #[serde(rename = "dark green")]
    Green,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum External {
    Nothing,
    One(Option<Box<Self>>),
    Two(u8, String),
    Fields { wide: u128 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Internal {
    Nothing,
    Fields { number: i64, text: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
pub(crate) enum Adjacent {
    Nothing,
    One(f64),
    Two(bool, char),
    Fields { list: Vec<u64> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Number(i64),
    Ratio(f64),
    Text(String),
    List(Vec<bool>),
    Fields { only: u8 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Tree {
    Leaf(i8),
    Fork(Vec<Self>),
}

const fn seven() -> u8 {
    7
}
