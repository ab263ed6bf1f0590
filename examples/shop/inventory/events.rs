//! What happens to goods.

use std::collections::BTreeMap;

use freehold::Event;
use serde::{Deserialize, Serialize};

use super::contracts::{InvoiceNo, StockCode, Units};

/// An event in the stream of one stock code.
#[allow(
    clippy::enum_variant_names,
    reason = "a variant's name is the event's, and stands alone in the log"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StockEvent {
    /// The code was met for the first time, and this is what there is of it.
    StockReceived {
        /// How many.
        units: Units,
    },
    /// Set aside for an order.
    StockReserved(Move),
    /// An order came to nothing: they are for others again.
    StockReleased(Move),
    /// What was set aside left the shop.
    StockTaken(Move),
    /// Goods came back.
    StockReturned(Move),
}

/// Some units, and for which invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The invoice.
    pub invoice: InvoiceNo,
    /// How many.
    pub units: Units,
}

impl Move {
    /// `units`, for `invoice`.
    #[must_use]
    pub fn new(invoice: &InvoiceNo, units: Units) -> Self {
        Self { invoice: invoice.clone(), units }
    }
}

/// An event in the stream of what one invoice does to the stock. It is written in the same commit as what
/// happens to the codes, so that the answer to a command is known for good once it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReservationEvent {
    /// All codes were reserved.
    ReservationMade {
        /// How many of each.
        goods: BTreeMap<StockCode, Units>,
    },
    /// None was.
    ReservationRefused {
        /// The first code there is too little of.
        short: StockCode,
    },
    /// What was reserved is for others again.
    ReservationReleased,
    /// What was reserved left the shop.
    ReservationTaken,
    /// The goods of a return were put back.
    GoodsRestocked {
        /// How many of each.
        goods: BTreeMap<StockCode, Units>,
    },
}

/// On what terms the service works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TermsEvent {
    /// Once and for all.
    TermsAgreed {
        /// How many units there are of a code when it is first met.
        units_per_code: u64,
    },
}

impl Event for StockEvent {
    const CATEGORY: &'static str = "stock";
}

impl Event for ReservationEvent {
    const CATEGORY: &'static str = "reservation";
}

impl Event for TermsEvent {
    const CATEGORY: &'static str = "inventory_terms";
}
