//! A server that does nothing for longer than it is waited for, and then goes on where it was.

use fastrand::Rng;

use super::medium::{Medium, Mortal};
use super::verdict::until_late;
use super::world::World;
use crate::messages::until;

const TIMES: usize = 2;

pub(crate) async fn for_long<M: Medium>(world: &World<M>, server: &impl Mortal) {
    let mut rng = Rng::with_seed(world.seed);
    let _consumers = world.consumers().await;
    let (relay, answers) = world.relay().await;
    let load = world.load().await;
    for _ in 0..TIMES {
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
    world.judge(sent, &relay).await;
}
