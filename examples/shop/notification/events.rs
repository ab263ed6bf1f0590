//! What happens to a letter.

use freehold::Event;
use serde::{Deserialize, Serialize};

use super::contracts::Customer;

/// An event in the stream of one order's letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailEvent {
    /// The customer was told that the order is confirmed.
    ConfirmationMailed {
        /// Who was told.
        customer: Customer,
        /// The name of the file in the mailbox.
        file: String,
    },
}

impl Event for MailEvent {
    const CATEGORY: &'static str = "mail";
}
