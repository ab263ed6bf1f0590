//! R1: rows come back as they were put.

use super::RowHarness;
use super::kit::{key, row, set};
use super::row_kit::{RowLog, keys, texts, texts_of};
use crate::types::{Commit, RowWrite};

/// Keys that something between the caller and the disk might take for others, in the order of their bytes.
pub(super) fn odd_keys() -> Vec<String> {
    let long = "k".repeat(511);
    let mut keys: Vec<String> = [
        "a",
        "A",
        "Z",
        "aa",
        "a ",
        " a",
        "a%",
        "a_",
        "a\\",
        "%",
        "_",
        "\\",
        "*",
        "?",
        "[a]",
        "'",
        "\"",
        "1",
        "10",
        "9",
        "01",
        "null",
        "a/b",
        "a.b",
        "a-b",
        "ä",
        "a\u{308}",
        "é",
        "ß",
        "ss",
        "İ",
        "i",
        "\u{e000}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "日本",
        "a\u{200d}",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.extend([format!("{long}a"), format!("{long}b"), "ä".repeat(256)]);
    keys.sort_unstable();
    keys
}

/// JSON that something between the caller and the disk might write otherwise.
const ODD_VALUES: [&str; 14] = [
    "null",
    " {\n\t\"b\" : 1,  \"a\":2 }\n",
    r#"{"a":1,"a":2}"#,
    r#""\u0000""#,
    r#""\ud800""#,
    r#""\u00e4 ä \/ /""#,
    "\"日本 \u{10ffff}\"",
    "1.0",
    "1e400",
    "-0",
    "123456789012345678901234567890.10",
    "\"\"",
    "[[],{}]",
    r#""it's \\ %_ $1 ? :a""#,
];

/// R1: every kind of JSON comes back byte for byte, the newest that was put.
pub async fn r01_a_row_holds_what_was_put_byte_for_byte(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r01_bytes", &["views"]).await;
    let longest = format!("\"{}\"", "ä\\n".repeat(50_000));
    let values: Vec<&str> = ODD_VALUES.into_iter().chain([&*longest]).collect();
    let named: Vec<_> = (0..values.len()).map(|n| format!("{n:02}")).collect();
    // Once each value alone, and again with every row holding what its neighbour held.
    for shift in 0..2 {
        let rows: Vec<(&str, &str)> =
            (0..values.len()).map(|n| (&*named[n], values[(n + shift) % values.len()])).collect();
        if shift == 0 {
            for (key, json) in &rows {
                let done = log.commit(Commit::new().rows([row("views", key, json)])).await;
                assert_eq!((done.versions(), done.positions()), (&[][..], None), "no events");
                assert_eq!(done.token().log(), log.store.identity(), "the log of the token");
            }
        } else {
            let all = rows.iter().map(|(key, json)| row("views", key, json));
            log.commit(Commit::new().rows(all)).await;
        }
        log.holds("views", &rows).await;
        let wanted: Vec<&str> = rows.iter().map(|(key, _)| *key).collect();
        let found = log.page("views", &keys(&wanted), None).await;
        assert_eq!(texts_of(&found), texts(&rows), "the rows found by their keys");
    }
}

/// R1: a row that is deleted is gone, and no other with it; a row that is not there can be deleted, and one that was
/// can be put again.
pub async fn r01_a_deleted_row_is_gone(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r01_deleted", &["views", "other"]).await;
    let delete = |at| RowWrite::delete(&set("views"), &key(at));
    let kept = ["%", "_", "a", "aa", "b"];
    let both = kept.iter().flat_map(|at| ["views", "other"].map(|set| row(set, at, "1")));
    log.commit(Commit::new().rows(both)).await;
    log.commit(Commit::new().rows([delete("absent")])).await;
    log.commit(Commit::new().rows([delete("%")])).await;
    log.holds("views", &[("_", "1"), ("a", "1"), ("aa", "1"), ("b", "1")]).await;
    log.commit(Commit::new().rows([delete("_"), row("views", "c", "2"), delete("aa")])).await;
    log.holds("views", &[("a", "1"), ("b", "1"), ("c", "2")]).await;
    assert_eq!(log.page("views", &keys(&["aa", "_"]), None).await.rows, [], "deleted rows");
    log.commit(Commit::new().rows([delete("a"), delete("b"), delete("c")])).await;
    log.holds("views", &[]).await;
    log.commit(Commit::new().rows([row("views", "a", "3")])).await;
    log.holds("views", &[("a", "3")]).await;
    log.holds("other", &kept.map(|at| (at, "1"))).await;
}

/// R1: keys that are alike are other keys, in each of several sets whose names are alike.
pub async fn r01_sets_and_keys_are_told_apart(h: &dyn RowHarness) {
    let [long_a, long_b] = ["a", "b"].map(|end| format!("{}{end}", "s".repeat(47)));
    let sets = ["view", "view_", "views", "view_1", "view1", "select", "order", &long_a, &long_b];
    let log = RowLog::with_sets(h, "r01_apart", &sets).await;
    let odd = odd_keys();
    let content = |name: &str| -> Vec<(String, String)> {
        odd.iter().enumerate().map(|(n, key)| (key.clone(), format!("\"{name} {n}\""))).collect()
    };
    for name in sets {
        let rows = content(name);
        log.commit(Commit::new().rows(rows.iter().map(|(key, json)| row(name, key, json)))).await;
    }
    for name in sets {
        let all = log.pages(name, "", usize::MAX).await;
        assert_eq!(
            all,
            content(name),
            "the rows of {name}, in the order of the bytes of their keys"
        );
        for (key, json) in content(name) {
            let found = texts_of(&log.page(name, &keys(&[&key]), None).await);
            assert_eq!(found, [(key, json)], "a row of {name} found by its key");
        }
    }
}

/// R1: rows are there after every handle was dropped and the log was opened again.
pub async fn r01_rows_are_there_after_reopening(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r01_reopened", &["views"]).await;
    log.commit(Commit::new().rows(["a", "b", "c"].map(|at| row("views", at, "1")))).await;
    let gone = RowWrite::delete(&set("views"), &key("b"));
    log.commit(Commit::new().rows([gone, row("views", "c", "2")])).await;
    drop(log);
    for generation in ["2", "3"] {
        let log = RowLog::open(h, "r01_reopened").await;
        log.holds("views", &[("a", "1"), ("c", generation)]).await;
        log.prepare("views").await;
        log.commit(Commit::new().rows([row("views", "c", "3")])).await;
        log.holds("views", &[("a", "1"), ("c", "3")]).await;
    }
}
