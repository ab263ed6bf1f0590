//! What is read back from the service's own events.

use std::collections::HashMap;

use freehold::event::{self, EventError};
use freehold::{RecordedEvent, StreamId};
use uuid::Uuid;

use super::contracts::{Failure, InvoiceNo};
use super::events::{CancelReason, Intake, Nonsense, OrderEvent};
use super::service::OrderService;

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
    /// Returns.
    pub returns: u64,
    /// Invoices that made no sense.
    pub rejected: u64,
}

/// An invoice that was replayed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The flow it is.
    pub flow: Uuid,
    /// Tells its rows from others.
    pub fingerprint: Uuid,
}

/// An invoice that was begun and not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What it is.
    pub kind: OpenKind,
    /// What came in with it.
    pub intake: Intake,
}

/// What an open invoice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenKind {
    /// A pending order.
    Order,
    /// A return under way.
    Return,
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
                count(&mut figures, &event::decode(recorded)?);
                Ok(())
            })
            .await?;
        Ok(figures)
    }

    /// Hands every invoice that was replayed before to `each`, and returns those that are not finished, in
    /// the order in which they were begun. Only those are in memory.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn known(&self, mut each: impl FnMut(Known) + Send) -> Result<Vec<Open>, Failure> {
        let mut open: HashMap<StreamId, (u64, Open)> = HashMap::new();
        self.feed().read(|recorded| follow(&mut open, recorded, &mut each)).await?;
        let mut open: Vec<_> = open.into_values().collect();
        open.sort_unstable_by_key(|(position, _)| *position);
        Ok(open.into_iter().map(|(_, open)| open).collect())
    }

    /// All that this service knows of the invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn trail(&self, invoice: &InvoiceNo) -> Result<Vec<RecordedEvent>, Failure> {
        self.feed().of_flow(invoice.flow()).await
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
        OrderEvent::InvoiceRejected(_) => &mut figures.rejected,
        OrderEvent::ReturnAnnounced(_) => &mut figures.returns,
        OrderEvent::OrderShipped { .. } | OrderEvent::ReturnCompleted(_) => return,
    };
    *figure += 1;
}

fn follow(
    open: &mut HashMap<StreamId, (u64, Open)>,
    recorded: &RecordedEvent,
    each: &mut (impl FnMut(Known) + Send),
) -> Result<(), EventError> {
    let (kind, intake) = match event::decode(recorded)? {
        OrderEvent::OrderPlaced(intake) => (OpenKind::Order, intake),
        OrderEvent::ReturnAnnounced(intake) => (OpenKind::Return, intake),
        OrderEvent::InvoiceRejected(Nonsense { invoice, fingerprint, .. }) => {
            each(Known { flow: invoice.flow(), fingerprint });
            return Ok(());
        }
        OrderEvent::OrderConfirmed(_)
        | OrderEvent::OrderCancelled { .. }
        | OrderEvent::OrderShipped { .. }
        | OrderEvent::ReturnCompleted(_) => {
            open.remove(recorded.stream());
            return Ok(());
        }
    };
    each(Known { flow: intake.invoice.flow(), fingerprint: intake.fingerprint });
    let begun = (recorded.position().get(), Open { kind, intake });
    open.insert(recorded.stream().clone(), begun);
    Ok(())
}
