//! What may become of an invoice.

use freehold::Aggregate;
use uuid::Uuid;

use super::contracts::Customer;
use super::events::{Bill, CancelReason, Intake, Nonsense, OrderEvent};

/// An order, a return, or an invoice that was rejected.
#[derive(Clone, Debug, Default)]
pub struct Order {
    status: Status,
    fingerprint: Uuid,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nobody has heard of it.
    #[default]
    Unknown,
    /// Placed; it is not decided whether it is delivered.
    Pending(Bill),
    /// Goods and money are there: it will be delivered.
    Confirmed(Customer),
    /// Gone, with this tracking number.
    Shipped(String),
    /// It came to nothing.
    Cancelled(CancelReason),
    /// Kept, and that is all.
    Rejected,
    /// A return that is under way.
    Returning(Bill),
    /// A return that is done.
    Returned,
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing in the order.
    #[error("an order without lines is refused")]
    NoLines,
    /// The number is taken.
    #[error("the invoice is known, with other rows")]
    OtherRows,
    /// No such invoice.
    #[error("there is no such order")]
    NoOrder,
    /// It is a return or was rejected.
    #[error("the invoice is no order")]
    NotAnOrder,
    /// It is an order, or was rejected.
    #[error("the invoice is no return")]
    NotAReturn,
    /// It is settled already, the other way.
    #[error("the order is settled otherwise")]
    Settled,
    /// Only a confirmed order ships.
    #[error("the order is not confirmed; it is {0}")]
    NotConfirmed(&'static str),
    /// It left with another number.
    #[error("the order is shipped with another tracking number")]
    OtherTracking,
    /// A carrier's number is never empty.
    #[error("a tracking number is needed")]
    NoTracking,
}

/// What a command answers: what happens, or why not. Nothing happens when it has happened before.
type Decision = Result<Vec<OrderEvent>, Refusal>;

impl Aggregate for Order {
    type Event = OrderEvent;

    fn apply(&mut self, event: &OrderEvent) {
        self.status = match event {
            OrderEvent::OrderPlaced(intake) => {
                self.begun(intake.fingerprint, Status::Pending(intake.bill()))
            }
            OrderEvent::OrderConfirmed(bill) => Status::Confirmed(bill.customer),
            OrderEvent::OrderShipped { tracking, .. } => Status::Shipped(tracking.clone()),
            OrderEvent::OrderCancelled { reason, .. } => Status::Cancelled(*reason),
            OrderEvent::InvoiceRejected(invoice) => {
                self.begun(invoice.fingerprint, Status::Rejected)
            }
            OrderEvent::ReturnAnnounced(intake) => {
                self.begun(intake.fingerprint, Status::Returning(intake.bill()))
            }
            OrderEvent::ReturnCompleted(_) => Status::Returned,
        };
    }
}

impl Order {
    /// Whether nothing more can come of it.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        match &self.status {
            Status::Unknown | Status::Pending(_) | Status::Confirmed(_) | Status::Returning(_) => {
                false
            }
            Status::Shipped(_) | Status::Cancelled(_) | Status::Rejected | Status::Returned => true,
        }
    }

    /// Somebody orders.
    ///
    /// # Errors
    /// [`Refusal::NoLines`], or [`Refusal::OtherRows`] if the number is taken.
    pub fn place(&self, intake: &Intake) -> Decision {
        if intake.lines.is_empty() {
            return Err(Refusal::NoLines);
        }
        self.begin(intake.fingerprint, || OrderEvent::OrderPlaced(intake.clone()))
    }

    /// An invoice that makes no sense is kept.
    ///
    /// # Errors
    /// [`Refusal::OtherRows`] if the number is taken.
    pub fn reject(&self, invoice: &Nonsense) -> Decision {
        self.begin(invoice.fingerprint, || OrderEvent::InvoiceRejected(invoice.clone()))
    }

    /// Goods come back.
    ///
    /// # Errors
    /// [`Refusal::NoLines`], or [`Refusal::OtherRows`] if the number is taken.
    pub fn announce_return(&self, intake: &Intake) -> Decision {
        if intake.lines.is_empty() {
            return Err(Refusal::NoLines);
        }
        self.begin(intake.fingerprint, || OrderEvent::ReturnAnnounced(intake.clone()))
    }

    /// Goods and money are settled.
    ///
    /// # Errors
    /// [`Refusal`] unless it is pending, or confirmed before.
    pub fn confirm(&self) -> Decision {
        match &self.status {
            Status::Pending(bill) => Ok(vec![OrderEvent::OrderConfirmed(bill.clone())]),
            Status::Confirmed(_) | Status::Shipped(_) => Ok(Vec::new()),
            Status::Cancelled(_) => Err(Refusal::Settled),
            Status::Unknown => Err(Refusal::NoOrder),
            Status::Rejected | Status::Returning(_) | Status::Returned => Err(Refusal::NotAnOrder),
        }
    }

    /// It comes to nothing.
    ///
    /// # Errors
    /// [`Refusal`] unless it is pending, or cancelled before for the same reason.
    pub fn cancel(&self, reason: CancelReason) -> Decision {
        match &self.status {
            Status::Pending(Bill { customer, .. }) => {
                Ok(vec![OrderEvent::OrderCancelled { customer: *customer, reason }])
            }
            Status::Cancelled(before) if *before == reason => Ok(Vec::new()),
            Status::Cancelled(_) | Status::Confirmed(_) | Status::Shipped(_) => {
                Err(Refusal::Settled)
            }
            Status::Unknown => Err(Refusal::NoOrder),
            Status::Rejected | Status::Returning(_) | Status::Returned => Err(Refusal::NotAnOrder),
        }
    }

    /// The goods leave.
    ///
    /// # Errors
    /// [`Refusal`] unless it is confirmed, or shipped before with the same number.
    pub fn ship(&self, tracking: &str) -> Decision {
        match &self.status {
            _ if tracking.is_empty() => Err(Refusal::NoTracking),
            Status::Confirmed(customer) => {
                let (customer, tracking) = (*customer, tracking.to_owned());
                Ok(vec![OrderEvent::OrderShipped { customer, tracking }])
            }
            Status::Shipped(before) if before == tracking => Ok(Vec::new()),
            Status::Shipped(_) => Err(Refusal::OtherTracking),
            Status::Pending(_) => Err(Refusal::NotConfirmed("pending")),
            Status::Cancelled(CancelReason::OutOfStock) => {
                Err(Refusal::NotConfirmed("cancelled, out of stock"))
            }
            Status::Cancelled(CancelReason::PaymentDeclined) => {
                Err(Refusal::NotConfirmed("cancelled, payment declined"))
            }
            Status::Cancelled(CancelReason::GivenUp) => {
                Err(Refusal::NotConfirmed("cancelled, given up"))
            }
            Status::Unknown => Err(Refusal::NoOrder),
            Status::Rejected | Status::Returning(_) | Status::Returned => Err(Refusal::NotAnOrder),
        }
    }

    /// Money and goods are where they were.
    ///
    /// # Errors
    /// [`Refusal::NotAReturn`] unless it is a return.
    pub fn complete_return(&self) -> Decision {
        match &self.status {
            Status::Returning(bill) => Ok(vec![OrderEvent::ReturnCompleted(bill.clone())]),
            Status::Returned => Ok(Vec::new()),
            Status::Unknown => Err(Refusal::NoOrder),
            Status::Pending(_)
            | Status::Confirmed(_)
            | Status::Shipped(_)
            | Status::Cancelled(_)
            | Status::Rejected => Err(Refusal::NotAReturn),
        }
    }

    /// How far it is.
    #[must_use]
    pub const fn status(&self) -> &Status {
        &self.status
    }

    fn begin(&self, fingerprint: Uuid, first: impl FnOnce() -> OrderEvent) -> Decision {
        match &self.status {
            Status::Unknown => Ok(vec![first()]),
            _ if self.fingerprint == fingerprint => Ok(Vec::new()),
            _ => Err(Refusal::OtherRows),
        }
    }

    fn begun(&mut self, fingerprint: Uuid, status: Status) -> Status {
        self.fingerprint = fingerprint;
        status
    }
}
