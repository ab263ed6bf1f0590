//! How much an answer matters: what becomes of it if it is not there.

use std::time::Duration;

use super::{ComposeError, Part, Parts};
use crate::source::{Failure, Origin};

/// What a source said of one key, or why it said nothing.
pub(super) struct Said<T> {
    pub(super) answer: Result<Option<T>, Failure>,
    /// Where an answer came from.
    pub(super) origin: Origin,
    /// What was said earlier and is young enough, and how long ago.
    pub(super) earlier: Option<(T, Duration)>,
    pub(super) took: Duration,
    pub(super) attempts: u32,
}

/// What was heard of one key. What a source has found comes first, and is moved least.
pub(super) enum Heard<T> {
    Found(Part<T>),
    Otherwise(Said<T>),
}

/// What was found for a key, if there is such a thing, or why nobody knows.
#[doc(hidden)]
#[derive(Debug)]
#[allow(unnameable_types, reason = "only this crate makes and reads it")]
pub struct Found<T>(Result<Part<Option<T>>, (Part<()>, Failure)>);

impl<T> Heard<T> {
    /// What is to be reported of it, if it is less than what was asked for.
    #[inline]
    pub(super) fn report(&self) -> Option<Origin> {
        match self {
            Self::Found(part) if !part.origin.is_degraded() => None,
            Self::Found(part) => Some(part.origin.clone()),
            Self::Otherwise(Said { answer: Ok(_), .. }) => None,
            Self::Otherwise(Said { answer: Err(because), earlier, .. }) => {
                let because = because.clone();
                Some(match earlier {
                    Some((_, age)) => Origin::Stale { age: *age, because },
                    None => Origin::Default { because },
                })
            }
        }
    }

    /// What becomes of it.
    #[allow(
        clippy::inline_always,
        reason = "a part is large: whoever makes it and whoever takes it should be one"
    )]
    #[inline(always)]
    pub(super) fn settle<P: Policy<T>>(self, source: &'static str, policy: P) -> P::One {
        match self {
            Self::Found(part) => policy.found(part),
            Self::Otherwise(said) => policy.one(said.by(source)),
        }
    }
}

impl<T> Said<T> {
    #[inline]
    pub(super) fn by(self, source: &'static str) -> Found<T> {
        let Self { answer, origin, earlier, took, attempts } = self;
        let part = |value, origin| Part { value, source, origin, took, attempts };
        Found(match (answer, earlier) {
            (Ok(Some(value)), _) => Ok(part(Some(value), origin)),
            (Ok(None), _) => Ok(part(None, Origin::Absent)),
            (Err(because), Some((value, age))) => {
                Ok(part(Some(value), Origin::Stale { age, because }))
            }
            (Err(because), None) => {
                let nothing = Part { value: (), source, origin: Origin::Absent, took, attempts };
                Err((nothing, because))
            }
        })
    }
}

impl<T> Found<T> {
    pub(super) fn or(self, default: impl FnOnce() -> T) -> Part<T> {
        match self.0 {
            Ok(part) => part.map(|value| value.unwrap_or_else(default)),
            Err((part, because)) => {
                let part = part.map(|()| default());
                Part { origin: Origin::Default { because }, ..part }
            }
        }
    }
}

/// What becomes of an answer that is not there.
#[allow(unnameable_types, reason = "that is what seals a trait")]
pub trait Policy<T>: Sized {
    /// What is made of one answer.
    type One;
    /// What is made of the answers for several keys.
    type All;

    #[doc(hidden)]
    fn one(self, found: Found<T>) -> Self::One;

    /// What is made of one that was found.
    #[doc(hidden)]
    fn found(self, part: Part<T>) -> Self::One;

    /// What is made of so many.
    #[doc(hidden)]
    fn all(self, count: usize, parts: impl Iterator<Item = Self::One>) -> Self::All;

    /// The policy for one of several.
    #[doc(hidden)]
    #[must_use]
    fn again(&self) -> Self
    where
        T: Clone;

    /// Whether one answer that is not there decides over all.
    #[doc(hidden)]
    const DECIDES: bool = false;
}

/// Without it there is no answer at all.
#[derive(Clone, Copy, Debug)]
pub struct Required;

impl<T> Policy<T> for Required {
    type One = Result<Part<T>, ComposeError>;
    type All = Result<Parts<T>, ComposeError>;

    const DECIDES: bool = true;

    #[inline]
    fn one(self, found: Found<T>) -> Self::One {
        let part = found.0.map_err(|(part, because)| ComposeError::Failed(part.source, because))?;
        let Part { value, source, origin, took, attempts } = part;
        let value = value.ok_or(ComposeError::Missing(source))?;
        Ok(Part { value, source, origin, took, attempts })
    }

    #[inline]
    fn found(self, part: Part<T>) -> Self::One {
        Ok(part)
    }

    fn all(self, count: usize, parts: impl Iterator<Item = Self::One>) -> Self::All {
        let mut all = Vec::with_capacity(count);
        for part in parts {
            all.push(part?);
        }
        Ok(Parts::new(all))
    }

    fn again(&self) -> Self {
        *self
    }
}

/// Nice to have: nothing stands in for it.
#[derive(Clone, Copy, Debug)]
pub struct Optional;

impl<T> Policy<T> for Optional {
    type One = Part<Option<T>>;
    type All = Parts<Option<T>>;

    #[inline]
    fn one(self, found: Found<T>) -> Self::One {
        match found.0 {
            Ok(part) => part,
            Err((part, because)) => {
                Part { origin: Origin::Default { because }, ..part.map(|()| None) }
            }
        }
    }

    #[inline]
    fn found(self, part: Part<T>) -> Self::One {
        part.map(Some)
    }

    fn all(self, count: usize, parts: impl Iterator<Item = Self::One>) -> Self::All {
        let mut all = Vec::with_capacity(count);
        all.extend(parts);
        Parts::new(all)
    }

    fn again(&self) -> Self {
        *self
    }
}

/// A value stands in for it.
#[derive(Clone, Copy, Debug)]
pub struct OrValue<T>(pub(super) T);

impl<T> Policy<T> for OrValue<T> {
    type One = Part<T>;
    type All = Parts<T>;

    #[inline]
    fn one(self, found: Found<T>) -> Self::One {
        found.or(|| self.0)
    }

    #[inline]
    fn found(self, part: Part<T>) -> Self::One {
        part
    }

    fn all(self, count: usize, parts: impl Iterator<Item = Self::One>) -> Self::All {
        let mut all = Vec::with_capacity(count);
        all.extend(parts);
        Parts::new(all)
    }

    fn again(&self) -> Self
    where
        T: Clone,
    {
        Self(self.0.clone())
    }
}
