//! What is read back from the service's own events.

use freehold::event::{self, EventError};
use freehold::{Event, RecordedEvent, Service};

use super::contracts::{Failure, InvoiceNo, Trail, Units};
use super::events::{Move, StockEvent};
use super::service::{InventoryOwner, InventoryService};

/// How many goods went where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Units that were taken.
    pub units_sold: Units,
    /// Units that came back.
    pub units_restocked: Units,
    /// Stock codes that were met.
    pub skus: u64,
    /// Units that are in the shop, reserved or not.
    pub stock_on_hand: Units,
}

impl InventoryService {
    /// Counts.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read, or more was taken than there was.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn figures(&self) -> Result<Figures, Failure> {
        let mut figures = Figures::default();
        let mut received = Units::default();
        self.feed().read(|recorded| count(&mut figures, &mut received, recorded)).await?;
        let on_hand = (received + figures.units_restocked).minus(figures.units_sold);
        figures.stock_on_hand = on_hand.ok_or_else(|| {
            Failure::failed("inventory", "count its stock", "more was taken than there was")
        })?;
        Ok(figures)
    }

    /// All that this service knows of the invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn trail(&self, invoice: &InvoiceNo) -> Result<Trail, Failure> {
        Trail::read(InventoryOwner::NAME, &*self.handle(), invoice.flow()).await
    }
}

fn count(
    figures: &mut Figures,
    received: &mut Units,
    recorded: &RecordedEvent,
) -> Result<(), EventError> {
    if recorded.stream().category() != StockEvent::CATEGORY {
        return Ok(());
    }
    match event::decode(recorded)? {
        StockEvent::StockReceived { units } => {
            figures.skus += 1;
            *received += units;
        }
        StockEvent::StockTaken(Move { units, .. }) => figures.units_sold += units,
        StockEvent::StockReturned(Move { units, .. }) => figures.units_restocked += units,
        StockEvent::StockReserved(_) | StockEvent::StockReleased(_) => {}
    }
    Ok(())
}
