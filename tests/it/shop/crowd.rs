//! Many invoices at a time: what holds in whatever order they end.

use std::collections::HashMap;
use std::path::Path;

use super::{conserved, invoices, log, oracle, program, stores};

/// Replays at some concurrency, and checks what must hold at any.
async fn replay_crowd(files: &[&Path], stock: u32, limit: &str, concurrency: u32) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (stock_text, concurrency) = (stock.to_string(), concurrency.to_string());
    let options = [
        ["--data", data.to_str().unwrap()],
        ["--stock", &stock_text],
        ["--card-limit", limit],
        ["--concurrency", &concurrency],
    ];
    let summary: serde_json::Value =
        serde_json::from_str(&program::replay(files, &options.concat())).unwrap();
    let number = |name: &str| summary[name].as_i64().unwrap();
    let expected = oracle::figures(files, stock.into(), limit);
    expected.check_order_independent(&summary);
    let ended = number("confirmed")
        + number("cancelled_out_of_stock")
        + number("cancelled_payment_declined");
    assert_eq!(ended, number("orders"), "{summary}");
    let on_hand = i64::from(stock) * number("skus") - number("units_sold");
    assert_eq!(number("stock_on_hand"), on_hand + number("units_restocked"), "{summary}");

    let orders = stores::open(&data, "order").await;
    assert_eq!(log::finished(&orders).await, usize::try_from(expected.invoices).unwrap());
    let lowest = lowest_stock(&data).await;
    assert!(lowest >= 0, "a code was at {lowest}");
    conserved::check(&data).await;
    let ledger = super::commands::ledger(&data).await;
    assert_eq!(
        ledger["sales"],
        format!("-{}", summary["revenue"].as_str().unwrap()).parse().unwrap()
    );
    assert_eq!(ledger["refunds"], summary["refunded"].as_str().unwrap().parse().unwrap());
}

/// The lowest that any code ever was at.
async fn lowest_stock(data: &Path) -> i64 {
    let inventory = stores::open(data, "inventory").await;
    let mut stocks: HashMap<String, i64> = HashMap::new();
    let mut lowest = 0;
    for event in log::events(&inventory).await {
        let units = stores::payload(&event)["units"].as_i64().unwrap_or_default();
        let stock = stocks.entry(event.stream().to_string()).or_default();
        match event.name().as_str() {
            "StockReceived" | "StockReleased" | "StockReturned" => *stock += units,
            "StockReserved" => *stock -= units,
            _ => {}
        }
        lowest = lowest.min(*stock);
    }
    lowest
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_day_with_8_at_a_time_keeps_what_must_hold() {
    replay_crowd(&[&program::day()], 100, "500", 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_day_with_64_at_a_time_keeps_what_must_hold() {
    replay_crowd(&[&program::day()], 7, "50", 64).await;
}

/// Nine codes for all: every invoice wants what the others want.
#[tokio::test(flavor = "multi_thread")]
async fn invoices_that_all_want_the_same_keep_what_must_hold() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 100..104 {
        let [first, second] = invoices::write(folder.path(), seed, 120);
        replay_crowd(&[&first, &second], 60, "80", 64).await;
    }
}
