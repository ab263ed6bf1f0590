//! What a type reads, as far as it says so when it is asked.

use std::any::type_name;
use std::fmt::{self, Write};

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// The most places that are looked at.
const PLACES_MAX: usize = 2_000;
/// How deep a place may stand in others.
const DEPTH_MAX: usize = 48;
/// What stands in for the text of a key, or of what comes before in a tuple: types refuse what is none of theirs.
const TEXTS: [&str; 7] = [
    "",
    "a",
    "1",
    "a-1",
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "00000000-0000-0000-0000-000000000000",
];

/// Every place in what `T` reads, and what kind of value it asks for there: also in the items of a list and of a map, and in all
/// variants of an enum, where no value of `T` need show them.
///
/// A type that reads itself by hand shows what it asks for, and `flatten` shows that anything may come. A type within itself is
/// looked at twice, whatever it is.
///
/// It is asked once for each place, on the way to which it is given one field or variant after the other, and is stopped there.
pub(crate) fn shape<T: DeserializeOwned>() -> String {
    let (mut shape, mut open, mut looked_at) = (String::new(), vec![Vec::new()], 0);
    while let Some(way) = open.pop() {
        looked_at += 1;
        let found = TEXTS.iter().find_map(|text| {
            let mut run =
                Run { way: way.iter(), text, place: String::new(), above: Vec::new(), found: None };
            // It always fails: what was asked for is all that is wanted.
            let _stopped = T::deserialize(Asked(&mut run));
            run.found.map(|(kind, inner)| (run.place, kind, inner))
        });
        // Who refuses what comes before it is not seen.
        let Some((place, kind, inner)) = found else { continue };
        // A text is always written.
        let _ = writeln!(shape, "{place} {kind}");
        if looked_at + open.len() + inner <= PLACES_MAX {
            let behind = |n| way.iter().copied().chain([n]).collect();
            open.extend((0..inner).rev().map(behind));
        }
    }
    shape
}

/// One way from the value to a place in it.
struct Run<'r> {
    /// Which one to take, wherever there are several.
    way: std::slice::Iter<'r, usize>,
    text: &'static str,
    place: String,
    /// The types on the way.
    above: Vec<&'static str>,
    /// What stands at the end, and how many stand in it.
    found: Option<(&'static str, usize)>,
}

impl Run<'_> {
    /// Which of several to take; at the end, that there are so many.
    fn take(&mut self, kind: &'static str, count: usize) -> Result<usize, Stop> {
        self.way.next().copied().ok_or_else(|| {
            self.found = Some((kind, count));
            Stop
        })
    }

    /// Goes into a value that is read as a `T`.
    fn enter<T>(&mut self) -> Result<(), Stop> {
        let this = type_name::<T>();
        if self.above.iter().filter(|above| **above == this).count() > 1 {
            return Err(self.end("again"));
        }
        if self.above.len() == DEPTH_MAX {
            return Err(self.end("deep"));
        }
        self.above.push(this);
        Ok(())
    }

    fn end(&mut self, kind: &'static str) -> Stop {
        self.found = Some((kind, 0));
        Stop
    }

    fn go(&mut self, to: fmt::Arguments<'_>) {
        // A text is always written.
        let _ = self.place.write_fmt(to);
    }
}

/// Ends the reading.
#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only the shape was wanted")
    }
}

impl std::error::Error for Stop {}

impl serde::de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A value that notes what it is asked for.
struct Asked<'a, 'r>(&'a mut Run<'r>);

impl Asked<'_, '_> {
    fn tuple<'de, V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let before = self.0.take("tuple", len)?;
        self.0.go(format_args!(".{before}"));
        visitor.visit_seq(Items { run: self.0, before })
    }

    fn fields<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let taken = self.0.take("struct", fields.len())?;
        let field = fields.get(taken).copied().ok_or(Stop)?;
        self.0.go(format_args!(".{field}"));
        visitor.visit_map(Entry { run: self.0, key: Some(field), is_value: true })
    }
}

macro_rules! leaves { ($($method:ident)*) => { $(
    fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.0.end(stringify!($method)))
    }
)* } }

impl<'de> Deserializer<'de> for Asked<'_, '_> {
    type Error = Stop;

    leaves! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        self.0.go(format_args!("?"));
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_unit(visitor)
    }

    // It is as transparent as in JSON.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        self.0.go(format_args!("[]"));
        visitor.visit_seq(Items { run: self.0, before: 0 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        self.tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        let is_value = self.0.take("map", 2)? == 1;
        self.0.go(format_args!("{}", if is_value { "{}" } else { "{key}" }));
        visitor.visit_map(Entry { run: self.0, key: None, is_value })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        self.fields(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        let taken = self.0.take("enum", variants.len())?;
        let variant = variants.get(taken).copied().ok_or(Stop)?;
        self.0.go(format_args!("::{variant}"));
        visitor.visit_enum(Variant { run: self.0, variant })
    }
}

/// The items of a list or tuple: some that stand in, and the one that is asked for.
struct Items<'a, 'r> {
    run: &'a mut Run<'r>,
    before: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        let Some(before) = self.before.checked_sub(1) else {
            return seed.deserialize(Asked(self.run)).map(Some);
        };
        self.before = before;
        seed.deserialize(StandIn(self.run.text)).map(Some)
    }
}

/// One entry, of a map or a struct.
struct Entry<'a, 'r> {
    run: &'a mut Run<'r>,
    /// The field; a map has none.
    key: Option<&'static str>,
    is_value: bool,
}

impl<'de> MapAccess<'de> for Entry<'_, '_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        let key = match self.key {
            Some(field) => seed.deserialize(StrDeserializer::new(field)),
            None if self.is_value => seed.deserialize(StandIn(self.run.text)),
            None => seed.deserialize(Asked(self.run)),
        };
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(Asked(self.run))
    }
}

/// One variant, and what is in it.
struct Variant<'a, 'r> {
    run: &'a mut Run<'r>,
    variant: &'static str,
}

impl<'de, 'a, 'r> EnumAccess<'de> for Variant<'a, 'r> {
    type Error = Stop;
    type Variant = Asked<'a, 'r>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Asked<'a, 'r>), Stop> {
        let variant = seed.deserialize(StrDeserializer::<Stop>::new(self.variant))?;
        Ok((variant, Asked(self.run)))
    }
}

impl<'de> VariantAccess<'de> for Asked<'_, '_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Err(self.0.end("unit"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.fields(fields, visitor)
    }
}

macro_rules! ones { ($($method:ident)*) => { $(
    fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_u64(1)
    }
)* } }

/// The least that a type takes, where something must come before what is asked for.
#[derive(Clone, Copy)]
struct StandIn(&'static str);

impl IntoDeserializer<'_, Stop> for StandIn {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for StandIn {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_borrowed_str(self.0)
    }

    ones! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_bool(false)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_tuple(0, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(SeqDeserializer::new(std::iter::repeat_n(self, len)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_map(MapDeserializer::new(fields.iter().map(|field| (*field, self))))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let variant = variants.first().copied().ok_or(Stop)?;
        visitor.visit_enum(StrDeserializer::new(variant))
    }

    forward_to_deserialize_any! { char str string bytes byte_buf unit_struct identifier ignored_any }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use chrono::{DateTime, Utc};
    use serde::Deserialize;

    use super::*;
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
        for (shape, places) in [
            (shape::<Tree>(), 1),
            (shape::<Chain>(), 1),
            (shape::<Pair>(), 5),
            (shape::<Names>(), 5),
        ] {
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
}
