//! What a database holds of the views, whatever store it is in.

use std::collections::BTreeMap;

use freehold::{RowSet, RowStore, RowsWanted};
use serde_json::{Value, json};

use super::expected::Views;

/// The rows of a view, by key.
pub(super) async fn rows(reads: &impl RowStore, view: &str) -> BTreeMap<String, Value> {
    let set = RowSet::new(view).unwrap();
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = RowsWanted::Page { prefix: "".into(), after, limit: 1_000 };
        let page = reads.rows(&set, &page, None).await.unwrap();
        after = page.rows.last().map(|row| row.key.clone());
        all.extend(page.rows.iter().map(|row| {
            let json = serde_json::from_slice(row.value.json()).unwrap();
            (row.key.as_str().to_owned(), plain(json))
        }));
        if !page.has_more {
            return all;
        }
    }
}

/// Compares what is kept with what should be.
pub(super) async fn check(reads: &impl RowStore, expected: &Views) {
    let Views { order_summary, revenue, stock, order_history } = expected;
    assert_eq!(&history(reads).await, order_history);
    for (view, expected) in
        [("order_summary", order_summary), ("revenue", revenue), ("stock", stock)]
    {
        let kept = rows(reads, view).await;
        for (key, line) in expected {
            assert_eq!(kept.get(key), Some(line), "{view}: {key}");
        }
        assert_eq!(kept.len(), expected.len(), "{view}");
    }
}

/// What has happened to each invoice of each customer, in order: what it was then, and how much money it was about.
async fn history(reads: &impl RowStore) -> BTreeMap<String, Value> {
    let mut invoices: BTreeMap<String, Value> = BTreeMap::new();
    for (key, line) in rows(reads, "order_history").await {
        let (customer, _place) = key.split_once('/').unwrap();
        let invoice = format!("{customer}/{}", line["order"].as_str().unwrap());
        let steps = invoices.entry(invoice).or_insert_with(|| Value::Array(Vec::new()));
        steps.as_array_mut().unwrap().push(json!([line["status"], line["amount"]]));
    }
    invoices
}

/// The same without the marks of personal data; what is forgotten is `null`.
pub(super) fn plain(json: Value) -> Value {
    match json {
        Value::Object(mut fields) => match fields.remove("~personal") {
            Some(mut body) => plain(body["value"].take()),
            None => fields.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        },
        Value::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
}
