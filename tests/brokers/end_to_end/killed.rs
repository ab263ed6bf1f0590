//! `kill -9` of the server while messages go through it.

use fastrand::Rng;

use super::medium::{Medium, Mortal};
use super::verdict::until_late;
use super::world::World;
use crate::messages::until;

/// `is_ready` waits until the server can be killed and comes back with all that it has.
pub(crate) async fn under_load<M: Medium, S: Mortal>(
    world: &World<M>,
    server: &mut S,
    is_ready: impl AsyncFnOnce(&S),
    kills: usize,
) {
    let mut rng = Rng::with_seed(world.seed);
    let _consumers = world.consumers().await;
    is_ready(server).await;
    let (relay, answers) = world.relay().await;
    let load = world.load().await;
    for _ in 0..kills {
        world.more_effects(rng.usize(20..100)).await;
        let (before, committed) = (answers.troubles(), load.count());
        server.kill();
        until("the kill", async || (answers.troubles() > before).then_some(())).await;
        until_late(&relay).await;
        load.more(1).await;
        assert!(load.count() > committed, "commits do not wait for the broker");
        let stored = answers.stored();
        server.start_again().await;
        until("the broker", async || (answers.stored() > stored).then_some(())).await;
    }
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(sent, &relay).await;
}
