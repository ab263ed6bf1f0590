//! What is read back from the service's own events.

use freehold::{Event, Service, event};
use uuid::Uuid;

use super::contracts::{Failure, InvoiceNo, Trail};
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

impl OrderService {
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
                    count(&mut figures, &event::decode(recorded)?);
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
                match event::decode(recorded)? {
                    OrderEvent::OrderPlaced(Intake { invoice, fingerprint, .. })
                    | OrderEvent::ReturnAnnounced(Intake { invoice, fingerprint, .. })
                    | OrderEvent::InvoiceRejected(Nonsense { invoice, fingerprint, .. }) => {
                        each(&invoice, fingerprint);
                    }
                    _ => {}
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
