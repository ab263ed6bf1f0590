//! What earlier programs have written of orders, and how it becomes today's.
//!
//! The first program called it `Placed`, and the one after it `OrderPlaced.v1`; both wrote rows without names, prices in cents, and a
//! customer who was a number or nobody. Data folders from then are read as they are: `tests/it/shop/older` has one.

use std::sync::LazyLock;

use freehold::event::Upcasts;
use serde::Deserialize;
use uuid::Uuid;

use super::contracts::{Customer, InvoiceNo, Line, StockCode};
use super::events::{Intake, OrderEvent};

/// An order as it was placed then.
#[derive(Deserialize)]
struct PlacedV1 {
    no: InvoiceNo,
    /// Nobody, if it was a guest.
    customer: Option<i64>,
    country: String,
    at: String,
    rows: Vec<RowV1>,
    fingerprint: Uuid,
}

/// A code, how many, the cents of each, and what it is, in words.
#[derive(Deserialize)]
struct RowV1(StockCode, u64, u64, String);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl TryFrom<PlacedV1> for Intake {
    type Error = BoxError;

    fn try_from(old: PlacedV1) -> Result<Self, BoxError> {
        let PlacedV1 { no, customer, country, at, rows, fingerprint } = old;
        let customer = customer.map_or(Customer::Guest, Customer::Number);
        let lines = rows.into_iter().map(Line::try_from).collect::<Result<_, _>>()?;
        Ok(Self { invoice: no, customer, addressee: None, country, date: at, lines, fingerprint })
    }
}

impl TryFrom<RowV1> for Line {
    type Error = BoxError;

    fn try_from(RowV1(code, units, cents, description): RowV1) -> Result<Self, BoxError> {
        let price = format!("{}.{:02}", cents / 100, cents % 100).parse()?;
        Ok(Self { code, units, price, description })
    }
}

/// The steps to today's events.
pub static UPCASTS: LazyLock<Upcasts<OrderEvent>> = LazyLock::new(|| {
    Upcasts::builder()
        .rename("Placed", "OrderPlaced.v1")
        .replace("OrderPlaced.v1", |old: PlacedV1| Ok(OrderEvent::OrderPlaced(old.try_into()?)))
        .build()
});
