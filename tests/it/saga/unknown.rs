//! What nobody knows, and the four ways to find out.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::saga::{
    Again, Before, By, Definition, Do, Effect, Ended, Failure, Key, NoPivot, Policy, Resolution,
    Resolve, RunningSagas, Saga, SagaId, Sagas, Standing, Step, Undo,
};
use freehold::testkit::PausedClock;
use tokio::time::Instant;

use super::fixture::{Charge, Goes, Order, Reserve, World, hasty, options, order};

/// A charge whose effect is found out in one of the ways.
struct Asked<const WAY: u8>(World);

const HORIZON: Duration = Duration::from_mins(10);

const fn way(way: u8) -> Resolve {
    match way {
        0 => Resolve::Tombstone,
        1 => Resolve::Redrive,
        2 => Resolve::QueryAfter(HORIZON),
        _ => Resolve::Manual,
    }
}

impl<const WAY: u8> Step for Asked<WAY> {
    const NAME: &'static str = "asked";
    const RESOLVE: Resolve = way(WAY);
    type In = u64;
    type Out = u64;
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, cents: &u64) -> Result<u64, Failure<String>> {
        Charge(self.0.clone()).run(key, cents).await
    }

    async fn compensate(
        &self,
        key: &Key<Undo>,
        action: &Key<Do>,
        cents: &u64,
        effect: Effect<u64>,
    ) -> Result<(), Again> {
        self.0.note(match effect {
            Effect::Happened(_) => "happened",
            Effect::Unknown => "unknown",
        });
        Charge(self.0.clone()).compensate(key, action, cents, effect).await
    }

    fn policy(&self) -> Policy {
        hasty()
    }
}

struct Doubtful<const WAY: u8>(World);

impl<const WAY: u8> Saga for Doubtful<WAY> {
    const NAME: &'static str = "doubtful";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        steps.step(Reserve(self.0.clone()), (), |order: &Order, ()| order.sku.clone());
        steps.step(Asked::<WAY>(self.0.clone()), (), |order: &Order, ()| order.cents);
        steps.build()
    }
}

struct Doubt {
    world: World,
    sagas: Sagas,
    _running: RunningSagas,
    id: SagaId,
}

/// It has happened, and nobody has heard of it.
const THERE: [Goes; 4] = [Goes::Unheard, Goes::Hangs, Goes::Hangs, Goes::Hangs];
/// It has not happened, and nobody knows.
const NOT_THERE: [Goes; 4] = [Goes::Lost; 4];

/// A saga whose second step was called as often as it may be, and never answered.
async fn doubt<const WAY: u8>(goes: [Goes; 4]) -> Doubt {
    let (world, clock) = (World::default(), PausedClock::new());
    let store = MemoryStore::builder().clock(clock).build();
    let builder = Sagas::builder(store).options(options()).clock(clock).seed(7);
    let sagas = builder.saga(&Doubtful::<WAY>(world.clone())).unwrap().build();
    let running = sagas.run().unwrap();
    world.script("charge", goes);
    let id = sagas.start::<Doubtful<WAY>>("1", order()).await.unwrap();
    Doubt { world, sagas, _running: running, id }
}

impl Doubt {
    async fn is_compensated(&self) {
        assert_eq!(self.sagas.ended(&self.id).await.unwrap(), Ended::Compensated);
    }

    async fn history(&self) -> Vec<String> {
        let history = self.sagas.history(&self.id).await.unwrap();
        history.into_iter().map(|entry| entry.what).collect()
    }

    async fn is_suspended(&self) {
        while self.sagas.list("", 1).await.unwrap().first().map(|saga| saga.standing)
            != Some(Standing::Suspended)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_compensation_bars_what_may_have_happened() {
    for goes in [THERE, NOT_THERE] {
        let doubt = doubt::<0>(goes).await;
        doubt.is_compensated().await;
        assert_eq!(doubt.world.notes(), ["unknown"]);
        assert!(doubt.world.effects().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_be_asked_again_is_asked_until_it_says() {
    let found = doubt::<1>(NOT_THERE).await;
    found.world.script("charge", [Goes::Lost, Goes::Fails, Goes::Fine]);
    found.is_compensated().await;
    // It happens at last, and is known to have.
    assert_eq!(found.world.notes(), ["happened"]);
    assert!(found.world.effects().is_empty());
    assert!(found.history().await.contains(&"`asked` had happened".to_owned()));
    let refused = doubt::<1>(NOT_THERE).await;
    refused.world.script("charge", [Goes::Refused]);
    refused.is_compensated().await;
    assert!(refused.world.notes().is_empty(), "there was nothing to compensate");
    assert!(refused.history().await.contains(&"`asked` had not happened".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_can_only_be_looked_up_is_looked_up_when_nothing_can_be_under_way() {
    let begun = Instant::now();
    let doubt = doubt::<2>(THERE).await;
    doubt.is_compensated().await;
    assert_eq!(doubt.world.notes(), ["unknown"]);
    assert!(begun.elapsed() >= HORIZON && begun.elapsed() < 2 * HORIZON, "{:?}", begun.elapsed());
    assert!(doubt.world.effects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_find_out_waits_for_a_person() {
    let by = || By::new("ann", "asked the bank");
    let none = doubt::<3>(NOT_THERE).await;
    none.is_suspended().await;
    none.sagas.resolve(&none.id, "asked", Resolution::DidNot, by()).await.unwrap();
    none.is_compensated().await;
    assert!(none.world.notes().is_empty());
    let some = doubt::<3>(THERE).await;
    some.is_suspended().await;
    let happened = Resolution::Happened("1530".to_owned());
    some.sagas.resolve(&some.id, "asked", happened, by()).await.unwrap();
    some.is_compensated().await;
    assert_eq!(some.world.notes(), ["happened"]);
    assert!(some.world.effects().is_empty());
}
