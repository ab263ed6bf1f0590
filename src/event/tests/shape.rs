//! What a type says that it reads.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::shape::{PLACES_MAX, shape};
use crate::types::{DataSubject, EventId};

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is never made")]
struct Order {
    lines: Vec<Line>,
    #[serde(rename = "placedAt")]
    placed_at: Option<DateTime<Utc>>,
    by_key: BTreeMap<DataSubject, (DateTime<Utc>, Box<[u16]>)>,
    state: State,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is never made")]
struct Line {
    sku: String,
    parts: Vec<Line>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is never made")]
enum State {
    Open,
    Paid(f64),
    Sent { to: [Place; 2], on: BTreeSet<char> },
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is never made")]
struct Place(i8, Option<bool>);

#[test]
fn every_place_is_there_also_where_a_default_value_has_none() {
    let shape = shape::<Order>();
    let expected = " struct\n\
.lines[] struct
.lines[].sku deserialize_string
.lines[].parts[] struct
.lines[].parts[].sku deserialize_string
.lines[].parts[].parts again
.placedAt? deserialize_str
.by_key map
.by_key{key} deserialize_string
.by_key{} tuple
.by_key{}.0 deserialize_str
.by_key{}.1[] deserialize_u16
.state enum
.state::Open unit
.state::Paid deserialize_f64
.state::Sent struct
.state::Sent.to tuple
.state::Sent.to.0 tuple
.state::Sent.to.0.0 deserialize_i8
.state::Sent.to.0.1? deserialize_bool
.state::Sent.to.1 tuple
.state::Sent.to.1.0 deserialize_i8
.state::Sent.to.1.1? deserialize_bool
.state::Sent.on[] deserialize_char
";
    assert_eq!(shape, expected);
}

#[test]
fn whoever_reads_by_hand_shows_what_it_asks_for() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "it is never made")]
    struct Flat {
        n: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    #[derive(Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        One,
    }
    assert_eq!(shape::<EventId>(), shape::<uuid::Uuid>());
    assert_eq!(shape::<Flat>(), " map\n{key} deserialize_identifier\n{} deserialize_any\n");
    assert_eq!(shape::<Tagged>(), " deserialize_any\n");
    let _ = Tagged::One;
}

/// Whatever it is within itself by.
#[test]
fn a_type_within_itself_has_an_end() {
    macro_rules! read { ($($type:item)*) => { $(
        #[derive(Deserialize)]
        #[allow(dead_code, reason = "it is never made")]
        $type
    )* } }
    read! {
        struct Tree(Vec<Tree>);
        struct Chain(Option<Box<Chain>>);
        struct Pair(u8, Option<Box<Pair>>);
        enum Term { Value(i64), Minus(Box<Term>), Plus(Box<Term>, Box<Term>), Let { name: String, of: Box<Term> } }
        struct Names(BTreeMap<String, Names>);
    }
    for (shape, places) in
        [(shape::<Tree>(), 1), (shape::<Chain>(), 1), (shape::<Pair>(), 5), (shape::<Names>(), 5)]
    {
        assert_eq!(shape.lines().count(), places, "{shape}");
        assert!(shape.contains(" again"), "{shape}");
    }
    let term = shape::<Term>();
    for place in ["::Minus::Minus again", "::Let.of::Minus again", "::Plus.0::Let.of again"] {
        assert!(term.contains(place), "{place}: {term}");
    }
}

#[test]
fn what_grows_beyond_measure_is_cut() {
    macro_rules! wide { ($($name:ident $inner:ty;)*) => { $(
        #[derive(Deserialize)]
        #[allow(dead_code, reason = "it is never made")]
        struct $name { a: Vec<$inner>, b: Vec<$inner>, c: Vec<$inner>, d: Vec<$inner>, e: Vec<$inner>, f: Vec<$inner>, g: Vec<$inner>, h: Vec<$inner> }
    )* } }
    wide! { A u8; B A; C B; D C; E D; F E; }
    let lines = shape::<F>().lines().count();
    assert!((PLACES_MAX / 2..=PLACES_MAX).contains(&lines), "{lines}");
}
