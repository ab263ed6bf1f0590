//! A connection that breaks, so that nobody hears what was stored, or that is dead and does not show it.

use fastrand::Rng;

use super::proxy::Proxy;
use super::verdict::{Beside, ENDS, until_late};
use super::world::World;
use crate::fixture::until;
use crate::node::shared;

const CUTS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_before_the_answers_come_back_delays_messages_and_loses_none() {
    let world = World::new(shared().await.port()).await;
    let mut rng = Rng::with_seed(world.seed);
    let proxy = Proxy::before(world.port).await;
    let _consumers = world.consumers(proxy.port()).await;
    let (relay, answers) = world.relay(proxy.port()).await;
    // What the server has, seen past the proxy.
    let beside = Beside::of(&world).await;
    let load = world.load().await;
    for _ in 0..CUTS {
        world.more_effects(rng.usize(20..80)).await;
        let unknown = answers.unknown();
        proxy.drop_answers();
        // What is stored from here on is not heard of. Or the relay waits for such an answer already.
        let before = beside.stored().await;
        let unheard =
            async || (beside.stored().await > before || answers.unknown() > unknown).then_some(());
        until("messages that are stored, and nobody was told", unheard).await;
        let stored = answers.stored();
        proxy.cut();
        until("the cut", async || (answers.unknown() > unknown).then_some(())).await;
        until("the broker", async || (answers.stored() > stored).then_some(())).await;
    }
    assert!(proxy.dropped_bytes() > 0, "no answer was dropped");
    world.more_effects(50).await;
    let sent = load.end().await;
    let (committed, stored) = (sent.len() as u64, world.judge(sent, &relay).await);
    let copies = stored - committed - ENDS;
    assert!(copies >= CUTS, "what was stored and not heard of was not sent again: {copies}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_dead_and_stays_open_is_left_for_another_and_nothing_is_lost() {
    let world = World::new(shared().await.port()).await;
    let mut rng = Rng::with_seed(world.seed);
    let proxy = Proxy::before(world.port).await;
    let _consumers = world.consumers(proxy.port()).await;
    let (relay, answers) = world.relay(proxy.port()).await;
    let load = world.load().await;
    for _ in 0..2 {
        world.more_effects(rng.usize(20..80)).await;
        let (connections, dropped) = (proxy.connections(), proxy.dropped_bytes());
        let troubles = answers.troubles();
        proxy.kill_silently();
        until("the silence", async || (answers.troubles() > troubles).then_some(())).await;
        until_late(&relay).await;
        let stored = answers.stored();
        assert!(proxy.dropped_bytes() > dropped, "nothing was said to nobody");
        until("the broker", async || (answers.stored() > stored).then_some(())).await;
        assert!(proxy.connections() > connections, "the dead connection has come back");
    }
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(sent, &relay).await;
}
