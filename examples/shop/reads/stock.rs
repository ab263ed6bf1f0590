//! How much there is of each stock code, with its description and price.

use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use serde::{Deserialize, Serialize};

use super::contracts::{Money, Units};
use super::inventory::{Move, StockEvent};
use super::products::ProductEvent;

/// A line for every stock code, under the id that its streams have in Inventory and in Products. Each of the two tells
/// its part of it, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Stock;

/// How much there is of a code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// What it is, in words; empty if nobody has said.
    pub description: String,
    /// What one unit costs now.
    pub price: Option<Money>,
    /// Whether Inventory has met it.
    pub is_stocked: bool,
    /// Units that can be ordered.
    pub available: Units,
    /// Units that are set aside.
    pub reserved: Units,
    /// Units that have left.
    pub sold: Units,
    /// Units that came back.
    pub restocked: Units,
}

impl Projection for Stock {
    const NAME: &'static str = "stock";
    type View = Level;
    type Events = (StockEvent, ProductEvent);
    type Level = Eventual<5_000>;
}

impl On<StockEvent> for Stock {
    fn on(&self, event: &Recorded<'_, StockEvent>, views: &mut Views<'_, Level>) {
        // What was written had been checked, so nothing here falls below zero.
        let less = |units: Units, by: Units| units.minus(by).unwrap_or_default();
        views.update(event.id(), |level| match event.event() {
            StockEvent::StockReceived { units } => {
                level.is_stocked = true;
                level.available += *units;
            }
            StockEvent::StockReserved(Move { units, .. }) => {
                level.available = less(level.available, *units);
                level.reserved += *units;
            }
            StockEvent::StockReleased(Move { units, .. }) => {
                level.reserved = less(level.reserved, *units);
                level.available += *units;
            }
            StockEvent::StockTaken(Move { units, .. }) => {
                level.reserved = less(level.reserved, *units);
                level.sold += *units;
            }
            StockEvent::StockReturned(Move { units, .. }) => {
                level.available += *units;
                level.restocked += *units;
            }
        });
    }
}

impl On<ProductEvent> for Stock {
    fn on(&self, event: &Recorded<'_, ProductEvent>, views: &mut Views<'_, Level>) {
        views.update(event.id(), |level| match event.event() {
            ProductEvent::ProductDescribed { description } => {
                level.description.clone_from(description);
            }
            ProductEvent::ProductPriced { price } => level.price = Some(price.clone()),
        });
    }
}
