//! What a replay says, and what a second one does.

use std::path::Path;

use freehold::RecordedEvent;
use freehold::backend::sqlite::SqliteStore;
use freehold::personal::SealedStore;

use super::log::{self, SERVICES};
use super::shops::Shop;
use super::{oracle, program};

/// All of an event but when it was recorded, and at which position: what sagas write stands between.
fn content(event: &RecordedEvent) -> impl PartialEq + std::fmt::Debug + use<> {
    let data = String::from_utf8(event.data().to_vec()).unwrap();
    let place = (event.stream().clone(), event.version());
    (place, event.name().as_str().to_owned(), data, event.metadata().clone())
}

/// The same figures as on SQLite and by the oracle, and in fact the same events.
#[tokio::test]
async fn the_bundled_day_is_to_the_event_what_it_is_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new();
    let expected = oracle::figures(&[&program::day()], 100, "500").to_json();
    assert_eq!(shop.replay(&[&program::day()], &[]), expected);
    let data = ["--data", folder.path().to_str().unwrap()];
    assert_eq!(program::replay(&[&program::day()], &data), expected);
    for service in SERVICES {
        // What was sealed is opened: two seals of one value differ.
        let file = SqliteStore::open(folder.path().join(format!("{service}.db"))).await.unwrap();
        let on_sqlite = log::business(&SealedStore::new(file)).await;
        let on_postgres = log::business(&shop.store(service).await).await;
        assert!(on_sqlite.len() > 50, "{service}: {}", on_sqlite.len());
        assert_eq!(on_postgres.len(), on_sqlite.len(), "{service}");
        for (ours, theirs) in on_postgres.iter().zip(&on_sqlite) {
            assert_eq!(content(ours), content(theirs), "{service}");
        }
    }
}

#[test]
fn the_bundled_day_under_other_settings_is_as_the_rules_say() {
    let expected = oracle::figures(&[&program::day()], 7, "50").to_json();
    let options = ["--stock", "7", "--card-limit", "50"];
    assert_eq!(Shop::new().replay(&[&program::day()], &options), expected);
    assert_eq!(program::replay(&[&program::day()], &options), expected);
}

#[tokio::test]
async fn the_bundled_day_with_64_at_a_time_keeps_what_must_hold() {
    let shop = Shop::new();
    let options = ["--stock", "7", "--card-limit", "50", "--concurrency", "64"];
    let summary: serde_json::Value =
        serde_json::from_str(&shop.replay(&[&program::day()], &options)).unwrap();
    let expected = oracle::figures(&[&program::day()], 7, "50");
    expected.check_order_independent(&summary);
    assert_eq!(shop.finished().await as u64, expected.invoices);
    let number = |name: &str| summary[name].as_i64().unwrap();
    let on_hand = 7 * number("skus") - number("units_sold") + number("units_restocked");
    assert_eq!(number("stock_on_hand"), on_hand, "{summary}");
}

#[test]
fn the_program_alone_replays_the_day_on_a_server() {
    let run = Shop::new().run(&[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for line in ["invoices                                     143", "18622.5", "--store"] {
        assert!(run.out.contains(line), "{line}: {}", run.out);
    }
}

#[tokio::test]
async fn the_same_files_again_change_nothing_and_more_files_go_on() {
    let shop = Shop::new();
    let more = shop.file("1,A,LAMP,4,d,2.5,17850.0,UK\nC2,A,LAMP,-1,d,2.5,17850.0,UK\n");
    let day = program::day();
    let first = shop.replay(&[&day], &[]);
    let heads = shop.heads().await;
    assert_eq!(shop.replay(&[&day], &[]), first);
    assert_eq!(shop.heads().await, heads);
    let files: [&Path; 2] = [&day, &more];
    let expected = oracle::figures(&files, 100, "500").to_json();
    assert_ne!(expected, first);
    assert_eq!(shop.replay(&[&more], &[]), expected);
    assert_eq!(shop.replay(&files, &[]), expected);
}

#[tokio::test]
async fn another_stock_or_limit_or_other_rows_are_refused_and_nothing_is_applied() {
    let shop = Shop::new();
    let file = shop.file("1,A,LAMP,1,d,2.5,7.0,UK\n");
    shop.replay(&[&file], &[]);
    let heads = shop.heads().await;
    let others = shop.file("new,A,LAMP,1,d,1,,UK\n1,A,LAMP,2,d,2.5,7.0,UK\n");
    for (file, options, expected) in [
        (&file, &["--stock", "101"][..], "--stock: expected 100"),
        (&file, &["--card-limit", "500.01"], "--card-limit: expected 500"),
        (&others, &[], "expected the same rows"),
    ] {
        let run = shop.replay_run(&[file], options);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(expected), "{run:?}");
        assert_eq!(shop.heads().await, heads);
    }
}
