//! Exact decimal amounts.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many decimal digits one limb holds.
const DIGITS: usize = 9;
const BASE: i128 = 1_000_000_000;

/// An amount of money: any decimal number, exactly. Nothing is rounded and nothing overflows, so a sum of
/// prices with few decimals and with many is as exact as each of them.
///
/// It is read from `-?\d+(\.\d+)?` and written without trailing zeros: `18622.5`, `0`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Money {
    is_negative: bool,
    /// Digits in groups of nine, the least first. There is no empty group at either end that the amount
    /// does not need, so that equal amounts are equal values.
    limbs: Vec<u32>,
    /// How many of the limbs stand behind the point.
    fraction: usize,
}

/// A text that is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is written -?digits or -?digits.digits")]
pub struct InvalidMoney;

impl Money {
    /// Zero.
    pub const NOTHING: Self = Self { is_negative: false, limbs: Vec::new(), fraction: 0 };

    /// Whether it is less than nothing.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// The price of `units` at this price each.
    #[must_use]
    pub fn times(&self, units: u64) -> Self {
        let limbs = self.signed(self.fraction).map(|limb| limb * i128::from(units)).collect();
        Self::carried(limbs, self.fraction)
    }

    /// The limbs with their sign, with `fraction` of them behind the point.
    fn signed(&self, fraction: usize) -> impl Iterator<Item = i128> {
        let sign = if self.is_negative { -1 } else { 1 };
        let missing = fraction.saturating_sub(self.fraction);
        let zeros = std::iter::repeat_n(0, missing);
        zeros.chain(self.limbs.iter().map(move |limb| sign * i128::from(*limb)))
    }

    /// The amount of limbs that may be negative or too large for one place.
    fn carried(mut limbs: Vec<i128>, fraction: usize) -> Self {
        let mut carry = carry(&mut limbs);
        let is_negative = carry < 0;
        if is_negative {
            // Nines without end on the left: carry once more, of the opposite amount.
            limbs = limbs.into_iter().map(Neg::neg).collect();
            carry = -carry + self::carry(&mut limbs);
        }
        while carry > 0 {
            limbs.push(carry % BASE);
            carry /= BASE;
        }
        let zeros = limbs.iter().take(fraction).take_while(|limb| **limb == 0).count();
        let mut fraction = fraction - zeros;
        limbs.drain(..zeros);
        while limbs.len() > fraction && limbs.last() == Some(&0) {
            limbs.pop();
        }
        // Only zero has no limb left, or none but empty ones behind the point.
        if limbs.iter().all(|limb| *limb == 0) {
            limbs.clear();
            fraction = 0;
        }
        let limbs: Vec<u32> =
            limbs.into_iter().filter_map(|limb| u32::try_from(limb).ok()).collect();
        Self { is_negative: is_negative && !limbs.is_empty(), limbs, fraction }
    }
}

/// Brings every limb between 0 and the base, and answers what is left over.
fn carry(limbs: &mut [i128]) -> i128 {
    let mut over = 0;
    for limb in limbs {
        let sum = *limb + over;
        *limb = sum.rem_euclid(BASE);
        over = sum.div_euclid(BASE);
    }
    over
}

impl Add<&Money> for &Money {
    type Output = Money;

    fn add(self, other: &Money) -> Money {
        let fraction = self.fraction.max(other.fraction);
        let mut limbs: Vec<i128> = self.signed(fraction).collect();
        for (index, limb) in other.signed(fraction).enumerate() {
            match limbs.get_mut(index) {
                Some(sum) => *sum += limb,
                None => limbs.push(limb),
            }
        }
        Money::carried(limbs, fraction)
    }
}

impl Sub<&Money> for &Money {
    type Output = Money;

    fn sub(self, other: &Money) -> Money {
        self + &-other.clone()
    }
}

impl AddAssign<&Money> for Money {
    fn add_assign(&mut self, other: &Money) {
        *self = &*self + other;
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self { is_negative: !self.is_negative && !self.is_zero(), ..self }
    }
}

impl Ord for Money {
    fn cmp(&self, other: &Self) -> Ordering {
        let difference = self - other;
        match (difference.is_zero(), difference.is_negative) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Money {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !are_digits(decimals) {
            return Err(InvalidMoney);
        }
        let fraction = decimals.len().div_ceil(DIGITS);
        let decimals = decimals.as_bytes().chunks(DIGITS).rev();
        let whole = whole.as_bytes().rchunks(DIGITS);
        let behind = decimals.map(|group| number(group) * power_of_ten(DIGITS - group.len()));
        let limbs = behind.chain(whole.map(number)).map(|limb| sign * limb).collect();
        Ok(Self::carried(limbs, fraction))
    }
}

fn number(digits: &[u8]) -> i128 {
    digits.iter().fold(0, |number, digit| number * 10 + i128::from(digit - b'0'))
}

fn power_of_ten(exponent: usize) -> i128 {
    std::iter::repeat_n(10, exponent).product()
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (behind, whole) = self.limbs.split_at(self.fraction.min(self.limbs.len()));
        let digits = |limbs: &[u32]| {
            limbs.iter().rev().fold(String::new(), |digits, limb| digits + &format!("{limb:09}"))
        };
        let (whole, decimals) = (digits(whole), digits(behind));
        let sign = if self.is_negative { "-" } else { "" };
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        match decimals.trim_end_matches('0') {
            "" => f.pad(&format!("{sign}{whole}")),
            decimals => f.pad(&format!("{sign}{whole}.{decimals}")),
        }
    }
}

impl From<u32> for Money {
    fn from(whole: u32) -> Self {
        Self::carried(vec![whole.into()], 0)
    }
}

impl TryFrom<String> for Money {
    type Error = InvalidMoney;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.to_string()
    }
}
