//! A server that does nothing for longer than it is waited for, and then goes on where it was.

use fastrand::Rng;

use super::verdict::until_late;
use super::world::World;
use crate::fixture::until;
use crate::node::mortal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_frozen_for_longer_than_it_is_waited_for_delays_messages_and_loses_none() {
    let node = mortal().await;
    let world = World::new(node.port()).await;
    let mut rng = Rng::with_seed(world.seed);
    let _consumers = world.consumers(world.port).await;
    let (relay, answers) = world.relay(world.port).await;
    let load = world.load().await;
    for _ in 0..2 {
        world.more_effects(rng.usize(20..100)).await;
        let troubles = answers.troubles();
        node.freeze();
        until("the silence", async || (answers.troubles() > troubles).then_some(())).await;
        until_late(&relay).await;
        let stored = answers.stored();
        load.more(20).await;
        node.go_on();
        until("the broker", async || (answers.stored() > stored).then_some(())).await;
    }
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(sent, &relay).await;
}
