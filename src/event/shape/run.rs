//! One question for each place.

use std::any::type_name;
use std::fmt::{self, Write};

use serde::de::DeserializeOwned;

use super::asked::Asked;
use crate::event::stop::Stop;

/// The most places that are looked at.
pub(in crate::event) const PLACES_MAX: usize = 2_000;
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
pub(super) struct Run<'r> {
    /// Which one to take, wherever there are several.
    way: std::slice::Iter<'r, usize>,
    pub(super) text: &'static str,
    place: String,
    /// The types on the way.
    above: Vec<&'static str>,
    /// What stands at the end, and how many stand in it.
    found: Option<(&'static str, usize)>,
}

impl Run<'_> {
    /// Which of several to take; at the end, that there are so many.
    pub(super) fn take(&mut self, kind: &'static str, count: usize) -> Result<usize, Stop> {
        self.way.next().copied().ok_or_else(|| {
            self.found = Some((kind, count));
            Stop
        })
    }

    /// Goes into a value that is read as a `T`.
    pub(super) fn enter<T>(&mut self) -> Result<(), Stop> {
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

    pub(super) fn end(&mut self, kind: &'static str) -> Stop {
        self.found = Some((kind, 0));
        Stop
    }

    pub(super) fn go(&mut self, to: fmt::Arguments<'_>) {
        // A text is always written.
        let _ = self.place.write_fmt(to);
    }
}
