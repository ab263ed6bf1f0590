//! What somebody orders over HTTP.

use serde::Deserialize;
use uuid::Uuid;

use super::super::contracts::{Customer, InvoiceNo, Line, Money, StockCode};
use super::super::input::{Content, Invoice};

/// An order as it comes in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    invoice: String,
    customer: Option<i64>,
    country: String,
    date: String,
    lines: Vec<OrderedLine>,
}

/// A line of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderedLine {
    code: String,
    #[serde(default)]
    description: String,
    units: u64,
    price: Money,
}

impl Ordered {
    /// The invoice that it is. The body of the request tells it from another with the same number, so that one that is sent
    /// again is the same order.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn check(self, body: &[u8]) -> Result<Invoice, &'static str> {
        let number = InvoiceNo::new(&self.invoice).ok_or("invoice: expected 1 to 190 bytes")?;
        if number.is_return() {
            return Err("invoice: expected a number that does not begin with C, which is a return");
        }
        if self.lines.is_empty() {
            return Err("lines: expected at least one");
        }
        let fingerprint = Uuid::new_v5(&number.flow(), body);
        let lines = self.lines.into_iter().map(OrderedLine::check).collect::<Result<_, _>>()?;
        Ok(Invoice {
            number,
            customer: self.customer.map_or(Customer::Guest, Customer::Number),
            country: self.country,
            date: self.date,
            fingerprint,
            content: Content::Order(lines),
        })
    }
}

impl OrderedLine {
    fn check(self) -> Result<Line, &'static str> {
        let Self { code, description, units, price } = self;
        let code = StockCode::new(&code).ok_or("code: expected at most 190 bytes")?;
        if units == 0 {
            return Err("units: expected at least 1");
        }
        if price.is_negative() {
            return Err("price: expected a number that is not below zero");
        }
        Ok(Line { code, units, price, description })
    }
}
