//! What is on an invoice.

use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use serde::{Deserialize, Serialize};

use super::contracts::{Customer, Line};
use super::order::{Nonsense, OrderEvent};
use super::status::Status;

/// What is on every invoice, under the id of its stream.
#[derive(Clone, Copy, Debug)]
pub struct OrderDetails;

/// What is on an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Whose it is.
    pub customer: Customer,
    /// Of when it is, as the invoice says.
    pub created_at: String,
    /// What it is about; nothing, if it made no sense.
    pub lines: Vec<Line>,
    /// How far it is.
    pub status: Status,
}

impl Projection for OrderDetails {
    const NAME: &'static str = "order_details";
    type View = Details;
    type Events = OrderEvent;
    type Level = Eventual<5_000>;
}

impl On<OrderEvent> for OrderDetails {
    fn on(&self, event: &Recorded<'_, OrderEvent>, views: &mut Views<'_, Details>) {
        let order = event.id();
        let mut begin = |customer, date: &String, lines: &[Line], status| {
            let (created_at, lines) = (date.clone(), lines.to_vec());
            views.set(order, Details { customer, created_at, lines, status });
        };
        let status = match event.event() {
            OrderEvent::OrderPlaced(intake) => {
                return begin(intake.customer, &intake.date, &intake.lines, Status::Pending);
            }
            OrderEvent::ReturnAnnounced(intake) => {
                return begin(intake.customer, &intake.date, &intake.lines, Status::Returning);
            }
            OrderEvent::InvoiceRejected(Nonsense { customer, date, .. }) => {
                return begin(*customer, date, &[], Status::Rejected);
            }
            OrderEvent::OrderConfirmed(_) => Status::Confirmed,
            OrderEvent::OrderShipped { .. } => Status::Shipped,
            OrderEvent::OrderCancelled { reason, .. } => (*reason).into(),
            OrderEvent::ReturnCompleted(_) => Status::Returned,
        };
        views.change(order, |details| details.status = status);
    }
}
