//! What may happen to a letter.

use std::convert::Infallible;

use freehold::Aggregate;

use super::contracts::Customer;
use super::events::MailEvent;

/// The service writes whatever it is told to: it refuses nothing.
pub type Refusal = Infallible;

/// The letter that confirms one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    is_mailed: bool,
}

impl Aggregate for Mail {
    type Event = MailEvent;

    fn apply(&mut self, MailEvent::ConfirmationMailed { .. }: &MailEvent) {
        self.is_mailed = true;
    }
}

impl Mail {
    /// Whether it is in the mailbox.
    #[must_use]
    pub const fn is_mailed(&self) -> bool {
        self.is_mailed
    }

    /// It is in the mailbox. Nothing happens when it was there before.
    #[must_use]
    pub fn mailed(&self, customer: Customer, file: &str) -> Vec<MailEvent> {
        if self.is_mailed {
            return Vec::new();
        }
        vec![MailEvent::ConfirmationMailed { customer, file: file.to_owned() }]
    }
}
