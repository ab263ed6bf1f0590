//! What a database holds of the views, whatever store it is in.

use std::collections::BTreeMap;

use freehold::{RowSet, RowStore, RowsWanted};
use serde_json::Value;

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
            (row.key.as_str().to_owned(), serde_json::from_slice(row.value.json()).unwrap())
        }));
        if !page.has_more {
            return all;
        }
    }
}

/// Compares what is kept with what should be.
pub(super) async fn check(reads: &impl RowStore, expected: &Views) {
    let Views { order_summary, revenue, stock } = expected;
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
