//! A server that does nothing for longer than it is waited for, and then goes on where it was.

use fastrand::Rng;

use super::verdict::until_late;
use super::world::{World, eager};
use crate::server::{Server, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_frozen_for_longer_than_it_is_waited_for_delays_messages_and_loses_none() {
    let world = World::new();
    let mut rng = Rng::with_seed(world.seed);
    let server = Server::start();
    // It keeps its connection, so that the server finds there what it was sent while it did nothing.
    let patient = || eager().ping_interval(std::time::Duration::from_mins(1));
    let (relay, answers) = world.relay(server.client_with(patient()).await).await;
    let _consumers = world.consumers(server.client_with(patient()).await).await;
    let load = world.load().await;
    for _ in 0..3 {
        world.more_effects(rng.usize(20..100)).await;
        let troubles = answers.troubles();
        server.freeze();
        until("the silence", async || (answers.troubles() > troubles).then_some(())).await;
        until_late(&relay).await;
        let stored = answers.stored();
        load.more(20).await;
        server.go_on();
        until("the broker", async || (answers.stored() > stored).then_some(())).await;
    }
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(server.client().await, &sent, &relay).await;
}
