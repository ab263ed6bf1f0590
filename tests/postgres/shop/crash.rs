//! `kill -9`, and resuming. `SHOP_SEED` draws the moments of an earlier run.

use fastrand::Rng;
use freehold::{EventStore, Position};
use tokio::process::Command;

use super::log::SERVICES;
use super::shops::{self, Shop};
use super::{kill, oracle, program};

const KILLS: usize = 10;
const KILLS_PER_SHOP: usize = 5;
const INVOICES: usize = 143;

/// Kills the replay at a moment before about `ahead` more events of a service; `true` if some invoices had ended by
/// then, and some had not.
async fn kill_once(
    shop: &Shop,
    rng: &mut Rng,
    totals: [u64; SERVICES.len()],
    kills_left: usize,
) -> bool {
    let service = rng.usize(..SERVICES.len());
    let store = shop.store(SERVICES[service]).await;
    let head = store.head().await.unwrap().get();
    let ahead = (totals[service].saturating_sub(head) / kills_left as u64).max(1);
    let target = Position::new(head + rng.u64(1..=ahead));
    kill::run_until(&store, target, shop.day().into()).await;
    (1..INVOICES).contains(&shop.finished().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_killed_at_10_moments_ends_with_the_same_figures() {
    let figures = oracle::figures(&[&program::day()], 100, "500");
    let expected = figures.to_json();
    let undisturbed = Shop::new();
    assert_eq!(undisturbed.replay(&[&program::day()], &[]), expected);
    let (totals, business) = (undisturbed.heads().await, undisturbed.business().await);
    let mut rng = Rng::with_seed(kill::seed());
    let (mut hits, mut misses) = (0, 0);
    while hits < KILLS {
        let shop = Shop::opened();
        for kill in 0..KILLS_PER_SHOP {
            let hit = kill_once(&shop, &mut rng, totals, KILLS_PER_SHOP - kill).await;
            *(if hit { &mut hits } else { &mut misses }) += 1;
        }
        assert_eq!(shop.replay(&[&program::day()], &[]), expected, "after {hits} kills that hit");
        assert_eq!(shop.finished().await, INVOICES);
        assert_eq!(shop.business().await, business, "not an event more or less");
        assert_eq!(shop.letters(), figures.confirmed, "each letter once");
        assert!(misses < 4 * KILLS, "{misses} of {} kills missed", hits + misses);
    }
    println!("{hits} kills hit, {misses} missed");
}

/// There are fourteen things to make. The process is killed when one more of them is there, until all are.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_is_killed_while_it_is_made_is_made_by_the_next_run() {
    let shop = Shop::new();
    let mut admin = shops::admin().await;
    for target in 1..=14 {
        let mut process = Command::from(shop.day()).kill_on_drop(true).spawn().unwrap();
        // Each look takes the time of a question to the server and its answer.
        while shop.made(&mut admin).await < target {
            assert!(process.try_wait().unwrap().is_none(), "it ended with less than {target}");
        }
        process.kill().await.unwrap();
    }
    let expected = oracle::figures(&[&program::day()], 100, "500").to_json();
    assert_eq!(shop.replay(&[&program::day()], &[]), expected);
}
