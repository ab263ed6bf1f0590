//! What happens to the catalogue.

use freehold::Event;
use serde::{Deserialize, Serialize};

use super::contracts::Money;

/// An event in the stream of one stock code.
#[allow(
    clippy::enum_variant_names,
    reason = "a variant's name is the event's, and stands alone in the log"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductEvent {
    /// It has a description, once and for all.
    ProductDescribed {
        /// What it is, in words.
        description: String,
    },
    /// It has a price, or another than before.
    ProductPriced {
        /// The price of one unit.
        price: Money,
    },
}

impl Event for ProductEvent {
    const CATEGORY: &'static str = "product";
}
