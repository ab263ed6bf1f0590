//! What was earned and paid back, by day and country.

use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use serde::{Deserialize, Serialize};

use super::contracts::{Money, key_of};
use super::order::{Bill, OrderEvent};

/// What invoices without a readable date belong to.
const UNDATED: &str = "undated";
/// How long a day is, written `2010-12-01`.
const DAY_BYTES: usize = 10;

/// A line for every day and country of which money has moved. Orders and returns count on the day of their invoice.
#[derive(Clone, Copy, Debug)]
pub struct Revenue;

/// What was earned and paid back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayInCountry {
    /// `2010-12-01`, or `undated`.
    pub day: String,
    /// The country.
    pub country: String,
    /// How many orders were confirmed.
    pub orders: u64,
    /// What they came to.
    pub revenue: Money,
    /// How many returns were done.
    pub returns: u64,
    /// What was paid back for them.
    pub refunded: Money,
}

impl Projection for Revenue {
    const NAME: &'static str = "revenue";
    type View = DayInCountry;
    type Events = OrderEvent;
    type Level = Eventual<60_000>;
}

impl On<OrderEvent> for Revenue {
    fn on(&self, event: &Recorded<'_, OrderEvent>, views: &mut Views<'_, DayInCountry>) {
        match event.event() {
            OrderEvent::OrderConfirmed(bill) => count(views, bill, |line| {
                line.orders += 1;
                line.revenue += &bill.total;
            }),
            OrderEvent::ReturnCompleted(bill) => count(views, bill, |line| {
                line.returns += 1;
                line.refunded += &bill.total;
            }),
            OrderEvent::OrderPlaced(_)
            | OrderEvent::OrderShipped { .. }
            | OrderEvent::OrderCancelled { .. }
            | OrderEvent::InvoiceRejected(_)
            | OrderEvent::ReturnAnnounced(_) => {}
        }
    }
}

fn count(views: &mut Views<'_, DayInCountry>, bill: &Bill, add: impl FnOnce(&mut DayInCountry)) {
    let day = day_of(&bill.date);
    // No day has a `/` in it.
    views.update(format!("{day}/{}", key_of(&bill.country)), |line| {
        day.clone_into(&mut line.day);
        line.country.clone_from(&bill.country);
        add(line);
    });
}

/// The day in a date as the invoices write it, `2010-12-01 08:26:00`.
fn day_of(date: &str) -> &str {
    let is_day = |day: &&str| {
        let mut signs = day.bytes().enumerate();
        signs.all(|(n, sign)| if matches!(n, 4 | 7) { sign == b'-' } else { sign.is_ascii_digit() })
    };
    date.get(..DAY_BYTES).filter(is_day).unwrap_or(UNDATED)
}
