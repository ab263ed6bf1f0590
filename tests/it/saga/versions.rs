//! Sagas whose definition has changed since they were started, and logs that cannot be read.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::saga::{
    Before, By, Definition, Ended, Fault, Found, NoPivot, OperateError, Saga, SagaId, Sagas,
    StartError,
};
use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, Store, StreamId};
use uuid::Uuid;

use super::exact::until;
use super::fixture::{Charge, Fulfilment, Goes, Order, Reserve, World, in_memory, options, order};

/// The same name in several versions, by what `define` says.
struct Versioned<const V: u32>(World, Steps);

type Continues = &'static [(u32, &'static [(&'static str, &'static str)])];

type Steps = fn(&mut Before<Order>, &World);

impl<const V: u32> Saga for Versioned<V> {
    const NAME: &'static str = "versioned";
    const VERSION: u32 = V;
    const CONTINUES: Continues = match V {
        3 => &[(1, &[("reserve", "hold")]), (2, &[])],
        4 => &[(1, &[("reserve", "held")])],
        5 => &[(1, &[("reserve", "hold"), ("held", "hold")]), (4, &[("held", "hold")])],
        _ => &[],
    };
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        (self.1)(&mut steps, &self.0);
        steps.build()
    }
}

/// Holds, and then charges.
fn first(name: &'static str) -> impl Fn(&mut Before<Order>, &World) {
    move |steps, world| {
        steps.named(name).step(Reserve(world.clone()), (), |order: &Order, ()| order.sku.clone());
        steps.step(Charge(world.clone()), (), |order: &Order, ()| order.cents);
    }
}

fn v1(steps: &mut Before<Order>, world: &World) {
    first("reserve")(steps, world);
}

fn v4(steps: &mut Before<Order>, world: &World) {
    first("held")(steps, world);
}

fn v5(steps: &mut Before<Order>, world: &World) {
    first("hold")(steps, world);
}

fn v3(steps: &mut Before<Order>, world: &World) {
    first("hold")(steps, world);
    steps.named("last").step(Charge(world.clone()), (), |order: &Order, ()| order.cents);
}

fn with<const V: u32>(store: &MemoryStore, world: &World, steps: Steps) -> Sagas {
    let builder = Sagas::builder(store.clone()).options(options());
    builder.saga(&Versioned::<V>(world.clone(), steps)).unwrap().build()
}

/// A saga of version 1 that has reserved, and waits for an operator before it has charged.
async fn halfway(store: &MemoryStore, world: &World) -> SagaId {
    world.script("charge", [Goes::Broken]);
    let sagas = with::<1>(store, world, v1);
    let id = sagas.start::<Versioned<1>>("1", order()).await.unwrap();
    runs_until_it_waits(&sagas, &id).await;
    id
}

/// Runs a saga until it waits for an operator, who has the next version go on with it.
async fn runs_until_it_waits(sagas: &Sagas, id: &SagaId) {
    let running = sagas.run().unwrap();
    let waits = async || sagas.history(id).await.unwrap().last().unwrap().what.starts_with("waits");
    until("it waits for an operator", waits).await;
    running.stop().await;
    sagas.retry(id, By::new("ann", "for the next version")).await.unwrap();
}

#[tokio::test]
async fn a_definition_carries_on_earlier_versions_by_the_names_of_their_steps() {
    let (store, world) = (MemoryStore::new(), World::default());
    let id = halfway(&store, &world).await;
    let sagas = with::<3>(&store, &world, v3);
    let _running = sagas.run().unwrap();
    assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Completed);
    let effects = world.effects();
    let keys: Vec<&str> = effects.keys().map(String::as_str).collect();
    let expected = ["versioned/1:charge:0:do", "versioned/1:last:0:do", "versioned/1:reserve:0:do"];
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn a_step_that_is_called_otherwise_now_is_compensated_under_the_key_that_it_had() {
    let (store, world) = (MemoryStore::new(), World::default());
    let id = halfway(&store, &world).await;
    world.script("charge", [Goes::Refused]);
    let sagas = with::<3>(&store, &world, v3);
    let _running = sagas.run().unwrap();
    assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Compensated);
    let effects = world.effects();
    assert!(effects.is_empty(), "{effects:?}");
}

#[tokio::test]
async fn a_step_that_was_renamed_twice_is_known_by_each_of_its_names() {
    let (store, world) = (MemoryStore::new(), World::default());
    world.script("reserve", [Goes::Broken]);
    let sagas = with::<1>(&store, &world, v1);
    let id = sagas.start::<Versioned<1>>("1", order()).await.unwrap();
    runs_until_it_waits(&sagas, &id).await;
    // The version between the two has it happen, and so writes it down under the name between.
    world.script("charge", [Goes::Broken, Goes::Refused]);
    runs_until_it_waits(&with::<4>(&store, &world, v4), &id).await;
    let sagas = with::<5>(&store, &world, v5);
    let said = sagas.history(&id).await.unwrap();
    assert!(said.iter().any(|entry| entry.what == "`held` has happened"), "{said:?}");
    let _running = sagas.run().unwrap();
    assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Compensated);
    assert!(world.calls().contains(&"versioned/1:reserve:0:undo".to_owned()));
    assert!(world.effects().is_empty());
}

/// Reserves and charges, and says that these steps had other names.
struct Renames<const CASE: usize>;

impl<const CASE: usize> Saga for Renames<CASE> {
    const NAME: &'static str = "renames";
    const VERSION: u32 = 2;
    const CONTINUES: Continues = match CASE {
        0 => &[(1, &[("reserve", "charge"), ("charge", "reserve")])],
        1 => &[(1, &[("hold", "reserve"), ("reserve", "charge")])],
        2 => &[(1, &[("hold", "keep")])],
        3 => &[(1, &[("hold", "reserve"), ("hold", "charge")])],
        _ => &[(1, &[("hold", "reserve"), ("held", "reserve"), ("bill", "charge")])],
    };
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        v1(&mut steps, &World::default());
        steps.build()
    }
}

#[test]
fn names_that_could_be_taken_for_one_another_are_refused_when_the_saga_is_added() {
    fn added<const CASE: usize>() -> Result<(), Fault> {
        Sagas::builder(MemoryStore::new()).saga(&Renames::<CASE>).map(drop)
    }
    for (case, added, of, why) in [
        ("swapped", added::<0>(), "reserve", "a step is called so now"),
        ("handed on", added::<1>(), "reserve", "a step is called so now"),
        ("unknown", added::<2>(), "hold", "no step has its new name"),
        ("ambiguous", added::<3>(), "hold", "it is given two new names"),
    ] {
        let fault = added.expect_err(case);
        assert!(matches!(&fault, Fault::Renamed { version: 1, name, .. } if name == of), "{case}");
        let said = fault.to_string();
        let begins = format!("`{of}`, of version 1, cannot be renamed so: {why}");
        assert!(said.starts_with(&begins), "{case}: {said}");
    }
    assert_eq!(added::<4>(), Ok(()));
}

/// Why nobody can run the saga, as an operator sees it.
async fn why(sagas: &Sagas, id: &SagaId) -> String {
    let stuck = sagas.stuck(Duration::ZERO, 10).await.unwrap();
    assert_eq!(stuck.iter().map(|saga| &saga.id).collect::<Vec<_>>(), [id]);
    stuck[0].why.clone().unwrap()
}

#[tokio::test]
async fn a_version_that_is_not_known_is_left_alone_and_said() {
    let (store, world) = (MemoryStore::new(), World::default());
    let id = halfway(&store, &world).await;
    let before = world.calls().len();
    let sagas = with::<2>(&store, &world, v1);
    let running = sagas.run().unwrap();
    assert_eq!(why(&sagas, &id).await, "version 1 is not known here, but 2");
    assert_eq!(world.calls().len(), before);
    running.stop().await;
    // One who knows it goes on.
    let sagas = with::<1>(&store, &world, v1);
    let _running = sagas.run().unwrap();
    assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Completed);
}

#[tokio::test]
async fn another_definition_of_the_same_version_is_seen() {
    let (store, world) = (MemoryStore::new(), World::default());
    let id = halfway(&store, &world).await;
    let sagas = with::<1>(&store, &world, v3);
    let why = why(&sagas, &id).await;
    assert_eq!(why, "it was begun by another definition that is called version 1 as well");
}

#[tokio::test]
async fn a_definition_that_is_not_there_is_said() {
    let (store, world) = (MemoryStore::new(), World::default());
    let id = halfway(&store, &world).await;
    let sagas = super::fixture::sagas(store, &world);
    assert_eq!(why(&sagas, &id).await, "no definition is called `versioned` here");
    let error = sagas.start::<Versioned<1>>("2", order()).await.unwrap_err();
    assert!(matches!(error, StartError::Unknown("versioned")), "{error:?}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_stops_the_saga_and_is_said() {
    let (store, world) = (MemoryStore::new(), World::default());
    let id = halfway(&store, &world).await;
    let stream = StreamId::new("saga", id.as_str()).unwrap();
    let name = EventName::new("Undone").unwrap();
    let strange = NewEvent::new(EventId::new(Uuid::now_v7()), name, r#"{"stap":"reserve"}"#);
    let commit = Commit::new().append(&stream, ExpectedVersion::Any, [strange]);
    store.commit(commit).await.unwrap();
    let before = world.calls().len();
    let sagas = with::<1>(&store, &world, v1);
    let _running = sagas.run().unwrap();
    let why = why(&sagas, &id).await;
    assert!(why.contains("Undone"), "{why}");
    let error = sagas.retry(&id, By::new("ann", "why not")).await.unwrap_err();
    assert!(matches!(error, OperateError::Unreadable(_)), "{error:?}");
    assert_eq!(world.calls().len(), before);
    let history = sagas.history(&id).await.unwrap();
    let last = &history.last().unwrap().what;
    assert!(last.starts_with("cannot be read: ") && last.contains("`step`"), "{last}");
    // Whoever knows that nobody can run it ends it.
    sagas.abandon(&id, By::new("ann", "settled by hand")).await.unwrap();
    assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Abandoned);
    assert_eq!(sagas.find(&id).await.unwrap(), Found::Over(Ended::Abandoned));
    until("it is in the list no more", async || sagas.list("", 9).await.unwrap().is_empty()).await;
}

#[tokio::test]
async fn a_key_that_was_used_with_another_input_is_refused() {
    let shop = in_memory();
    let (id, _) = shop.fulfil("1").await;
    let again = shop.sagas.start::<Fulfilment>("1", order()).await.unwrap();
    assert_eq!(again, id);
    let other = Order { cents: 1, ..order() };
    let error = shop.sagas.start::<Fulfilment>("1", other).await.unwrap_err();
    assert!(matches!(error, StartError::Changed(changed) if changed == id));
    assert_eq!(shop.world.calls().len(), 4);
}
