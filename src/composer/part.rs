//! A value, and where it came from.

use std::ops::Deref;
use std::slice;
use std::time::Duration;
use std::vec;

use crate::source::Origin;

/// A part of an answer: a value, and where it came from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Part<T> {
    /// What was found, or stands in for it.
    pub value: T,
    /// The source that was asked.
    pub source: &'static str,
    /// Where the value came from.
    pub origin: Origin,
    /// How long the call took, with all its attempts.
    pub took: Duration,
    /// How often the source was asked; 0 if it was not.
    pub attempts: u32,
}

impl<T> Part<T> {
    /// The same part with another value.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Part<U> {
        let Self { value, source, origin, took, attempts } = self;
        Part { value: to(value), source, origin, took, attempts }
    }
}

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Parts of one source, in the order of the keys that were asked for.
#[derive(Clone, Debug)]
pub struct Parts<T>(Vec<Part<T>>);

impl<T> Parts<T> {
    pub(super) const fn new(parts: Vec<Part<T>>) -> Self {
        Self(parts)
    }

    /// What was found, in the order of the keys.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|part| &part.value)
    }

    /// The values alone, in the order of the keys.
    #[must_use]
    pub fn into_values(self) -> Vec<T> {
        self.0.into_iter().map(|part| part.value).collect()
    }
}

impl<T> Deref for Parts<T> {
    type Target = [Part<T>];

    fn deref(&self) -> &[Part<T>] {
        &self.0
    }
}

impl<T> IntoIterator for Parts<T> {
    type Item = Part<T>;
    type IntoIter = vec::IntoIter<Part<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'p, T> IntoIterator for &'p Parts<T> {
    type Item = &'p Part<T>;
    type IntoIter = slice::Iter<'p, Part<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
