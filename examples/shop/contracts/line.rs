//! Goods: how many, of what, at which price.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use serde::{Deserialize, Serialize};

use super::{Money, StockCode};

/// A number of units. It holds the sum of any number of lines.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Units(u128);

impl Units {
    /// `units` of them.
    #[must_use]
    pub const fn new(units: u64) -> Self {
        Self(units as u128)
    }

    /// What is left when `other` are gone; `None` if there are not as many.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl Add for Units {
    type Output = Self;

    // A file has fewer than 2^64 lines, of fewer than 2^64 units each.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for Units {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times.into()))
    }
}

impl Sum for Units {
    fn sum<I: Iterator<Item = Self>>(units: I) -> Self {
        units.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One line of an invoice: above zero units of a code, at a price that is not below zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub code: StockCode,
    /// How many.
    pub units: u64,
    /// At which price each.
    pub price: Money,
    /// What it is, in words; they may be missing.
    pub description: String,
}

/// What lines say of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// The first words for it; empty if there are none.
    pub description: String,
    /// The last price.
    pub price: Money,
}

/// What the lines cost together.
#[must_use]
pub fn total(lines: &[Line]) -> Money {
    let mut total = Money::default();
    for line in lines {
        total += &line.price.times(line.units);
    }
    total
}

/// How many units of each code the lines are about.
#[must_use]
pub fn units_by_code(lines: &[Line]) -> BTreeMap<StockCode, Units> {
    let mut by_code = BTreeMap::new();
    for line in lines {
        *by_code.entry(line.code.clone()).or_default() += Units::new(line.units);
    }
    by_code
}

/// What the lines say of each code.
#[must_use]
pub fn articles(lines: &[Line]) -> BTreeMap<StockCode, Article> {
    let mut articles: BTreeMap<StockCode, Article> = BTreeMap::new();
    for Line { code, price, description, .. } in lines {
        let new = || Article { description: String::new(), price: Money::NOTHING };
        let article = articles.entry(code.clone()).or_insert_with(new);
        article.price = price.clone();
        if article.description.is_empty() {
            article.description.clone_from(description);
        }
    }
    articles
}
