//! What must add up over the databases of a shop, whatever went wrong on the way.

use std::collections::HashMap;
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;

use super::{commands, log, stores};

/// How often what has happened.
pub(super) type Counts = HashMap<String, usize>;

/// Money and goods are exactly where the orders say, and every event of the services is counted.
pub(super) async fn check(data: &Path) -> Counts {
    let mut counts = Counts::new();
    let orders = Orders::read(data, &mut counts).await;
    let money = Money::read(data, &mut counts).await;
    let goods = Goods::read(data, &mut counts).await;
    assert_eq!(money.charged - money.reversed, orders.confirmed, "charges less refunds");
    assert_eq!(money.refunded, orders.returned, "what was paid back for returns");
    assert_eq!(goods.taken, orders.units, "the units of the confirmed orders have left");
    assert_eq!(goods.reserved, 0, "nothing is set aside any more");
    assert_eq!(goods.received + goods.returned, goods.taken + goods.on_hand);
    let ledger = commands::ledger(data).await;
    assert_eq!(ledger.get("sales").copied().unwrap_or_default(), -orders.confirmed);
    counts
}

/// Of what a service says.
async fn events(data: &Path, service: &str, counts: &mut Counts) -> Vec<(String, String, Value)> {
    let store = stores::open(data, service).await;
    let mut read = Vec::new();
    for event in log::business(&store).await {
        let name = event.name().as_str().to_owned();
        *counts.entry(name.clone()).or_default() += 1;
        read.push((event.stream().to_string(), name, stores::payload(&event)));
    }
    read
}

fn decimal(amount: &Value) -> Decimal {
    amount.as_str().unwrap().parse().unwrap()
}

#[derive(Default)]
struct Orders {
    confirmed: Decimal,
    returned: Decimal,
    units: i64,
}

impl Orders {
    async fn read(data: &Path, counts: &mut Counts) -> Self {
        let (mut all, mut units) = (Self::default(), HashMap::new());
        for (order, name, event) in events(data, "order", counts).await {
            match name.as_str() {
                "OrderPlaced" => {
                    let lines = event["lines"].as_array().unwrap().iter();
                    let sum: i64 = lines.map(|line| line["units"].as_i64().unwrap()).sum();
                    units.insert(order, sum);
                }
                "OrderConfirmed" => {
                    all.confirmed += decimal(&event["total"]);
                    all.units += units[&order];
                }
                "ReturnCompleted" => all.returned += decimal(&event["total"]),
                _ => {}
            }
        }
        all
    }
}

#[derive(Default)]
struct Money {
    charged: Decimal,
    reversed: Decimal,
    refunded: Decimal,
}

impl Money {
    async fn read(data: &Path, counts: &mut Counts) -> Self {
        let mut all = Self::default();
        for (_, name, event) in events(data, "payment", counts).await {
            match name.as_str() {
                "PaymentProcessed" => all.charged += decimal(&event["amount"]),
                "PaymentReversed" => all.reversed += decimal(&event["amount"]),
                "PaymentRefunded" => all.refunded += decimal(&event["amount"]),
                _ => {}
            }
        }
        all
    }
}

#[derive(Default)]
struct Goods {
    received: i64,
    returned: i64,
    taken: i64,
    reserved: i64,
    on_hand: i64,
}

impl Goods {
    async fn read(data: &Path, counts: &mut Counts) -> Self {
        let mut all = Self::default();
        for (_, name, event) in events(data, "inventory", counts).await {
            let units = event["units"].as_i64().unwrap_or_default();
            match name.as_str() {
                "StockReceived" => {
                    all.received += units;
                    all.on_hand += units;
                }
                "StockReturned" => {
                    all.returned += units;
                    all.on_hand += units;
                }
                "StockReserved" => all.reserved += units,
                "StockReleased" => all.reserved -= units,
                "StockTaken" => {
                    all.taken += units;
                    all.reserved -= units;
                    all.on_hand -= units;
                }
                _ => {}
            }
        }
        all
    }
}
