//! How far an invoice is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::order::CancelReason;

/// How far an invoice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An order that is not settled.
    Pending,
    /// An order that is paid and taken.
    Confirmed,
    /// A confirmed order that has left.
    Shipped,
    /// An order of more than there was.
    OutOfStock,
    /// An order that was not paid.
    PaymentDeclined,
    /// An order that something else came in the way of.
    GivenUp,
    /// A return that is under way.
    Returning,
    /// A return that is done.
    Returned,
    /// An invoice that makes no sense.
    Rejected,
}

impl From<CancelReason> for Status {
    fn from(reason: CancelReason) -> Self {
        match reason {
            CancelReason::OutOfStock => Self::OutOfStock,
            CancelReason::PaymentDeclined => Self::PaymentDeclined,
            CancelReason::GivenUp => Self::GivenUp,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::OutOfStock => "cancelled, out of stock",
            Self::PaymentDeclined => "cancelled, payment declined",
            Self::GivenUp => "cancelled, given up",
            Self::Returning => "returning",
            Self::Returned => "returned",
            Self::Rejected => "rejected",
        })
    }
}
