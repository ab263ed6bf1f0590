//! Without a driver, and with databases on a server: each service hears, decides and answers in its own.

use std::path::Path;
use std::process::Command;

use super::shops::Shop;
use super::{kill, oracle, program};

const KILLS: u64 = 4;

/// The arguments of the replay, with letters in a folder of this machine.
fn options(mailbox: &Path) -> [&str; 4] {
    ["--mode", "choreography", "--mailbox", mailbox.to_str().unwrap()]
}

fn letters(mailbox: &Path) -> u64 {
    std::fs::read_dir(mailbox).map_or(0, |folder| folder.count() as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_day_that_is_killed_has_the_known_figures_and_each_letter_once() {
    let (shop, mailbox) = (Shop::opened(), tempfile::tempdir().unwrap());
    let (day, options) = (program::day(), options(mailbox.path()));
    let expected = oracle::figures(&[&day], 100, "500");
    for kill in 1..=KILLS {
        let store = shop.store("payment").await;
        let mut replay: Command = shop.day();
        replay.args(options);
        kill::run_until(&store, freehold::Position::new(60 * kill), replay.into()).await;
    }
    assert!(letters(mailbox.path()) < expected.confirmed, "every kill missed");
    assert_eq!(shop.replay(&[&day], &options), expected.to_json());
    assert_eq!(letters(mailbox.path()), expected.confirmed);
    let heads = shop.heads().await;
    assert_eq!(shop.replay(&[&day], &options), expected.to_json());
    assert_eq!((shop.heads().await, letters(mailbox.path())), (heads, expected.confirmed));
    let refused = shop.replay_run(&[&day], &[]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
    assert!(refused.err.contains("--mode: expected choreography"), "{refused:?}");
}
