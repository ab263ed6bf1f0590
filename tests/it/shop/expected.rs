//! What the views should hold: the rules once more, by the oracle's reader of files, on maps in memory.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The views, each as JSON under its keys.
#[derive(Debug, Default)]
pub(super) struct Views {
    pub(super) order_summary: BTreeMap<String, Value>,
    pub(super) revenue: BTreeMap<String, Value>,
    pub(super) stock: BTreeMap<String, Value>,
    /// By customer and invoice: what it was, one after the other, and how much money it was about then. When, is left out.
    pub(super) order_history: BTreeMap<String, Value>,
}

impl Views {
    fn invoice(&mut self, key: String, line: Value, history: Value) {
        self.order_history.insert(key.clone(), history);
        self.order_summary.insert(key, line);
    }
}

#[derive(Default)]
struct Code {
    description: String,
    price: Decimal,
    available: i128,
    sold: i128,
    restocked: i128,
}

#[derive(Default)]
struct Day {
    orders: u64,
    revenue: Decimal,
    returns: u64,
    refunded: Decimal,
}

type Row = HashMap<String, String>;

/// Replays files, one invoice after the other.
pub(super) fn views(files: &[&Path], stock: i128, limit: &str) -> Views {
    let limit = Decimal::from_str_exact(limit).unwrap();
    let mut codes: BTreeMap<String, Code> = BTreeMap::new();
    let mut days: BTreeMap<String, Day> = BTreeMap::new();
    let mut views = Views::default();
    for (number, rows) in invoices(files) {
        let is_return = number.starts_with('C');
        let sign = if is_return { -1 } else { 1 };
        let units = |row: &Row| sign * row["Quantity"].parse::<i128>().unwrap();
        let price = |row: &Row| Decimal::from_str_exact(&row["UnitPrice"]).unwrap();
        let customer = customer(&rows[0]);
        let is_nonsense = |row: &Row| units(row) <= 0 || price(row) < Decimal::ZERO;
        if rows.iter().any(is_nonsense) {
            let line = summary(&number, &rows[0], 0, Decimal::ZERO, "rejected");
            views.invoice(format!("{customer}/{number}"), line, json!([["rejected", null]]));
            continue;
        }
        let mut needs: BTreeMap<&str, i128> = BTreeMap::new();
        let mut total = Decimal::ZERO;
        for row in &rows {
            *needs.entry(&row["StockCode"]).or_default() += units(row);
            total += price(row) * Decimal::from_i128_with_scale(units(row), 0);
            let new = || Code { available: stock, ..Code::default() };
            let code = codes.entry(row["StockCode"].clone()).or_insert_with(new);
            code.price = price(row);
            if code.description.is_empty() {
                code.description.clone_from(&row["Description"]);
            }
        }
        let day = format!("{}/{}", &rows[0]["InvoiceDate"][..10], rows[0]["Country"]);
        let status = if is_return {
            let day = days.entry(day).or_default();
            day.returns += 1;
            day.refunded += total;
            "returned"
        } else if needs.iter().any(|(code, units)| codes[*code].available < *units) {
            "out_of_stock"
        } else if total > limit {
            "payment_declined"
        } else {
            let day = days.entry(day).or_default();
            day.orders += 1;
            day.revenue += total;
            "confirmed"
        };
        for (code, units) in &needs {
            let code = codes.get_mut(*code).unwrap();
            match status {
                "confirmed" => {
                    (code.available, code.sold) = (code.available - units, code.sold + units);
                }
                "returned" => {
                    (code.available, code.restocked) =
                        (code.available + units, code.restocked + units);
                }
                _ => {}
            }
        }
        let line = summary(&number, &rows[0], needs.values().sum(), total, status);
        views.invoice(format!("{customer}/{number}"), line, history(status, &total));
        if customer != "guest" {
            let (name, email) = profile(&customer);
            let profile = json!({"customer": {"name": name, "email": email}});
            views.order_summary.insert(customer, profile);
        }
    }
    views.stock = codes.into_iter().map(|(code, level)| (code, level.to_json())).collect();
    views.revenue = days.into_iter().map(|(key, day)| (key.clone(), day.to_json(&key))).collect();
    views
}

fn customer(row: &Row) -> String {
    match row["CustomerID"].as_str() {
        "" => "guest".to_owned(),
        number => number.trim_end_matches(".0").to_owned(),
    }
}

fn profile(customer: &str) -> (String, String) {
    (format!("Customer {customer}"), format!("c{customer}@example.invalid"))
}

fn history(status: &str, total: &Decimal) -> Value {
    let total = total.normalize().to_string();
    match status {
        "returned" => json!([["returning", total], ["returned", total]]),
        "confirmed" => json!([["pending", total], ["confirmed", total]]),
        cancelled => json!([["pending", total], [cancelled, null]]),
    }
}

fn summary(number: &str, row: &Row, items: i128, total: Decimal, status: &str) -> Value {
    let customer = customer(row);
    let named = Some(profile(&customer)).filter(|_| customer != "guest");
    let (name, email) = named.unzip();
    json!({"order": {
        "order": number,
        "customer_name": name,
        "customer_email": email,
        "item_count": u64::try_from(items).unwrap(),
        "total": total.normalize().to_string(),
        "status": status,
        "created_at": row["InvoiceDate"],
    }})
}

impl Code {
    fn to_json(&self) -> Value {
        let number = |units: i128| u64::try_from(units).unwrap();
        json!({
            "description": self.description,
            "price": self.price.normalize().to_string(),
            "is_stocked": true,
            "available": number(self.available),
            "reserved": 0,
            "sold": number(self.sold),
            "restocked": number(self.restocked),
        })
    }
}

impl Day {
    fn to_json(&self, key: &str) -> Value {
        let (day, country) = key.split_once('/').unwrap();
        json!({
            "day": day,
            "country": country,
            "orders": self.orders,
            "revenue": self.revenue.normalize().to_string(),
            "returns": self.returns,
            "refunded": self.refunded.normalize().to_string(),
        })
    }
}

/// The rows of all files by invoice, in order of first appearance.
fn invoices(files: &[&Path]) -> Vec<(String, Vec<Row>)> {
    let mut invoices: Vec<(String, Vec<Row>)> = Vec::new();
    let mut places = HashMap::new();
    for file in files {
        for row in csv::Reader::from_path(file).unwrap().deserialize() {
            let row: Row = row.unwrap();
            let number = row["InvoiceNo"].clone();
            let place = *places.entry(number.clone()).or_insert(invoices.len());
            if place == invoices.len() {
                invoices.push((number, Vec::new()));
            }
            invoices[place].1.push(row);
        }
    }
    invoices
}
