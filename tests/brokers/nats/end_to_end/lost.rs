//! What the stream had and has no more: it is fed again.

use std::sync::Arc;

use fastrand::Rng;
use freehold::Broker;
use freehold::backend::nats::async_nats::jetstream;
use tokio::sync::Semaphore;

use super::stream::{STREAM, Stream};
use crate::end_to_end::load::send;
use crate::end_to_end::{Medium, Mortal, Watched, World, drawn, relay_of};
use crate::messages::until;
use crate::nats::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_deleted_and_made_again_is_fed_with_all_that_it_had() {
    let (seed, server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server).published_by(seed));
    let mut rng = Rng::with_seed(seed);
    let (relay, answers) = world.relay().await;
    let _consumers = world.consumers().await;
    let load = world.load().await;
    world.more_effects(rng.usize(100..200)).await;
    let (unavailable, had) = (answers.unavailable(), answers.acknowledged());
    let context = jetstream::new(server.client().await);
    context.delete_stream(STREAM).await.unwrap();
    until("the loss", async || (answers.unavailable() > unavailable).then_some(())).await;
    let fresh = world.medium.beside().await;
    assert!(had >= 100, "only {had} messages were lost");
    let last = async || fresh.extent().await.unwrap().unwrap().last;
    until("what was lost", async || (last().await >= had).then_some(())).await;
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(sent, &relay).await;
}

/// As a power failure can leave the stream: what was acknowledged last is gone. It happens within one batch, of which the relay has
/// written nothing down yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stream_has_lost_of_the_batch_under_way_is_published_again() {
    let (seed, mut server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server));
    let calls = Arc::new(Semaphore::new(0));
    let (broker, answers) = Watched::new(world.medium.publisher(server.port()).await);
    let relay = relay_of(world.sender().await, broker.held(&calls)).start();
    let _consumers = world.consumers().await;
    // One key: each message is a call.
    let sent: Vec<_> = (1..=60).map(|n| format!("a-{n:04}")).collect();
    send(&world.sender().await, &sent).await;
    calls.add_permits(20);
    until("a part of the batch", async || (answers.stored() == 20).then_some(())).await;
    server.kill();
    let files = server.copy_files();
    server.start_again().await;
    // Those that fail meanwhile are tried again.
    until("more of it", async || {
        calls.add_permits(1);
        (answers.stored() >= 40).then_some(())
    })
    .await;
    assert_eq!(relay.lag().await.unwrap().events, 60, "the batch is not over");
    // A call fails meanwhile. A relay that none fails for has no reason to ask how far the stream goes before its batch is over, and
    // what was lost would come behind the rest.
    let unavailable = answers.unavailable();
    server.kill();
    server.restore_files(&files);
    calls.add_permits(Semaphore::MAX_PERMITS / 2);
    until("a call that fails", async || (answers.unavailable() > unavailable).then_some(())).await;
    server.start_again().await;
    world.judge(sent, &relay).await;
}
