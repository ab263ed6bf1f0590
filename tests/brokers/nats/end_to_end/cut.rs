//! A connection that breaks, so that nobody hears what was stored.

use fastrand::Rng;
use freehold::Broker;

use super::stream::Stream;
use crate::end_to_end::{World, drawn};
use crate::messages::until;
use crate::nats::server::Server;
use crate::proxy::Proxy;

const CUTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_before_the_answers_come_back_delays_messages_and_loses_none() {
    let (seed, server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server));
    let mut rng = Rng::with_seed(seed);
    let proxy = Proxy::before(server.port()).await;
    let (relay, answers) = world.relay_through(proxy.port()).await;
    let _consumers = world.consumers_through(proxy.port()).await;
    // What the server has, seen past the proxy.
    let beside = world.medium.beside().await;
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
    world.judge(sent, &relay).await;
}
