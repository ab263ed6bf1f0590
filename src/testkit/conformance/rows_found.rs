//! R3: rows are found by their keys and by what these begin with.

use super::RowHarness;
use super::kit::row;
use super::row_kit::{RowLog, Texts, keys, page, texts, texts_of};
use super::rows_faithful::odd_keys;
use crate::types::{Commit, RowsWanted};

/// Limits beyond this are too large to be tried.
const COUNT_MAX: usize = 20_000;

/// A set that holds these keys, each with its number.
async fn filled(h: &dyn RowHarness, log: &str, keys: &[String]) -> (RowLog, Texts) {
    let log = RowLog::with_sets(h, log, &["views"]).await;
    let rows: Texts =
        keys.iter().enumerate().map(|(n, key)| (key.clone(), n.to_string())).collect();
    let written: Vec<_> = rows.iter().map(|(key, json)| row("views", key, json)).collect();
    for some in written.chunks(log.store.limits().rows_per_commit_max.clamp(1, 1_000)) {
        // Backward, so that the order of writing is not the order of the keys.
        log.commit(Commit::new().rows(some.iter().rev().cloned())).await;
    }
    (log, rows)
}

/// R3: the rows with the keys that were asked for, in the order of the keys, each once; those that are not there are
/// left out.
pub async fn r03_rows_are_found_by_their_keys(h: &dyn RowHarness) {
    let (log, rows) = filled(h, "r03_keys", &odd_keys()).await;
    let backward: Vec<&str> = rows.iter().rev().map(|(key, _)| &**key).collect();
    let twice = [&backward[..], &["absent", "a%b"], &backward[..]].concat();
    for wanted in [&backward[..], &twice] {
        let found = log.page("views", &keys(wanted), None).await;
        assert_eq!((texts_of(&found), found.has_more), (rows.clone(), false));
    }
    let found = log.page("views", &keys(&["b", "a", "absent", "a"]), None).await;
    let a = rows.iter().find(|(key, _)| key == "a").expect("it is one of the odd keys");
    assert_eq!((texts_of(&found), found.has_more), (vec![a.clone()], false));
    for none in [&[][..], &["absent"]] {
        let found = log.page("views", &keys(none), None).await;
        assert_eq!((texts_of(&found), found.has_more), (vec![], false), "{none:?}");
    }
}

/// R3: who asks for many keys is answered all of them, be they more than a page holds.
pub async fn r03_many_keys_are_found_at_once(h: &dyn RowHarness) {
    let log = RowLog::open(h, "r03_many").await;
    let page_max = log.store.limits().rows_per_page_max;
    let many = if page_max < COUNT_MAX { page_max + 1 } else { 1_001 };
    let named: Vec<_> = (0..many).map(|n| format!("{n:05}")).collect();
    let (log, rows) = filled(h, "r03_many", &named).await;
    let wanted: Vec<&str> = rows.iter().map(|(key, _)| &**key).collect();
    let found = log.page("views", &keys(&wanted), None).await;
    assert_eq!(found.rows.len(), many, "rows found by as many keys");
    assert_eq!((texts_of(&found), found.has_more), (rows, false));
}

/// R3: a prefix means its bytes and nothing else: no pattern, no case, no language.
pub async fn r03_rows_are_found_by_what_their_keys_begin_with(h: &dyn RowHarness) {
    let (log, rows) = filled(h, "r03_prefix", &odd_keys()).await;
    let too_long = "k".repeat(600);
    let own = rows.iter().map(|(key, _)| &**key);
    let others = ["", "k", "kk", "[", "a%b", "b", "\u{10fffe}", "a\u{10ffff}", "a\u{0}", &too_long];
    for prefix in own.chain(others) {
        let begins = rows.iter().filter(|(key, _)| key.starts_with(prefix));
        let wanted: Texts = begins.cloned().collect();
        let found = log.pages("views", prefix, usize::MAX).await;
        assert_eq!(found, wanted, "the rows that begin with {prefix:?}");
    }
}

/// R3: pages of any size, joined, are all rows in the order of the bytes of their keys.
pub async fn r03_pages_joined_are_all_rows(h: &dyn RowHarness) {
    let (log, rows) = filled(h, "r03_pages", &odd_keys()).await;
    for prefix in ["", "a", "k", "%", "none"] {
        let begins = rows.iter().filter(|(key, _)| key.starts_with(prefix));
        let wanted: Texts = begins.cloned().collect();
        let exact = wanted.len();
        for limit in [0, 1, 2, 3, 7, exact.saturating_sub(1), exact, exact + 1, usize::MAX] {
            let joined = log.pages("views", prefix, limit).await;
            assert_eq!(joined, wanted, "pages of {limit}, beginning with {prefix:?}");
        }
    }
}

/// R3: a page begins after a key, be it there or not, and before, among or behind those that are wanted.
pub async fn r03_a_page_begins_after_a_key(h: &dyn RowHarness) {
    let keys = ["a", "b", "b%", "b/1", "b/2", "b_", "c"].map(str::to_owned);
    let (log, rows) = filled(h, "r03_after", &keys).await;
    for prefix in ["", "b", "b/", "b/2", "c", "d"] {
        for after in ["Z", "a", "aa", "b", "b/", "b/1", "b/11", "b/2", "b_", "bb", "c", "d", "ä"] {
            let follows = |key: &str| key > after && key.starts_with(prefix);
            let wanted: Texts = rows.iter().filter(|(key, _)| follows(key)).cloned().collect();
            for limit in [1, 2, 100] {
                let found = log.page("views", &page(prefix, Some(after), limit), None).await;
                let (some, rest) = wanted.split_at(limit.min(wanted.len()));
                let what = format!("{limit} of {prefix:?} after {after:?}");
                assert_eq!(
                    (&texts_of(&found)[..], found.has_more),
                    (some, !rest.is_empty()),
                    "{what}"
                );
            }
        }
    }
}

/// R3: a page holds what was asked for, at least one row, and at most what the limits allow; who asks for more gets
/// that, and is told that more follows.
pub async fn r03_a_page_of_rows_is_bounded_by_the_limits(h: &dyn RowHarness) {
    let log = RowLog::open(h, "r03_bounded").await;
    let max = log.store.limits().rows_per_page_max;
    if max >= COUNT_MAX {
        return;
    }
    let named: Vec<_> = (0..=max.max(1)).map(|n| format!("{n:05}")).collect();
    let (log, rows) = filled(h, "r03_bounded", &named).await;
    for (asked, held) in [(0, 1), (1, 1), (max, max), (max + 1, max), (usize::MAX, max)] {
        let wanted = RowsWanted::Page { prefix: "".into(), after: None, limit: asked };
        let found = log.page("views", &wanted, None).await;
        let held = held.max(1);
        assert_eq!((found.rows.len(), found.has_more), (held, true), "{asked} rows were asked for");
        assert_eq!(texts_of(&found), &rows[..held], "the first rows");
    }
    let (key, json) = &rows[rows.len() - 1];
    let after = &rows[rows.len() - 2].0;
    let found = log.page("views", &page("", Some(after), max), None).await;
    assert_eq!((texts_of(&found), found.has_more), (texts(&[(key, json)]), false), "the last page");
}
