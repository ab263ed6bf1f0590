//! Without a driver, and with databases on a server: each service hears, decides and answers in its own.

use std::process::Command;

use super::shops::Shop;
use super::{kill, oracle, program};

const KILLS: u64 = 4;

const OPTIONS: [&str; 2] = ["--mode", "choreography"];

#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_day_that_is_killed_has_the_known_figures_and_each_letter_once() {
    let (shop, day) = (Shop::opened(), program::day());
    let expected = oracle::figures(&[&day], 100, "500");
    for kill in 1..=KILLS {
        let store = shop.store("payment").await;
        let mut replay: Command = shop.day();
        replay.args(OPTIONS);
        kill::run_until(&store, freehold::Position::new(60 * kill), replay.into()).await;
    }
    assert!(shop.letters() < expected.confirmed, "every kill missed");
    assert_eq!(shop.replay(&[&day], &OPTIONS), expected.to_json());
    assert_eq!(shop.letters(), expected.confirmed);
    let heads = shop.heads().await;
    assert_eq!(shop.replay(&[&day], &OPTIONS), expected.to_json());
    assert_eq!((shop.heads().await, shop.letters()), (heads, expected.confirmed));
    let refused = shop.replay_run(&[&day], &[]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
    assert!(refused.err.contains("--mode: expected choreography"), "{refused:?}");
}
