//! A broker that is not there while everything is committed.

use super::load::send;
use super::verdict::until_late;
use super::world::World;
use crate::fixture::until;
use crate::node::mortal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_while_the_broker_is_down_is_published_in_order_when_it_is_back() {
    let mut node = mortal().await;
    let world = World::new(node.port()).await;
    let _consumers = world.consumers(world.port).await;
    world.is_kept_by(&node).await;
    let (relay, answers) = world.relay(world.port).await;
    // One goes through, so that the relay is at work when the server goes down.
    let first = ["a-0000".to_owned()];
    send(&world.sender().await, &first).await;
    relay.drained().await.unwrap();
    node.kill();
    let load = world.load().await;
    load.more(500).await;
    let sent = [&first[..], &load.end().await].concat();
    until("the trouble", async || (answers.troubles() > 3).then_some(())).await;
    until_late(&relay).await;
    assert_eq!(answers.stored(), 1, "nobody was there");
    assert!(relay.parked(10).await.unwrap().is_empty(), "a message is not to blame");
    assert_eq!(relay.lag().await.unwrap().events, sent.len() as u64 - 1);
    node.start_again().await;
    world.judge(sent, &relay).await;
}
