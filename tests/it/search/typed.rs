//! Whatever is typed is words: it never fails, and never means more than it says.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::fixture::{Catalogue, PATIENCE, describe, keys, logs, open, reads, run, scan, views};

#[tokio::test(start_paused = true)]
async fn case_and_marks_do_not_matter_and_the_last_word_may_be_a_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let reads = reads([&items, &brands]);
    let search = open::<Catalogue>(&reads, folder.path()).await;
    let running = run(&search, Catalogue);
    describe(&items, "i1", "CRÈME brûlée T-LIGHT holder").await;
    describe(&items, "i2", "cre\u{300}me cake").await;
    search.wait_for_head(PATIENCE).await.unwrap();
    for (typed, found) in [
        ("creme", &["b0/i1", "b0/i2"][..]),
        ("Crème", &["b0/i1", "b0/i2"]),
        ("BRULEE creme", &["b0/i1"]),
        ("creme cak", &["b0/i2"]),
        ("cak creme", &[]),
        ("light-t", &["b0/i1"]),
        ("", &[]),
        (" *!? ", &[]),
        // The words of query languages are words.
        ("creme OR cake", &[]),
        ("text:creme", &[]),
        ("-cake creme", &["b0/i2"]),
        ("creme*", &["b0/i1", "b0/i2"]),
        ("\"cake creme\"~2^9 [a TO", &[]),
    ] {
        assert_eq!(keys(&search, typed).await, found, "{typed:?}");
    }
    running.stop().await;
}

#[test]
fn no_text_is_too_strange() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let search = runtime.block_on(async {
        let [items, brands] = logs();
        let search = open::<Catalogue>(&reads([&items, &brands]), folder.path()).await;
        let running = run(&search, Catalogue);
        describe(&items, "i1", "tea AND pot").await;
        search.wait_for_head(PATIENCE).await.unwrap();
        running.stop().await;
        search
    });
    let bytes = prop::collection::vec(any::<u8>(), 0..200)
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let typed = prop_oneof![bytes, "\\PC{0,60}", "[teapo\"*:^~()\\[\\] +-]{0,30}"];
    TestRunner::new(Config::with_cases(300))
        .run(&(typed, 0..5_usize), |(typed, limit)| {
            let found = runtime.block_on(search.find(&typed, limit)).unwrap().value;
            prop_assert!(found.len() <= limit.min(1));
            if typed.is_ascii() && limit > 0 {
                let looked = runtime.block_on(views(&search));
                let found = found.iter().map(|hit| hit.key.as_str());
                prop_assert!(found.eq(scan(&looked, &typed).iter()), "{typed:?}");
            }
            Ok(())
        })
        .unwrap();
    let long = "x".repeat(1 << 20) + &" tea".repeat(1 << 16);
    assert_eq!(runtime.block_on(keys(&search, &long)), [""; 0]);
}
