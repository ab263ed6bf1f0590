//! Several runners over one store: what one leaves, loses or is kept from, another brings to its end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use freehold::saga::{
    Again, Before, Definition, Do, Effect, Failure, Key, NoPivot, Policy, Resolve, Saga, SagaId,
    SagaOptions, Sagas, Step, Undo,
};
use freehold::{Commit, EventId, EventName, ExpectedVersion, LeaseName, NewEvent, StreamId};
use tokio::time::timeout;
use uuid::Uuid;

use super::exact::{PATIENCE, all_end, quick, some_go_wrong, until};
use super::fixture::{Fulfilment, Goes, Order, Reserve, World, options, order};
use super::places::{Store, everywhere};

fn fulfilments(store: &Store, world: &World, options: SagaOptions) -> Sagas {
    let builder = Sagas::builder(Arc::clone(store)).options(options);
    builder.saga(&Fulfilment(world.clone())).unwrap().build()
}

/// Whether somebody looks after the sagas of a store that has not several parts.
async fn is_looked_after(store: &Store) -> bool {
    let name = LeaseName::new("freehold_sagas").unwrap();
    store.lease(&name).await.unwrap().epoch.get() > 0
}

/// Starts a saga as a part of somebody else's commit.
async fn start_by_commit<S: Saga<Input = Order>>(
    store: &Store,
    sagas: &Sagas,
    key: &str,
) -> SagaId {
    let starting = sagas.starting::<S>(key, &order()).unwrap();
    let id = starting.id().clone();
    let stream = StreamId::new("order_form", key).unwrap();
    let name = EventName::from_static("Sent").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::now_v7()), name, "{}");
    let commit = Commit::new().append(&stream, ExpectedVersion::NoStream, [event]);
    store.commit(commit.and(starting.into_commit())).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_of_two_runners_over_several_parts_all_end_with_each_effect_once() {
    everywhere(async |store| {
        let world = World::default();
        let both = [(); 2].map(|()| fulfilments(&store, &world, quick(4)));
        let running = both.each_ref().map(|sagas| sagas.run().unwrap());
        some_go_wrong(&world);
        let mut ids = Vec::new();
        for n in 0..40 {
            let (sagas, key) = (&both[n % 2], n.to_string());
            ids.push(if n % 4 < 2 {
                sagas.start::<Fulfilment>(&key, order()).await.unwrap()
            } else {
                start_by_commit::<Fulfilment>(&store, sagas, &key).await
            });
        }
        let completed = all_end(&both[0], &world, &ids).await;
        assert!((1..40).contains(&completed), "{completed}");
        for running in running {
            running.stop().await;
        }
    })
    .await;
}

/// Starts sagas by a runner, lets it leave in the middle, and sees that another goes on with them.
async fn leaves(store: &Store, leave: impl AsyncFn(freehold::saga::RunningSagas)) {
    let world = World::default();
    let one = fulfilments(store, &world, quick(1));
    let running = one.run().unwrap();
    until("the first looks after them", async || is_looked_after(store).await).await;
    let other = fulfilments(store, &world, quick(1));
    let other_running = other.run().unwrap();
    // In the middle: all have begun, and none can get any further.
    world.script("charge", vec![Goes::Hangs; 10]);
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(one.start::<Fulfilment>(&n.to_string(), order()).await.unwrap());
    }
    let charging = async || {
        let calls = world.calls();
        let charges: BTreeSet<_> = calls.iter().filter(|key| key.contains(":charge:")).collect();
        charges.len() == 10
    };
    until("all are being charged", charging).await;
    leave(running).await;
    assert_eq!(all_end(&other, &world, &ids).await, 10);
    other_running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_runner_has_not_ended_that_is_stopped_is_ended_by_another() {
    everywhere(async |store| {
        leaves(&store, async |running| running.stop().await).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_runner_has_not_ended_that_is_dropped_is_ended_by_another() {
    everywhere(async |store| {
        leaves(&store, async |running| drop(running)).await;
    })
    .await;
}

/// A step that waits for its answer for as long as the test takes.
struct Patient(World);

impl Step for Patient {
    const NAME: &'static str = "reserve";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = String;
    type Out = u64;
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, sku: &String) -> Result<u64, Failure<String>> {
        Reserve(self.0.clone()).run(key, sku).await
    }

    async fn compensate(
        &self,
        key: &Key<Undo>,
        action: &Key<Do>,
        sku: &String,
        effect: Effect<u64>,
    ) -> Result<(), Again> {
        Reserve(self.0.clone()).compensate(key, action, sku, effect).await
    }

    fn policy(&self) -> Policy {
        Policy { time_max: 2 * PATIENCE, ..Policy::default() }
    }
}

/// Waits to be asked, and takes something.
struct OnDemand(World);

impl Saga for OnDemand {
    const NAME: &'static str = "on_demand";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        steps.signal::<()>("asked", None);
        steps.step(Patient(self.0.clone()), (), |order: &Order, ()| order.sku.clone());
        steps.build()
    }
}

fn on_demand(store: &Store, world: &World) -> Sagas {
    let park_after = Duration::from_millis(20);
    let options = SagaOptions { park_after, ..quick(1) };
    let builder = Sagas::builder(Arc::clone(store)).options(options);
    builder.saga(&OnDemand(world.clone())).unwrap().build()
}

/// A runner that has parked a saga is silent about it. Another takes it over, and ends it.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_saga_is_heard_by_the_runner_that_has_lost_it_while_it_was_parked() {
    everywhere(async |store| {
        let world = World::default();
        let keeper = on_demand(&store, &world);
        let kept = keeper.run().unwrap();
        until("the keeper looks after them", async || is_looked_after(&store).await).await;
        let starter = on_demand(&store, &world);
        let running = starter.run().unwrap();
        let id = starter.start::<OnDemand>("1", order()).await.unwrap();
        let waiting = tokio::spawn({
            let (starter, id) = (starter.clone(), id.clone());
            async move { starter.ended(&id).await }
        });
        let taken_over = async || starter.history(&id).await.unwrap().len() > 1;
        until("it is taken over", taken_over).await;
        keeper.signal(&id, "asked", "once", &()).await.unwrap();
        let ended = timeout(PATIENCE, waiting).await.expect("the starter hears of the end");
        assert_eq!(ended.unwrap().unwrap(), keeper.ended(&id).await.unwrap());
        kept.stop().await;
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_forgets_a_parked_saga_that_another_has_taken_over_and_ended() {
    everywhere(async |store| {
        let world = World::default();
        let keeper = on_demand(&store, &world);
        let kept = keeper.run().unwrap();
        until("the keeper looks after them", async || is_looked_after(&store).await).await;
        let starter = on_demand(&store, &world);
        let running = starter.run().unwrap();
        let id = starter.start::<OnDemand>("1", order()).await.unwrap();
        until("it is parked", async || running.count() == (0, 0, 1)).await;
        keeper.signal(&id, "asked", "once", &()).await.unwrap();
        keeper.ended(&id).await.unwrap();
        until("nothing of it is kept", async || running.count() == (0, 0, 0)).await;
        kept.stop().await;
        running.stop().await;
    })
    .await;
}

/// A runner has lost a saga, and does not know that yet, when it is granted the part that the saga is of.
#[tokio::test(flavor = "multi_thread")]
async fn a_saga_goes_on_that_comes_back_to_a_runner_which_had_lost_it() {
    everywhere(async |store| {
        let world = World::default();
        let keeper = on_demand(&store, &world);
        let kept = keeper.run().unwrap();
        let starter = on_demand(&store, &world);
        // What has begun before the keeper has looked at everything, it takes over at once.
        let before = start_by_commit::<OnDemand>(&store, &starter, "before").await;
        let is_kept = async || starter.history(&before).await.unwrap().len() > 1;
        until("the keeper looks after them", is_kept).await;
        let running = starter.run().unwrap();
        // One call of each of them never ends.
        world.script("reserve", [Goes::Hangs, Goes::Hangs]);
        let id = SagaId::new("on_demand", "1").unwrap();
        starter.signal(&id, "asked", "once", &()).await.unwrap();
        starter.start::<OnDemand>("1", order()).await.unwrap();
        until("both have called", async || world.calls().len() >= 2).await;
        let listed = async || keeper.list("", 9).await.unwrap().len() == 2;
        until("the list is kept up", listed).await;
        drop(kept);
        let ended = timeout(PATIENCE, starter.ended(&id)).await;
        ended.unwrap_or_else(|_| panic!("nobody goes on: {:?}", world.calls())).unwrap();
        assert_eq!(world.effects().len(), 1);
        drop(running);
    })
    .await;
}

/// Its lease is not waited for, nor that its runner has been silent for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_saga_that_its_runner_has_handed_over_goes_on_at_once() {
    everywhere(async |store| {
        let world = World::default();
        let patient = SagaOptions {
            lease_time: Duration::from_secs(10),
            adopt_after: 4 * PATIENCE,
            ..options()
        };
        let one = fulfilments(&store, &world, patient);
        let running = one.run().unwrap();
        until("the first looks after them", async || is_looked_after(&store).await).await;
        let other = fulfilments(&store, &world, patient);
        let other_running = other.run().unwrap();
        world.script("charge", [Goes::Hangs]);
        let id = one.start::<Fulfilment>("1", order()).await.unwrap();
        until("it is being charged", async || world.calls().len() == 2).await;
        running.stop().await;
        assert_eq!(all_end(&other, &world, &[id]).await, 1);
        other_running.stop().await;
    })
    .await;
}
