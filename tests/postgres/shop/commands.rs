//! Shipping and the audit trail.

use super::program::{self, Run};
use super::shops::Shop;

const ROWS: &str = "1,A,LAMP,4,d,2.5,17850.0,UK\n1,B,RUG,1,d,7,17850.0,UK\n2,A,LAMP,99,d,2.5,,UK\n\
    3,B,RUG,2,d,700,,UK\nC4,A,LAMP,-1,d,2.5,17850.0,UK\n5,A,LAMP,0,d,2.5,,UK\n";

/// What a run left, without the times at which events were recorded.
fn without_time(run: Run) -> (Option<i32>, Vec<String>, String) {
    let is_time = |word: &&str| chrono::DateTime::parse_from_rfc3339(word).is_ok();
    let words =
        |line: &str| line.split(' ').filter(|word| !is_time(word)).collect::<Vec<_>>().join(" ");
    (run.code, run.out.lines().map(words).collect(), run.err)
}

#[test]
fn ship_and_history_say_what_they_say_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["--data", folder.path().to_str().unwrap()];
    let shop = Shop::new();
    let file = shop.file(ROWS);
    assert_eq!(shop.replay(&[&file], &[]), program::replay(&[&file], &data));
    let mut lines = 0;
    for args in [
        &["ship", "1", "T1"][..],
        &["ship", "1", "T1"],
        &["ship", "1", "T2"],
        &["ship", "2", "T1"],
        &["ship", "6", "T1"],
        &["history", "1"],
        &["history", "2"],
        &["history", "3"],
        &["history", "C4"],
        &["history", "5"],
        &["history", "6"],
    ] {
        let ours = without_time(shop.run(args));
        assert_eq!(ours, without_time(program::run(&[args, &data].concat())), "{args:?}");
        lines += ours.1.len();
    }
    assert!(lines > 30, "{lines} lines");
}

#[tokio::test]
async fn shipping_and_history_need_a_shop_and_make_none() {
    let shop = Shop::new();
    for args in [&["ship", "1", "T"][..], &["history", "1"]] {
        let run = shop.run(args);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains("expected a shop that was replayed into"), "{run:?}");
        let run = program::run(args);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    }
    assert_eq!(shop.made(&mut super::shops::admin().await).await, 0);
}
