//! A connection that breaks, so that nobody hears what was stored, or that is dead and does not show it.

use fastrand::Rng;
use freehold::Broker;
use freehold::backend::nats::async_nats::Client;

use super::verdict::until_late;
use super::world::{World, broker, eager, options};
use crate::proxy::Proxy;
use crate::server::{Server, until};

const CUTS: usize = 4;

async fn through(proxy: &Proxy) -> Client {
    eager().connect(format!("nats://127.0.0.1:{}", proxy.port())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_before_the_answers_come_back_delays_messages_and_loses_none() {
    let world = World::new();
    let mut rng = Rng::with_seed(world.seed);
    let server = Server::start();
    let proxy = Proxy::before(server.port()).await;
    let (relay, answers) = world.relay_with(through(&proxy).await, options()).await;
    let _consumers = world.consumers(through(&proxy).await).await;
    // What the server has, seen past the proxy.
    let beside = broker(server.client().await).await;
    let last = async || beside.extent().await.unwrap().unwrap().last;
    let load = world.load().await;
    let mut felt = 0;
    while felt < CUTS {
        world.more_effects(rng.usize(20..80)).await;
        let (unknown, duplicates) = (answers.unknown(), answers.duplicates());
        let troubles = answers.troubles();
        proxy.drop_answers();
        // Or the relay was about to ask something else, and waits for that.
        let unheard = async || {
            let last = last().await;
            (last > answers.acknowledged() || answers.troubles() > troubles).then_some(last)
        };
        let stored = until("messages that are stored, and nobody was told", unheard).await;
        proxy.cut();
        let told = async || (answers.acknowledged() >= stored).then_some(());
        until("messages that are published again", told).await;
        // It did not count if the answer had come through before, or was one to another question.
        let is_felt = answers.unknown() > unknown && answers.duplicates() > duplicates;
        felt += usize::from(is_felt);
    }
    assert!(proxy.dropped_bytes() > 0, "no answer was dropped");
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(server.client().await, &sent, &relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_dead_and_stays_open_is_left_for_another_and_nothing_is_lost() {
    let world = World::new();
    let mut rng = Rng::with_seed(world.seed);
    let server = Server::start();
    let proxy = Proxy::before(server.port()).await;
    let (relay, answers) = world.relay(through(&proxy).await).await;
    let _consumers = world.consumers(through(&proxy).await).await;
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
    world.judge(server.client().await, &sent, &relay).await;
}
