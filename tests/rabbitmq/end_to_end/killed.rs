//! `kill -9` of the server while messages go through it.

use fastrand::Rng;

use super::verdict::until_late;
use super::world::World;
use crate::fixture::until;
use crate::node::mortal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_delays_messages_and_loses_none() {
    let mut node = mortal().await;
    let world = World::new(node.port()).await;
    let mut rng = Rng::with_seed(world.seed);
    let _consumers = world.consumers(world.port).await;
    world.is_kept_by(&node).await;
    let (relay, answers) = world.relay(world.port).await;
    let load = world.load().await;
    // A start takes seconds.
    let kills = if std::env::var_os("FREEHOLD_HEAVY").is_some() { 5 } else { 1 };
    for _ in 0..kills {
        world.more_effects(rng.usize(20..100)).await;
        let (before, committed) = (answers.troubles(), load.count());
        node.kill();
        until("the kill", async || (answers.troubles() > before).then_some(())).await;
        until_late(&relay).await;
        load.more(1).await;
        assert!(load.count() > committed, "commits do not wait for the broker");
        let stored = answers.stored();
        node.start_again().await;
        until("the broker", async || (answers.stored() > stored).then_some(())).await;
    }
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(sent, &relay).await;
}
