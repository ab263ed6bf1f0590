//! A connection that is dead and does not show it.

use fastrand::Rng;

use super::medium::Medium;
use super::verdict::until_late;
use super::world::World;
use crate::messages::until;
use crate::proxy::Proxy;

const TIMES: usize = 2;

pub(crate) async fn and_stays_open<M: Medium>(world: &World<M>) {
    let mut rng = Rng::with_seed(world.seed);
    let proxy = Proxy::before(world.medium.port()).await;
    let _consumers = world.consumers_through(proxy.port()).await;
    let (relay, answers) = world.relay_through(proxy.port()).await;
    let load = world.load().await;
    for _ in 0..TIMES {
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
