//! `kill -9` of the server while messages go through it.

use fastrand::Rng;

use super::verdict::until_late;
use super::world::{World, eager};
use crate::server::{Server, until};

const KILLS: usize = 3;

async fn a_server_that_is_killed(configuration: &str) {
    let world = World::new();
    let mut rng = Rng::with_seed(world.seed);
    let mut server = Server::start_with(configuration);
    let (relay, answers) = world.relay(server.client_with(eager()).await).await;
    let _consumers = world.consumers(server.client_with(eager()).await).await;
    let load = world.load().await;
    for _ in 0..KILLS {
        world.more_effects(rng.usize(20..100)).await;
        let (before, committed) = (answers.troubles(), load.count());
        server.kill();
        until("the kill", async || (answers.troubles() > before).then_some(())).await;
        until_late(&relay).await;
        load.more(1).await;
        assert!(load.count() > committed, "commits do not wait for the broker");
        let stored = answers.stored();
        server.start_again();
        until("the broker", async || (answers.stored() > stored).then_some(())).await;
    }
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(server.client().await, &sent, &relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_delays_messages_and_loses_none() {
    a_server_that_is_killed("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_is_with_a_server_that_writes_to_the_disk_before_it_acknowledges() {
    a_server_that_is_killed("jetstream { sync_interval: always }").await;
}
