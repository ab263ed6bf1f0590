//! `kill -9` of the program, at a moment that is drawn.

use freehold::{EventStore, Position};
use tokio::process::Command;

/// Draws the moments of an earlier run if `SHOP_SEED` says which.
pub(super) fn seed() -> u64 {
    let seed = std::env::var("SHOP_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SHOP_SEED={seed}");
    seed
}

/// Starts the program and kills it as soon as the store has so many events, whatever it is doing by then. A replay that
/// ends first is a kill that missed.
pub(super) async fn run_until(store: &impl EventStore, target: Position, program: Command) {
    let mut program = program;
    let mut process = program.spawn().unwrap();
    tokio::select! {
        () = reached(store, target) => process.kill().await.unwrap(),
        ended = process.wait() => assert!(ended.unwrap().success()),
    }
}

/// Waits until the store has so many events.
pub(super) async fn reached(store: &impl EventStore, target: Position) {
    let mut head = store.head().await.unwrap();
    while head < target {
        store.changed(head).await.unwrap();
        head = store.head().await.unwrap();
    }
}
