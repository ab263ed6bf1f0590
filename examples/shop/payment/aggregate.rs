//! What may happen to money.

use freehold::Aggregate;

use serde::{Deserialize, Serialize};

use super::contracts::{Customer, Money};
use super::events::{Account, EntryEvent, PaymentEvent, TermsEvent, Transfer};

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The invoice moved money before, the other way.
    #[error("the invoice has moved money before, the other way")]
    Known,
    /// Other terms were agreed on.
    #[error("the service works with other terms")]
    OtherTerms,
}

/// The payment for one invoice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payment {
    /// Nothing yet.
    #[default]
    None,
    /// The card was charged.
    Processed,
    /// The total was above the limit.
    Failed,
    /// The charge was given back.
    Reversed,
    /// It was paid back.
    Refunded,
}

/// What an order hears that is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is paid.
    Charged,
    /// It is not.
    Declined,
}

impl Aggregate for Payment {
    type Event = PaymentEvent;

    fn apply(&mut self, event: &PaymentEvent) {
        *self = match event {
            PaymentEvent::PaymentProcessed(_) => Self::Processed,
            PaymentEvent::PaymentFailed { .. } => Self::Failed,
            PaymentEvent::PaymentReversed(_) => Self::Reversed,
            PaymentEvent::PaymentRefunded(_) => Self::Refunded,
        };
    }
}

impl Payment {
    /// The answer to a charge, once it was asked for.
    #[must_use]
    pub const fn answer(self) -> Option<Answer> {
        match self {
            Self::Processed => Some(Answer::Charged),
            Self::Failed => Some(Answer::Declined),
            Self::None | Self::Reversed | Self::Refunded => None,
        }
    }

    /// Charges a card, or declines. A total that equals the limit is charged. Nothing happens when it was
    /// answered before.
    ///
    /// # Errors
    /// [`Refusal::Known`] if the invoice is a return, or the charge was given back.
    pub fn charge(
        self,
        customer: Customer,
        amount: &Money,
        limit: &Money,
    ) -> Result<Vec<PaymentEvent>, Refusal> {
        match self {
            Self::None if amount > limit => Ok(vec![PaymentEvent::PaymentFailed {
                amount: amount.clone(),
                limit: limit.clone(),
            }]),
            Self::None => Ok(vec![PaymentEvent::PaymentProcessed(Transfer {
                amount: amount.clone(),
                debit: Account::Card(customer),
                credit: Account::Sales,
            })]),
            Self::Processed | Self::Failed => Ok(Vec::new()),
            Self::Reversed | Self::Refunded => Err(Refusal::Known),
        }
    }

    /// Gives back what was charged. Nothing happens when nothing was charged, or it was given back before.
    ///
    /// # Errors
    /// [`Refusal::Known`] if the invoice is a return.
    pub fn reverse(self, customer: Customer, amount: &Money) -> Result<Vec<PaymentEvent>, Refusal> {
        match self {
            Self::Processed => Ok(vec![PaymentEvent::PaymentReversed(Transfer {
                amount: amount.clone(),
                debit: Account::Sales,
                credit: Account::Card(customer),
            })]),
            Self::None | Self::Failed | Self::Reversed => Ok(Vec::new()),
            Self::Refunded => Err(Refusal::Known),
        }
    }

    /// Pays the total of a return back. Nothing happens when it was paid back before.
    ///
    /// # Errors
    /// [`Refusal::Known`] if the invoice is an order.
    pub fn refund(self, customer: Customer, amount: &Money) -> Result<Vec<PaymentEvent>, Refusal> {
        match self {
            Self::None => Ok(vec![PaymentEvent::PaymentRefunded(Transfer {
                amount: amount.clone(),
                debit: Account::Refunds,
                credit: Account::Card(customer),
            })]),
            Self::Refunded => Ok(Vec::new()),
            Self::Processed | Self::Failed | Self::Reversed => Err(Refusal::Known),
        }
    }
}

/// What an account holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance(Money);

impl Aggregate for Balance {
    type Event = EntryEvent;

    fn apply(&mut self, event: &EntryEvent) {
        match event {
            EntryEvent::Debited { amount } => self.0 += amount,
            EntryEvent::Credited { amount } => self.0 += &-amount.clone(),
        }
    }
}

impl Balance {
    /// Of an account without entries.
    pub const NOTHING: Self = Self(Money::NOTHING);

    /// Debits less credits.
    #[must_use]
    pub const fn amount(&self) -> &Money {
        &self.0
    }
}

/// On what terms the service works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    card_limit: Option<Money>,
}

impl Aggregate for Terms {
    type Event = TermsEvent;

    fn apply(&mut self, TermsEvent::TermsAgreed { card_limit }: &TermsEvent) {
        self.card_limit = Some(card_limit.clone());
    }
}

impl Terms {
    /// The highest total that a card is charged, if that is agreed on.
    #[must_use]
    pub const fn card_limit(&self) -> Option<&Money> {
        self.card_limit.as_ref()
    }

    /// Agrees on it, once and for all.
    ///
    /// # Errors
    /// [`Refusal::OtherTerms`] if another was agreed on.
    pub fn agree(&self, card_limit: &Money) -> Result<Vec<TermsEvent>, Refusal> {
        match &self.card_limit {
            None => Ok(vec![TermsEvent::TermsAgreed { card_limit: card_limit.clone() }]),
            Some(before) if before == card_limit => Ok(Vec::new()),
            Some(_) => Err(Refusal::OtherTerms),
        }
    }
}
