//! A broker that is not there while everything is committed.

use super::load::send;
use super::medium::{Medium, Mortal};
use super::verdict::until_late;
use super::world::World;
use crate::messages::until;

/// `is_ready` waits until the server can be killed and comes back with all that it has.
pub(crate) async fn is_gone_meanwhile<M: Medium, S: Mortal>(
    world: &World<M>,
    server: &mut S,
    is_ready: impl AsyncFnOnce(&S),
) {
    let _consumers = world.consumers().await;
    is_ready(server).await;
    let (relay, answers) = world.relay().await;
    // One goes through, so that the relay is at work when the server goes down.
    let first = ["a-0000".to_owned()];
    send(&world.sender().await, &first).await;
    relay.drained().await.unwrap();
    server.kill();
    let load = world.load().await;
    load.more(500).await;
    let sent = [&first[..], &load.end().await].concat();
    until("the trouble", async || (answers.troubles() > 3).then_some(())).await;
    until_late(&relay).await;
    assert_eq!(answers.stored(), 1, "nobody was there");
    assert!(relay.parked(10).await.unwrap().is_empty(), "a message is not to blame");
    assert_eq!(relay.lag().await.unwrap().events, sent.len() as u64 - 1);
    server.start_again().await;
    world.judge(sent, &relay).await;
}
