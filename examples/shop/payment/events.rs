//! What happens to money.

use freehold::Event;
use serde::{Deserialize, Serialize};

use super::contracts::{Customer, Money};

/// An event in the stream of the payment for one invoice. With it, in the same commit, go the entries in
/// the two accounts that it names.
#[allow(
    clippy::enum_variant_names,
    reason = "a variant's name is the event's, and stands alone in the log"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentEvent {
    /// A card was charged.
    PaymentProcessed(Transfer),
    /// The total was above the limit.
    PaymentFailed {
        /// What was asked for.
        amount: Money,
        /// What is allowed.
        limit: Money,
    },
    /// What a card was charged was given back, since the order came to nothing.
    PaymentReversed(Transfer),
    /// The total of a return was paid back.
    PaymentRefunded(Transfer),
}

/// An amount that goes from one account to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// How much.
    pub amount: Money,
    /// The account that gets it.
    pub debit: Account,
    /// The account that gives it.
    pub credit: Account,
}

/// An account of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Account {
    /// What a customer's card was charged, less what was paid back.
    Card(Customer),
    /// What was sold, less what was given back. Its balance is below zero: income is a credit.
    Sales,
    /// What was paid back.
    Refunds,
}

/// An event in the stream of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryEvent {
    /// The balance grew.
    Debited {
        /// By how much.
        amount: Money,
    },
    /// The balance shrank.
    Credited {
        /// By how much.
        amount: Money,
    },
}

/// On what terms the service works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TermsEvent {
    /// Once and for all.
    TermsAgreed {
        /// The highest total that a card is charged.
        card_limit: Money,
    },
}

impl Account {
    /// The id of its stream.
    #[must_use]
    pub fn stream(self) -> String {
        match self {
            Self::Card(customer) => format!("card-{customer}"),
            Self::Sales => "sales".to_owned(),
            Self::Refunds => "refunds".to_owned(),
        }
    }
}

impl Event for PaymentEvent {
    const CATEGORY: &'static str = "payment";
}

impl Event for EntryEvent {
    const CATEGORY: &'static str = "account";
}

impl Event for TermsEvent {
    const CATEGORY: &'static str = "payment_terms";
}
