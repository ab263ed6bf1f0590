//! Events of every shape, with every text and the largest numbers.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, Utc};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::num;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use super::form::{
    Adjacent, Colour, External, Internal, Marker, Part, Shape, Tree, Untagged, Wrapped,
};

/// Every character, control characters among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect()),
        1 => "[\\x00-\\x1f\"\\\\/\u{7f}\u{2028}\u{feff}]{0,6}",
    ]
}

/// Every number that JSON has.
fn float() -> impl Strategy<Value = f64> {
    let some = num::f64::POSITIVE | num::f64::NEGATIVE;
    some | num::f64::NORMAL | num::f64::SUBNORMAL | num::f64::ZERO
}

fn small_float() -> impl Strategy<Value = f32> {
    let some = num::f32::POSITIVE | num::f32::NEGATIVE;
    some | num::f32::NORMAL | num::f32::SUBNORMAL | num::f32::ZERO
}

macro_rules! integers {
    ($($name:ident: $type:ty;)*) => {$(
        fn $name() -> impl Strategy<Value = $type> {
            prop_oneof![3 => any::<$type>(), 1 => Just(<$type>::MIN), 1 => Just(<$type>::MAX)]
        }
    )*};
}

integers! { natural: u64; integer: i64; wide_natural: u128; wide_integer: i128; }

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    (-62_135_596_800_i64..253_402_300_800, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap())
}

fn colour() -> impl Strategy<Value = Colour> {
    prop_oneof![Just(Colour::Red), Just(Colour::Green)]
}

fn external() -> impl Strategy<Value = External> {
    let leaf = prop_oneof![
        Just(External::Nothing),
        (any::<u8>(), text()).prop_map(|(n, text)| External::Two(n, text)),
        wide_natural().prop_map(|wide| External::Fields { wide }),
    ];
    leaf.prop_recursive(4, 5, 1, |within| {
        option::of(within).prop_map(|within| External::One(within.map(Box::new)))
    })
}

fn internal() -> impl Strategy<Value = Internal> {
    let fields = (integer(), option::of(text()));
    prop_oneof![
        Just(Internal::Nothing),
        fields.prop_map(|(number, text)| Internal::Fields { number, text }),
    ]
}

fn adjacent() -> impl Strategy<Value = Adjacent> {
    prop_oneof![
        Just(Adjacent::Nothing),
        float().prop_map(Adjacent::One),
        any::<(bool, char)>().prop_map(|(truth, letter)| Adjacent::Two(truth, letter)),
        vec(natural(), 0..4).prop_map(|list| Adjacent::Fields { list }),
    ]
}

fn untagged() -> impl Strategy<Value = Untagged> {
    prop_oneof![
        integer().prop_map(Untagged::Number),
        float().prop_map(Untagged::Ratio),
        text().prop_map(Untagged::Text),
        vec(any::<bool>(), 0..4).prop_map(Untagged::List),
        any::<u8>().prop_map(|only| Untagged::Fields { only }),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    any::<i8>()
        .prop_map(Tree::Leaf)
        .prop_recursive(6, 20, 3, |within| vec(within, 0..3).prop_map(Tree::Fork))
}

fn named() -> impl Strategy<Value = Shape> {
    (any::<char>(), text(), any::<Option<u8>>(), any::<u8>()).prop_map(
        |(first_letter, note, left_out, seven)| Shape::Named {
            first_letter,
            note,
            left_out,
            seven,
            never: None,
        },
    )
}

fn numbers() -> impl Strategy<Value = Shape> {
    let wide = (natural(), integer(), wide_natural(), wide_integer());
    (any::<(u8, i8, u16, i16, u32, i32)>(), wide, small_float(), float()).prop_map(
        |(small, (u64, i64, u128, i128), f32, f64)| Shape::Numbers {
            small,
            u64,
            i64,
            u128,
            i128,
            f32,
            f64,
        },
    )
}

fn texts() -> impl Strategy<Value = Shape> {
    (text(), any::<char>(), text(), any::<Vec<u8>>(), any::<[u8; 4]>()).prop_map(
        |(text, letter, boxed, bytes, array)| Shape::Texts {
            text,
            letter,
            boxed: boxed.into(),
            bytes,
            array,
        },
    )
}

fn maps() -> impl Strategy<Value = Shape> {
    let inner = btree_map(natural(), option::of(text()), 0..3);
    (
        btree_map(text(), integer(), 0..4),
        btree_map(integer(), any::<bool>(), 0..4),
        btree_map(any::<char>(), any::<u8>(), 0..4),
        btree_map(colour(), float(), 0..3),
        btree_map(any::<bool>(), inner, 0..3),
        btree_set(any::<u16>(), 0..4),
    )
        .prop_map(|(by_text, by_number, by_letter, by_enum, of_maps, set)| Shape::Maps {
            by_text,
            by_number,
            by_letter,
            by_enum,
            of_maps,
            set,
        })
}

fn lists() -> impl Strategy<Value = Shape> {
    let lists = vec(vec(text(), 0..3), 0..3);
    (vec(any::<Option<i32>>(), 0..5), lists, vec((any::<u8>(), text()), 0..3), natural()).prop_map(
        |(options, lists, pairs, wrapped)| Shape::Lists {
            options,
            lists,
            pairs,
            nothing: (),
            marker: Marker,
            wrapped: Wrapped(wrapped),
        },
    )
}

/// RFC 3339 has offsets of whole minutes.
fn times() -> impl Strategy<Value = Shape> {
    let day = (0..3_652_059_i32).prop_map(|n| NaiveDate::from_num_days_from_ce_opt(n + 1).unwrap());
    let time = (0..86_400_u32, 0..1_000_000_000_u32)
        .prop_map(|(at, nanos)| NaiveTime::from_num_seconds_from_midnight_opt(at, nanos).unwrap());
    let there = (moment(), -1_439..1_440_i32)
        .prop_map(|(at, minutes)| at.with_timezone(&FixedOffset::east_opt(60 * minutes).unwrap()));
    let took = (natural(), 0..1_000_000_000_u32).prop_map(|(s, nanos)| Duration::new(s, nanos));
    (moment(), there, day, time, moment(), took, any::<u128>()).prop_map(
        |(at, there, day, time, both, took, id)| Shape::Times {
            at,
            there,
            day,
            time,
            both: both.naive_utc(),
            took,
            id: Uuid::from_u128(id),
        },
    )
}

fn flat_map() -> impl Strategy<Value = Shape> {
    let own = text()
        .prop_filter("a field of its own", |key| !["id", "part", "ratio"].contains(&key.as_str()));
    let rest = btree_map(own, text(), 0..4);
    (natural(), option::of(integer()), float(), rest)
        .prop_map(|(id, part, ratio, rest)| Shape::FlatMap { id, part: Part { part, ratio }, rest })
}

pub(crate) fn shape() -> impl Strategy<Value = Shape> {
    let enums = (colour(), external(), internal(), adjacent(), untagged());
    let outcome = prop_oneof![any::<u8>().prop_map(Ok), text().prop_map(Err)];
    let plain = prop_oneof![
        Just(Shape::Unit),
        Just(Shape::EmptyTuple()),
        Just(Shape::EmptyStruct {}),
        text().prop_map(Shape::Newtype),
        option::of(natural()).prop_map(Shape::Perhaps),
        (integer(), option::of(text()), float()).prop_map(|(n, text, f)| Shape::Tuple(n, text, f)),
        outcome.prop_map(Shape::Outcome),
        tree().prop_map(|tree| Shape::Tree(Box::new(tree))),
        (integer(), internal()).prop_map(|(id, internal)| Shape::FlatEnum { id, internal }),
    ];
    let enums = enums.prop_map(|(colour, external, internal, adjacent, untagged)| Shape::Enums {
        colour,
        external,
        internal,
        adjacent,
        untagged,
    });
    prop_oneof![
        6 => plain,
        1 => named(),
        1 => numbers(),
        1 => texts(),
        1 => maps(),
        1 => lists(),
        1 => times(),
        1 => flat_map(),
        1 => enums,
    ]
}
