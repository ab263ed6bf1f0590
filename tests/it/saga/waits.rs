//! Time and signals: delays, deadlines, retries, and sagas that wait without a task.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::saga::{
    Before, By, Cancelled, Definition, Ended, HasPivot, NoPivot, RunningSagas, Saga, SagaId,
    SagaStore, Sagas,
};
use freehold::testkit::{Faults, FaultyStore, PausedClock};
use tokio::time::Instant;

use super::fixture::{Charge, Confirm, Goes, Order, Reserve, Ship, World, options, order};

/// Reserve, wait for an approval, charge, let a day pass, confirm, wait to be asked, ship.
struct Slow(World);

const DAY: Duration = Duration::from_hours(24);

impl Saga for Slow {
    const NAME: &'static str = "slow";
    type Input = Order;
    type Ending = HasPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, HasPivot> {
        let world = || self.0.clone();
        let units = steps.step(Reserve(world()), (), |order: &Order, ()| order.sku.clone());
        let approved = steps.signal::<u64>("approved", Some(DAY));
        let cents = steps.step(Charge(world()), (approved,), |_, (cents,)| *cents);
        steps.delay("cool-off", DAY);
        let needs = (units, cents);
        let (_, mut steps) = steps.local_pivot(Confirm(world()), needs, |_, (u, c)| (*u, *c));
        steps.signal::<()>("asked");
        steps.then(Ship(world()), (), |order: &Order, ()| order.sku.clone());
        steps.build()
    }

    fn deadline(&self) -> Option<Duration> {
        Some(10 * DAY)
    }
}

struct Slowly {
    world: World,
    sagas: Sagas,
    running: RunningSagas,
}

fn slowly() -> Slowly {
    let clock = PausedClock::new();
    let store = MemoryStore::builder().clock(clock).build();
    slowly_with(store, clock, World::default())
}

fn slowly_with(store: impl SagaStore, clock: PausedClock, world: World) -> Slowly {
    let sagas = Sagas::builder(store)
        .options(options())
        .clock(clock)
        .saga(&Slow(world.clone()))
        .unwrap()
        .build();
    let running = sagas.run().unwrap();
    Slowly { world, sagas, running }
}

impl Slowly {
    async fn start(&self, key: &str) -> SagaId {
        self.sagas.start::<Slow>(key, order()).await.unwrap()
    }

    /// Until nothing is under way any more.
    async fn settle(&self) {
        while self.running.count() != (0, 0, 1) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn last(&self, id: &SagaId) -> String {
        self.sagas.history(id).await.unwrap().pop().unwrap().what
    }
}

#[tokio::test(start_paused = true)]
async fn signals_and_delays_take_their_time_and_no_task() {
    let slow = slowly();
    let begun = Instant::now();
    let id = slow.start("1").await;
    slow.settle().await;
    assert_eq!(slow.last(&id).await, "`reserve` has happened");
    slow.sagas.signal(&id, "approved", "m1", &99_u64).await.unwrap();
    while slow.last(&id).await != "`charge` has happened" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    slow.settle().await;
    slow.sagas.signal(&id, "asked", "m2", &()).await.unwrap();
    assert_eq!(slow.sagas.ended(&id).await.unwrap(), Ended::Completed);
    let took = begun.elapsed();
    assert!(took >= DAY && took < DAY + Duration::from_mins(1), "{took:?}");
    let charged = slow.world.effects()["slow/1:charge:0:do"];
    assert_eq!(charged, 99, "what the signal said is what the step was given");
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_comes_early_is_not_lost_and_one_that_comes_twice_counts_once() {
    let slow = slowly();
    let id = SagaId::new("slow", "1").unwrap();
    for (message, cents) in [("m1", 7_u64), ("m1", 7), ("m2", 8)] {
        slow.sagas.signal(&id, "approved", message, &cents).await.unwrap();
    }
    slow.sagas.signal(&id, "asked", "m3", &()).await.unwrap();
    slow.start("1").await;
    assert_eq!(slow.sagas.ended(&id).await.unwrap(), Ended::Completed);
    assert_eq!(slow.world.effects()["slow/1:charge:0:do"], 7);
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_does_not_come_in_time_is_a_refusal() {
    let slow = slowly();
    let id = slow.start("1").await;
    assert_eq!(slow.sagas.ended(&id).await.unwrap(), Ended::Compensated);
    let history = slow.sagas.history(&id).await.unwrap();
    assert!(history.iter().any(|entry| entry.what == "given up: `approved` was refused"));
    assert!(slow.world.effects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn signals_that_cannot_be_read_for_a_while_give_no_saga_up() {
    let clock = PausedClock::new();
    let store = MemoryStore::builder().clock(clock).build();
    let unreadable = FaultyStore::new(store.clone(), Faults::seeded(7).fail_reads(1.0));
    let slow = slowly_with(unreadable.clone(), clock, World::default());
    let id = slow.start("1").await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    unreadable.heal();
    slow.sagas.signal(&id, "approved", "m1", &7_u64).await.unwrap();
    slow.sagas.signal(&id, "asked", "m2", &()).await.unwrap();
    assert_eq!(slow.sagas.ended(&id).await.unwrap(), Ended::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_gives_a_saga_up_that_has_not_come_to_its_pivot() {
    let slow = slowly();
    slow.world.script("confirm", vec![Goes::Refused]);
    // The step is tried for longer than the saga may take.
    slow.world.script("charge", vec![Goes::Hangs; 1]);
    let id = SagaId::new("slow", "1").unwrap();
    slow.sagas.signal(&id, "approved", "m1", &7_u64).await.unwrap();
    slow.start("1").await;
    assert_eq!(slow.sagas.ended(&id).await.unwrap(), Ended::Compensated);
}

#[tokio::test(start_paused = true)]
async fn a_parked_saga_goes_on_after_a_restart_when_its_time_has_come() {
    let clock = PausedClock::new();
    let store = MemoryStore::builder().clock(clock).build();
    let slow = slowly_with(store.clone(), clock, World::default());
    let begun = Instant::now();
    let id = slow.start("1").await;
    slow.sagas.signal(&id, "approved", "m1", &7_u64).await.unwrap();
    while slow.last(&id).await != "`charge` has happened" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    slow.settle().await;
    let Slowly { world, running, .. } = slow;
    running.stop().await;
    tokio::time::sleep(DAY / 2).await;
    let slow = slowly_with(store, clock, world);
    slow.sagas.signal(&id, "asked", "m2", &()).await.unwrap();
    assert_eq!(slow.sagas.ended(&id).await.unwrap(), Ended::Completed);
    let took = begun.elapsed();
    assert!(took >= DAY && took < DAY + Duration::from_mins(1), "{took:?}");
    assert_eq!(slow.world.effects().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_waits_can_be_cancelled() {
    let slow = slowly();
    let id = slow.start("1").await;
    slow.settle().await;
    let by = || By::new("ann", "changed her mind");
    assert_eq!(slow.sagas.cancel(&id, by()).await.unwrap(), Cancelled::Asked);
    assert_eq!(slow.sagas.ended(&id).await.unwrap(), Ended::Compensated);
    assert!(slow.world.effects().is_empty());
    let history = slow.sagas.history(&id).await.unwrap();
    let what: Vec<&str> = history.iter().map(|entry| entry.what.as_str()).collect();
    let expected = [
        "started, version 1",
        "`reserve` has happened",
        "ann wants it given up: changed her mind",
        "given up: it was cancelled",
        "`reserve` is compensated",
        "compensated",
    ];
    assert_eq!(what, expected);
}

#[tokio::test(start_paused = true)]
async fn behind_the_pivot_it_is_too_late_to_cancel() {
    let slow = slowly();
    let id = slow.start("1").await;
    slow.sagas.signal(&id, "approved", "m1", &7_u64).await.unwrap();
    while slow.last(&id).await != "`confirm` has happened" {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    let by = By::new("ann", "changed her mind");
    assert_eq!(slow.sagas.cancel(&id, by).await.unwrap(), Cancelled::TooLate);
    slow.sagas.signal(&id, "asked", "m2", &()).await.unwrap();
    assert_eq!(slow.sagas.ended(&id).await.unwrap(), Ended::Completed);
}

/// Retries that take so long that the saga is parked between them still come to an end.
struct Stubborn(World);

impl Saga for Stubborn {
    const NAME: &'static str = "stubborn";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        steps.step(Reserve(self.0.clone()), (), |order: &Order, ()| order.sku.clone());
        steps.build()
    }
}

#[tokio::test(start_paused = true)]
async fn parking_between_retries_forgets_none_of_them() {
    let world = World::default();
    world.script("reserve", vec![Goes::Fails; 100]);
    let mut few = options();
    // Whatever rests at all is parked.
    few.park_after = Duration::ZERO;
    let sagas = Sagas::builder(MemoryStore::new())
        .options(few)
        .clock(PausedClock::new())
        .saga(&Stubborn(world.clone()))
        .unwrap()
        .build();
    let _running = sagas.run().unwrap();
    let id = sagas.start::<Stubborn>("1", order()).await.unwrap();
    assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Compensated);
    let tried = world.calls().iter().filter(|key| key.ends_with(":do")).count();
    assert_eq!(tried, 4, "once, and three times again");
}
