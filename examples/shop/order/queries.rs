//! What is read back from the service's own events.

use freehold::{Aggregate, Event, Service, event};
use uuid::Uuid;

use super::aggregate::{Order, Status};
use super::contracts::{Customer, Failure, InvoiceNo, Line, Trail};
use super::events::{CancelReason, Intake, Nonsense, OrderEvent};
use super::service::{OrderOwner, OrderService};

/// How many invoices became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Orders; each is confirmed or cancelled in the end.
    pub orders: u64,
    /// Confirmed orders, shipped or not.
    pub confirmed: u64,
    /// Orders of more than there was.
    pub cancelled_out_of_stock: u64,
    /// Orders that were not paid.
    pub cancelled_payment_declined: u64,
    /// Orders that something else came in the way of.
    pub cancelled_given_up: u64,
    /// Returns.
    pub returns: u64,
    /// Invoices that made no sense.
    pub rejected: u64,
}

/// An invoice as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Whose it is.
    pub customer: Customer,
    /// Of when it is, as the file has it.
    pub date: String,
    /// What it is about; nothing, if it made no sense.
    pub lines: Vec<Line>,
    /// How far it is.
    pub status: Status,
}

impl OrderService {
    /// An invoice as it is now, if there is one.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn invoice(&self, number: &InvoiceNo) -> Result<Option<Invoice>, Failure> {
        let events: Vec<OrderEvent> = self.feed().of_stream(&number.stream()).await?;
        let (mut order, mut invoice) = (Order::default(), None);
        for event in events {
            order.apply(&event);
            match event {
                OrderEvent::OrderPlaced(intake) | OrderEvent::ReturnAnnounced(intake) => {
                    let Intake { customer, date, lines, .. } = intake;
                    invoice = Some((customer, date, lines));
                }
                OrderEvent::InvoiceRejected(Nonsense { customer, date, .. }) => {
                    invoice = Some((customer, date, Vec::new()));
                }
                _ => {}
            }
        }
        let status = order.status().clone();
        Ok(invoice.map(|(customer, date, lines)| Invoice { customer, date, lines, status }))
    }

    /// Counts.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn figures(&self) -> Result<Figures, Failure> {
        let mut figures = Figures::default();
        self.feed()
            .read(|recorded| {
                if recorded.stream().category() == OrderEvent::CATEGORY {
                    event::decode_all(recorded)?.for_each(|event| count(&mut figures, &event));
                }
                Ok(())
            })
            .await?;
        Ok(figures)
    }

    /// Hands every invoice that was placed, announced or rejected to `each`, with what tells its rows from others.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn known(
        &self,
        mut each: impl FnMut(&InvoiceNo, Uuid) + Send,
    ) -> Result<(), Failure> {
        self.feed()
            .read(|recorded| {
                if recorded.stream().category() != OrderEvent::CATEGORY {
                    return Ok(());
                }
                for event in event::decode_all(recorded)? {
                    if let OrderEvent::OrderPlaced(Intake { invoice, fingerprint, .. })
                    | OrderEvent::ReturnAnnounced(Intake { invoice, fingerprint, .. })
                    | OrderEvent::InvoiceRejected(Nonsense { invoice, fingerprint, .. }) = event
                    {
                        each(&invoice, fingerprint);
                    }
                }
                Ok(())
            })
            .await
    }

    /// All that this service knows of the invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn trail(&self, invoice: &InvoiceNo) -> Result<Trail, Failure> {
        Trail::read(OrderOwner::NAME, &*self.handle(), invoice.flow()).await
    }
}

fn count(figures: &mut Figures, event: &OrderEvent) {
    let figure = match event {
        OrderEvent::OrderPlaced(_) => &mut figures.orders,
        OrderEvent::OrderConfirmed(_) => &mut figures.confirmed,
        OrderEvent::OrderCancelled { reason: CancelReason::OutOfStock, .. } => {
            &mut figures.cancelled_out_of_stock
        }
        OrderEvent::OrderCancelled { reason: CancelReason::PaymentDeclined, .. } => {
            &mut figures.cancelled_payment_declined
        }
        OrderEvent::OrderCancelled { reason: CancelReason::GivenUp, .. } => {
            &mut figures.cancelled_given_up
        }
        OrderEvent::InvoiceRejected(_) => &mut figures.rejected,
        OrderEvent::ReturnAnnounced(_) => &mut figures.returns,
        OrderEvent::OrderShipped { .. } | OrderEvent::ReturnCompleted(_) => return,
    };
    *figure += 1;
}
