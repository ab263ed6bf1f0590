//! What happens to an invoice.

use freehold::Event;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contracts::{Customer, InvoiceNo, Line};

/// An event in the life of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderEvent {
    /// Somebody ordered.
    OrderPlaced(Intake),
    /// Goods and money are settled.
    OrderConfirmed,
    /// The goods left.
    OrderShipped {
        /// The carrier's number.
        tracking: String,
    },
    /// It came to nothing.
    OrderCancelled {
        /// Why.
        reason: CancelReason,
    },
    /// The invoice makes no sense: it is kept, and nothing else is done.
    InvoiceRejected {
        /// Its number.
        invoice: InvoiceNo,
        /// Tells its rows from others.
        fingerprint: Uuid,
        /// Why.
        reason: String,
    },
    /// Goods come back.
    ReturnAnnounced(Intake),
    /// Money and goods are where they were.
    ReturnCompleted,
}

/// What comes in with an order or a return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// Its number.
    pub invoice: InvoiceNo,
    /// Whose it is.
    pub customer: Customer,
    /// What it is about.
    pub lines: Vec<Line>,
    /// Tells its rows from others.
    pub fingerprint: Uuid,
}

/// Why an order came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancelReason {
    /// There were not enough units of a code.
    OutOfStock,
    /// The total was above the limit.
    PaymentDeclined,
}

impl Event for OrderEvent {
    const CATEGORY: &'static str = "order";
}
