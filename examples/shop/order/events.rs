//! What happens to an invoice.

use freehold::event::Upcasts;
use freehold::{Event, Personal};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contracts::{Customer, InvoiceNo, Line, Money, total};
use super::older;

/// An event in the life of an invoice. Whoever listens need not remember what came before: each says whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderEvent {
    /// Somebody ordered.
    OrderPlaced(Intake),
    /// Goods are reserved and money is there: it will be delivered.
    OrderConfirmed(Bill),
    /// The goods left.
    OrderShipped {
        /// Whose it is.
        customer: Customer,
        /// The carrier's number.
        tracking: String,
    },
    /// It came to nothing.
    OrderCancelled {
        /// Whose it was.
        customer: Customer,
        /// Why.
        reason: CancelReason,
    },
    /// The invoice makes no sense: it is kept, and nothing else is done.
    InvoiceRejected(Nonsense),
    /// Goods come back.
    ReturnAnnounced(Intake),
    /// Money and goods are where they were.
    ReturnCompleted(Bill),
}

/// What comes in with an order or a return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// Its number.
    pub invoice: InvoiceNo,
    /// Whose it is.
    pub customer: Customer,
    /// Whom it is addressed to. Nobody, if it is a guest's, and where it was not written down yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addressee: Option<Personal<String>>,
    /// Where they live.
    pub country: String,
    /// Of when it is, as the file has it.
    pub date: String,
    /// What it is about.
    pub lines: Vec<Line>,
    /// Tells its rows from others.
    pub fingerprint: Uuid,
}

/// Whose an invoice is, from where, of when, and how much it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Whose it is.
    pub customer: Customer,
    /// Where they live.
    pub country: String,
    /// Of when it is, as the file has it.
    pub date: String,
    /// How much it comes to.
    pub total: Money,
}

/// An invoice that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nonsense {
    /// Its number.
    pub invoice: InvoiceNo,
    /// Whose it is.
    pub customer: Customer,
    /// Of when it is, as the file has it.
    pub date: String,
    /// Tells its rows from others.
    pub fingerprint: Uuid,
    /// Why.
    pub reason: String,
}

impl Intake {
    /// What it comes to.
    #[must_use]
    pub fn bill(&self) -> Bill {
        let Self { customer, country, date, lines, .. } = self;
        let (country, date) = (country.clone(), date.clone());
        Bill { customer: *customer, country, date, total: total(lines) }
    }
}

/// Why an order came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancelReason {
    /// There were not enough units of a code.
    OutOfStock,
    /// The total was above the limit.
    PaymentDeclined,
    /// Something else went wrong on the way, and all that had happened was taken back.
    GivenUp,
}

impl Event for OrderEvent {
    const CATEGORY: &'static str = "order";

    fn upcasts() -> &'static Upcasts<Self> {
        &older::UPCASTS
    }
}
