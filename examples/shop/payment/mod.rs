//! The Payment service: money. Its database is its own, and nobody else reads it.
//!
//! It keeps a ledger by double entry. A charge debits the customer's card and credits the sales, a refund
//! debits the refunds and credits the card, each in one commit: the sum over all accounts is zero after every
//! commit, and so at every position that a reader can find the log at.
//!
//! In reading order: `events`, what can happen; `aggregate`, what may happen when; `service`, the face that
//! others see; `reactions`, what it does when it hears others; `queries`, what is read back.

pub mod aggregate;
pub mod events;
pub mod queries;
pub mod reactions;
pub mod service;

// All that comes in from outside: the published language.
use super::contracts;
