//! What is read at each place of a service's events, and what was ever read there.
//!
//! Samples show what was stored of them. What else may be stored, they do not: a number that needs all of its bits, an item of a
//! list that is empty in all of them, a `null`. The type says so when it is asked what it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How a place that may hold nothing is noted.
const NULL: &str = "null";
/// How what stands in a place begins.
const INNER: [char; 4] = ['.', '[', '{', ':'];

/// What is read, by place: `::Placed.lines[].sku`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    kinds: BTreeMap<String, String>,
    /// Where nothing may stand, too.
    nullable: BTreeSet<String>,
}

impl Shape {
    /// From what a type says of itself: each line is a place, with a `?` behind whatever may be nothing, and how it is read.
    pub(super) fn said(text: &str) -> Self {
        let mut shape = Self::default();
        for (place, kind) in text.lines().filter_map(|line| line.rsplit_once(' ')) {
            for (at, _) in place.match_indices('?') {
                shape.nullable.insert(place[..at].replace('?', ""));
            }
            let kind = kind.strip_prefix("deserialize_").unwrap_or(kind);
            shape.kinds.insert(place.replace('?', ""), kind.to_owned());
        }
        shape
    }

    /// From what was noted.
    pub(super) fn noted(text: &str) -> Self {
        let mut shape = Self::default();
        for (place, kind) in text.lines().filter_map(|line| line.rsplit_once(' ')) {
            if kind == NULL {
                shape.nullable.insert(place.to_owned());
            } else {
                shape.kinds.insert(place.to_owned(), kind.to_owned());
            }
        }
        shape
    }

    /// What may be stored in this shape and cannot be read in today's: the places, and why.
    pub(super) fn misfits<'s>(&'s self, today: &'s Self) -> Vec<(&'s str, String)> {
        let mut all: Vec<_> = self.narrowed(today).collect();
        all.extend(self.gone(today));
        all.extend(self.no_longer_null(today));
        // A variant is gone with each place in it.
        all.dedup();
        all
    }

    fn narrowed<'s>(&'s self, today: &'s Self) -> impl Iterator<Item = (&'s str, String)> {
        self.kinds.iter().filter_map(|(place, before)| {
            let now = today.kinds.get(place).filter(|now| !fits(before, now))?;
            Some((&**place, format!("was read as {before}, and is read as {now}")))
        })
    }

    /// The variants of an enum within an event. Those of the events are names, of which there are samples.
    fn gone<'s>(&'s self, today: &'s Self) -> impl Iterator<Item = (&'s str, String)> {
        self.kinds.keys().filter_map(|place| {
            let (choice, rest) =
                place.rsplit_once("::").filter(|(choice, _)| !choice.is_empty())?;
            let variant = rest.split(INNER).next().unwrap_or_default();
            let is_choice = today.kinds.get(choice).is_some_and(|kind| kind == "enum");
            let is_gone = is_choice && !today.reads(&format!("{choice}::{variant}"));
            is_gone.then(|| (choice, format!("may be `{variant}`, which it reads no more")))
        })
    }

    fn no_longer_null<'s>(&'s self, today: &'s Self) -> impl Iterator<Item = (&'s str, String)> {
        let says_nothing = |place| today.kinds.get(place).is_some_and(|kind| says_nothing(kind));
        let never = self.nullable.difference(&today.nullable);
        never.filter(move |place| today.reads(place) && !says_nothing(*place)).map(|place| {
            (&**place, "may be null where it was stored, and is no `Option` any more".to_owned())
        })
    }

    /// Whether a place, or one within it, is read.
    fn reads(&self, place: &str) -> bool {
        self.kinds.keys().any(|other| within(other, place).is_some())
    }

    /// The same, and what today's adds. What fits into a wider kind is of that from now on.
    pub(super) fn and(mut self, today: &Self) -> Self {
        for (place, now) in &today.kinds {
            let before = self.kinds.entry(place.clone()).or_insert_with(|| now.clone());
            if fits(before, now) && !says_nothing(now) {
                before.clone_from(now);
            }
        }
        self.nullable.extend(today.nullable.clone());
        self
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.kinds.iter().map(|(place, kind)| (place, &**kind));
        let nullable = self.nullable.iter().map(|place| (place, NULL));
        let all: BTreeSet<_> = kinds.chain(nullable).collect();
        all.into_iter().try_for_each(|(place, kind)| writeln!(f, "{place} {kind}"))
    }
}

/// A number: whether it has a sign, or a point, and its bits.
#[derive(Clone, Copy)]
enum Number {
    Unsigned(u32),
    Signed(u32),
    Floating(u32),
}

fn number(kind: &str) -> Option<Number> {
    let (first, bits) = kind.split_at_checked(1)?;
    let bits = bits.parse().ok()?;
    match first {
        "u" => Some(Number::Unsigned(bits)),
        "i" => Some(Number::Signed(bits)),
        "f" => Some(Number::Floating(bits)),
        _ => None,
    }
}

/// What is left of a place behind another one, if it is that or stands in it.
pub(super) fn within<'p>(place: &'p str, of: &str) -> Option<&'p str> {
    place.strip_prefix(of).filter(|rest| rest.is_empty() || rest.starts_with(INNER))
}

/// Whoever reads anything says nothing of what it is; and what has no payload may gain one, or lose it.
fn says_nothing(kind: &str) -> bool {
    matches!(kind, "any" | "ignored_any" | "again" | "deep" | "unit" | "identifier")
}

/// Whether all that was written for one kind can be read as the other, as far as kinds tell.
fn fits(before: &str, now: &str) -> bool {
    use Number::{Floating, Signed, Unsigned};
    if before == now || says_nothing(before) || says_nothing(now) {
        return true;
    }
    match (number(before), number(now)) {
        (Some(Unsigned(from)), Some(Unsigned(into)))
        | (Some(Signed(from)), Some(Signed(into)))
        | (Some(Floating(from)), Some(Floating(into))) => from <= into,
        (Some(Unsigned(from)), Some(Signed(into))) => from < into,
        // All its whole numbers are exact.
        (Some(Unsigned(from) | Signed(from)), Some(Floating(into))) => from <= into / 2,
        (Some(_), Some(_)) => false,
        _ => matches!(
            (before, now),
            ("struct" | "map", "struct" | "map")
                | ("str" | "string" | "char" | "enum", "str" | "string")
                | ("bytes" | "byte_buf", "bytes" | "byte_buf")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 8] = ["u8", "i8", "u32", "i32", "u64", "i64", "f32", "f64"];

    #[test]
    fn a_number_fits_into_one_that_holds_all_of_it() {
        let into = |before: &str| KINDS.map(|now| u8::from(fits(before, now)));
        assert_eq!(into("u8"), [1, 0, 1, 1, 1, 1, 1, 1]);
        assert_eq!(into("i8"), [0, 1, 0, 1, 0, 1, 1, 1]);
        assert_eq!(into("u32"), [0, 0, 1, 0, 1, 1, 0, 1]);
        assert_eq!(into("i32"), [0, 0, 0, 1, 0, 1, 0, 1]);
        assert_eq!(into("u64"), [0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(into("i64"), [0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(into("f32"), [0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(into("f64"), [0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_text_fits_into_no_choice_and_what_says_nothing_fits() {
        assert!(fits("enum", "string") && fits("string", "str") && fits("char", "string"));
        assert!(!fits("string", "enum") && !fits("string", "char") && !fits("u8", "string"));
        assert!(fits("any", "u8") && fits("struct", "map") && fits("unit", "struct"));
    }

    #[test]
    fn what_was_noted_is_read_as_it_was_said() {
        let said = " enum\n::A.n? deserialize_u32\n::A.list?[]?.x deserialize_str\n";
        let shape = Shape::said(said);
        let noted =
            " enum\n::A.list null\n::A.list[] null\n::A.list[].x str\n::A.n null\n::A.n u32\n";
        assert_eq!(shape.to_string(), noted);
        assert_eq!(Shape::noted(noted), shape);
        let today = Shape::said(" enum\n::A.n deserialize_u64\n::A.list?[].x deserialize_str\n");
        let places: Vec<_> = shape.misfits(&today).into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, ["::A.list[]", "::A.n"]);
        assert!(today.misfits(&shape).iter().all(|(place, _)| *place == "::A.n"));
    }

    #[test]
    fn a_choice_that_is_gone_is_told_and_what_was_noted_is_not_forgotten() {
        let noted = Shape::noted(
            "::A.why enum\n::A.why::Cold unit\n::A.why::Far.by u64\n::A.n null\n::A.n u8\n",
        );
        let today = Shape::noted("::A.why enum\n::A.why::Cold unit\n::A.n any\n");
        let misfits = noted.misfits(&today);
        assert_eq!(misfits, [("::A.why", "may be `Far`, which it reads no more".to_owned())]);
        assert_eq!(noted.clone().and(&today), noted);
        assert_eq!(noted.misfits(&noted), []);
    }
}
