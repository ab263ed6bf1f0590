//! What the services tell each other: the published contracts, an enum for each service that speaks.
//!
//! They are no stored events. Each says what its readers need, so that nobody must ask or remember; a reader lists only the types
//! and fields that it reads. Samples of all of them are beside this file, and a test holds each publisher and each reader
//! against them.

use serde::{Deserialize, Serialize};

use super::{Customer, InvoiceNo, Line, Money};

/// What Order says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderSays {
    /// Somebody has ordered.
    #[serde(rename = "shop.order.placed.v1")]
    Placed(Asked),
    /// It will be delivered.
    #[serde(rename = "shop.order.confirmed.v1")]
    Confirmed {
        /// Its number.
        invoice: InvoiceNo,
        /// Whose it is.
        customer: Customer,
        /// How much it comes to.
        total: Money,
    },
    /// It came to nothing.
    #[serde(rename = "shop.order.cancelled.v1")]
    Cancelled {
        /// Its number.
        invoice: InvoiceNo,
        /// Why.
        why: WhyCancelled,
    },
    /// Goods come back.
    #[serde(rename = "shop.return.announced.v1")]
    ReturnAnnounced(Asked),
    /// What comes back was paid for: it may be sold again.
    #[serde(rename = "shop.return.paid.v1")]
    ReturnPaid {
        /// Its number.
        invoice: InvoiceNo,
        /// What comes back.
        lines: Vec<Line>,
    },
    /// Money and goods are where they were.
    #[serde(rename = "shop.return.completed.v1")]
    ReturnCompleted {
        /// Its number.
        invoice: InvoiceNo,
    },
}

/// What somebody orders, or gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The number of the invoice.
    pub invoice: InvoiceNo,
    /// Whose it is.
    pub customer: Customer,
    /// What it is about.
    pub lines: Vec<Line>,
    /// How much it comes to.
    pub total: Money,
}

/// Why an order came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyCancelled {
    /// There were not enough units of a code.
    OutOfStock,
    /// The total was above the limit.
    PaymentDeclined,
}

/// What Inventory says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InventorySays {
    /// All of the goods are set aside. It passes on what Payment needs.
    #[serde(rename = "shop.stock.reserved.v1")]
    Reserved {
        /// The number of the invoice.
        invoice: InvoiceNo,
        /// Who pays.
        customer: Customer,
        /// How much.
        total: Money,
    },
    /// There are too few of something, and nothing is set aside.
    #[serde(rename = "shop.stock.refused.v1")]
    Refused {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
    /// What was set aside is for others again.
    #[serde(rename = "shop.stock.released.v1")]
    Released {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
    /// What was set aside has left the shop.
    #[serde(rename = "shop.stock.taken.v1")]
    Taken {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
    /// What came back is for others again.
    #[serde(rename = "shop.stock.restocked.v1")]
    Restocked {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
}

/// What Payment says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentSays {
    /// The card is charged.
    #[serde(rename = "shop.payment.processed.v1")]
    Processed {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
    /// The card is not charged: the total is above the limit.
    #[serde(rename = "shop.payment.failed.v1")]
    Failed {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
    /// A return is paid back.
    #[serde(rename = "shop.payment.refunded.v1")]
    Refunded {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
}

/// What Users says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsersSays {
    /// Whoever it is has a profile, or is a guest.
    #[serde(rename = "shop.customer.known.v1")]
    Known {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
}

/// What Products says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductsSays {
    /// What is on the lines is in the catalogue.
    #[serde(rename = "shop.products.listed.v1")]
    Listed {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
}

/// What Notification says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationSays {
    /// The customer has been told that the order is confirmed.
    #[serde(rename = "shop.confirmation.mailed.v1")]
    Mailed {
        /// The number of the invoice.
        invoice: InvoiceNo,
    },
}
