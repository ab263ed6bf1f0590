//! What has happened to the invoices of a customer, in the order in which it happened.

use chrono::{DateTime, Utc};
use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use serde::{Deserialize, Serialize};

use super::contracts::{Customer, Money, total};
use super::order::OrderEvent;
use super::status::Status;

/// A line for everything that happens to an invoice, by customer. Nothing that was written is changed.
#[derive(Clone, Copy, Debug)]
pub struct OrderHistory;

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// The number of the invoice, as in the id of its stream.
    pub order: String,
    /// What it was from then on.
    pub status: Status,
    /// How much money it was about, where it was about money.
    pub amount: Option<Money>,
    /// What else there is to say: a tracking number, or the reason of a rejection.
    pub note: Option<String>,
}

impl Projection for OrderHistory {
    const NAME: &'static str = "order_history";
    type View = Happened;
    type Events = OrderEvent;
    type Level = Eventual<5_000>;
}

impl On<OrderEvent> for OrderHistory {
    fn on(&self, event: &Recorded<'_, OrderEvent>, views: &mut Views<'_, Happened>) {
        let (customer, status, amount, note) = match event.event() {
            OrderEvent::OrderPlaced(intake) => {
                (intake.customer, Status::Pending, Some(total(&intake.lines)), None)
            }
            OrderEvent::ReturnAnnounced(intake) => {
                (intake.customer, Status::Returning, Some(total(&intake.lines)), None)
            }
            OrderEvent::OrderConfirmed(bill) => {
                (bill.customer, Status::Confirmed, Some(bill.total.clone()), None)
            }
            OrderEvent::ReturnCompleted(bill) => {
                (bill.customer, Status::Returned, Some(bill.total.clone()), None)
            }
            OrderEvent::OrderShipped { customer, tracking } => {
                (*customer, Status::Shipped, None, Some(tracking.clone()))
            }
            OrderEvent::OrderCancelled { customer, reason } => {
                (*customer, (*reason).into(), None, None)
            }
            OrderEvent::InvoiceRejected(invoice) => {
                (invoice.customer, Status::Rejected, None, Some(invoice.reason.clone()))
            }
        };
        let (at, order) = (event.record().recorded_at(), event.id().to_owned());
        let key = key(customer, event.record().position().get());
        views.set(key, Happened { at, order, status, amount, note });
    }
}

/// The place in the log, in as many digits as it can have: the order of the keys is that of the log.
fn key(customer: Customer, position: u64) -> String {
    format!("{customer}/{position:020}")
}
