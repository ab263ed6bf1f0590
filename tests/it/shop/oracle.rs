//! The rules of the shop once more, as simply as they can be said: one loop over maps in memory, with another
//! reader of CSV and another decimal type than the shop's own.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rust_decimal::Decimal;

/// What a summary should say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) invoices: u64,
    pub(super) orders: u64,
    pub(super) confirmed: u64,
    pub(super) out_of_stock: u64,
    pub(super) declined: u64,
    pub(super) returns: u64,
    pub(super) rejected: u64,
    pub(super) sold: i128,
    pub(super) restocked: i128,
    pub(super) revenue: Decimal,
    pub(super) refunded: Decimal,
    pub(super) skus: u64,
    pub(super) on_hand: i128,
}

struct Line {
    code: String,
    quantity: i128,
    price: Decimal,
}

/// Replays files.
pub(super) fn figures(files: &[&Path], stock: i128, limit: &str) -> Figures {
    let limit = Decimal::from_str_exact(limit).unwrap();
    let mut all = Figures::default();
    let mut stocks: BTreeMap<String, i128> = BTreeMap::new();
    for (number, mut lines) in invoices(files) {
        all.invoices += 1;
        let is_return = number.starts_with('C');
        if is_return {
            for line in &mut lines {
                line.quantity = -line.quantity;
            }
        }
        if lines.iter().any(|line| line.quantity <= 0 || line.price < Decimal::ZERO) {
            all.rejected += 1;
            continue;
        }
        let mut needs: HashMap<&str, i128> = HashMap::new();
        let mut total = Decimal::ZERO;
        for line in &lines {
            *needs.entry(&line.code).or_default() += line.quantity;
            total += line.price * Decimal::from_i128_with_scale(line.quantity, 0);
            stocks.entry(line.code.clone()).or_insert(stock);
        }
        if is_return {
            all.returns += 1;
            all.refunded += total;
            for (code, units) in needs {
                *stocks.get_mut(code).unwrap() += units;
                all.restocked += units;
            }
            continue;
        }
        all.orders += 1;
        if needs.iter().any(|(code, units)| stocks[*code] < *units) {
            all.out_of_stock += 1;
        } else if total > limit {
            all.declined += 1;
        } else {
            all.confirmed += 1;
            all.revenue += total;
            for (code, units) in needs {
                *stocks.get_mut(code).unwrap() -= units;
                all.sold += units;
            }
        }
    }
    all.skus = stocks.len() as u64;
    all.on_hand = stocks.values().sum();
    all
}

/// The invoices of all files, in order of first appearance.
fn invoices(files: &[&Path]) -> Vec<(String, Vec<Line>)> {
    let mut invoices: Vec<(String, Vec<Line>)> = Vec::new();
    let mut places = HashMap::new();
    for file in files {
        let mut reader = csv::Reader::from_path(file).unwrap();
        for row in reader.deserialize() {
            let mut row: HashMap<String, String> = row.unwrap();
            let number = row.remove("InvoiceNo").unwrap();
            let place = *places.entry(number.clone()).or_insert(invoices.len());
            if place == invoices.len() {
                invoices.push((number, Vec::new()));
            }
            invoices[place].1.push(Line {
                code: row.remove("StockCode").unwrap(),
                quantity: row["Quantity"].parse().unwrap(),
                price: Decimal::from_str_exact(&row["UnitPrice"]).unwrap(),
            });
        }
    }
    invoices
}

impl Figures {
    /// The summary as the program prints it.
    pub(super) fn to_json(&self) -> String {
        let Self { invoices, orders, confirmed, out_of_stock, declined, returns, rejected, .. } =
            self;
        let Self { sold, restocked, skus, on_hand, .. } = self;
        let (revenue, refunded) = (self.revenue.normalize(), self.refunded.normalize());
        format!(
            "{{\"invoices\":{invoices},\"orders\":{orders},\"confirmed\":{confirmed},\
             \"cancelled_out_of_stock\":{out_of_stock},\"cancelled_payment_declined\":{declined},\
             \"returns\":{returns},\"rejected\":{rejected},\"units_sold\":{sold},\
             \"units_restocked\":{restocked},\"revenue\":\"{revenue}\",\"refunded\":\"{refunded}\",\
             \"skus\":{skus},\"stock_on_hand\":{on_hand}}}\n"
        )
    }
    /// Checks of a summary what is the same in whatever order invoices end.
    pub(super) fn check_order_independent(&self, summary: &serde_json::Value) {
        let expected: serde_json::Value = serde_json::from_str(&self.to_json()).unwrap();
        for name in
            ["invoices", "orders", "returns", "rejected", "refunded", "units_restocked", "skus"]
        {
            assert_eq!(summary[name], expected[name], "{name}");
        }
    }
}
