//! A connection that breaks, so that nobody hears what was stored.

use fastrand::Rng;

use super::exchange::{Beside, Exchange};
use crate::end_to_end::{World, drawn};
use crate::messages::until;
use crate::proxy::Proxy;
use crate::rabbitmq::node::shared;

const CUTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_before_the_answers_come_back_delays_messages_and_loses_none() {
    let node = shared().await;
    let world = World::new(drawn(), Exchange::at(node).await);
    let mut rng = Rng::with_seed(world.seed);
    let proxy = Proxy::before(node.port()).await;
    let _consumers = world.consumers_through(proxy.port()).await;
    let (relay, answers) = world.relay_through(proxy.port()).await;
    // What the server has, seen past the proxy.
    let beside = Beside::of(&world.medium).await;
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
    let copies = world.judge(sent, &relay).await;
    assert!(copies >= CUTS, "what was stored and not heard of was not sent again: {copies}");
}
