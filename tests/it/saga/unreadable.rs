//! Values of which the reading panics: the saga waits and says why, as with a record that cannot be read, and others go on.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::saga::{
    Again, Before, By, Definition, Do, Effect, Ended, Failure, Found, Key, NoPivot, OperateError,
    ReadOnly, Resolve, Saga, SagaId, Sagas, Standing, Step, Undo,
};
use freehold::{EventStore, Filter, Position, Store};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::timeout;

use super::exact::{PATIENCE, until};
use super::fixture::options;

/// Whoever reads this text panics.
const BAD: &str = "bad";

#[derive(Clone, Debug, Serialize)]
struct Touchy(String);

impl<'de> Deserialize<'de> for Touchy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert_ne!(text, BAD, "as scripted");
        Ok(Self(text))
    }
}

/// Gives back what it is given.
struct Echo;

impl Step for Echo {
    const NAME: &'static str = "echo";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = String;
    type Out = Touchy;
    type Refusal = ();

    async fn run(&self, _: &Key<Do>, text: &String) -> Result<Touchy, Failure<()>> {
        Ok(Touchy(text.clone()))
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        _: &String,
        _: Effect<Touchy>,
    ) -> Result<(), Again> {
        Ok(())
    }
}

/// Refuses.
struct Refuse;

impl ReadOnly for Refuse {
    const NAME: &'static str = "refuse";
    type In = ();
    type Out = ();
    type Refusal = ();

    async fn run(&self, (): &()) -> Result<(), Failure<()>> {
        Err(Failure::Rejected(()))
    }
}

/// What it is given, and what its step gives back; it waits for a signal, and is refused.
struct Reads;

impl Saga for Reads {
    const NAME: &'static str = "reads";
    type Input = (Touchy, String);
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Self::Input>) -> Definition<Self::Input, NoPivot> {
        steps.step(Echo, (), |(_, echoed): &Self::Input, ()| echoed.clone());
        steps.signal::<Touchy>("go", None);
        steps.read_only(Refuse, (), |_, ()| ());
        steps.build()
    }
}

fn reads(store: &MemoryStore) -> Sagas {
    let builder = Sagas::builder(store.clone()).options(options());
    builder.saga(&Reads).unwrap().build()
}

fn input(given: &str, echoed: &str) -> (Touchy, String) {
    (Touchy(given.to_owned()), echoed.to_owned())
}

async fn ended(sagas: &Sagas, id: &SagaId) -> Ended {
    timeout(PATIENCE, sagas.ended(id)).await.expect("it ends").unwrap()
}

async fn send(sagas: &Sagas, id: &SagaId, text: &str) {
    sagas.signal(id, "go", "once", &Touchy(text.to_owned())).await.unwrap();
}

/// That it waits for somebody, so, and that the list says the same of it alone.
async fn waits(sagas: &Sagas, id: &SagaId, standing: Standing, why: &str) {
    let rested = timeout(PATIENCE, sagas.rested(id)).await.expect("it rests").unwrap();
    let Found::Open(saga) = rested else { panic!("{rested:?}") };
    let said = saga.why.unwrap();
    assert!(saga.standing == standing && said.contains(why), "{:?}: {said}", saga.standing);
    let listed = async || {
        let stuck = sagas.stuck(Duration::ZERO, 9).await.unwrap();
        stuck.len() == 1 && stuck[0].id == *id && stuck[0].why.as_ref() == Some(&said)
    };
    until("it is listed, and why", listed).await;
}

#[tokio::test]
async fn a_saga_of_which_reading_the_input_panics_is_stuck_and_the_others_go_on() {
    let store = MemoryStore::new();
    let sagas = reads(&store);
    let starting = sagas.starting::<Reads>("bad", &input(BAD, "")).unwrap();
    let id = starting.id().clone();
    store.commit(starting.into_commit()).await.unwrap();
    let running = sagas.run().unwrap();
    waits(&sagas, &id, Standing::Stuck, "its input cannot be read: reading it panics").await;
    let good = sagas.starting::<Reads>("good", &input("", "")).unwrap();
    let other = good.id().clone();
    store.commit(good.into_commit()).await.unwrap();
    send(&sagas, &other, "").await;
    assert_eq!(ended(&sagas, &other).await, Ended::Compensated);
    assert_eq!(sagas.history(&id).await.unwrap().len(), 1);
    // Also to whoever follows the log.
    let first = store.read_all(Position::START, &Filter::all(), 1).await.unwrap().events;
    let news = Sagas::news::<Reads>(&first[0]);
    assert!(matches!(news, Err(OperateError::Unreadable(_))), "{news:?}");
    sagas.abandon(&id, By::new("ann", "it was never meant")).await.unwrap();
    assert_eq!(ended(&sagas, &id).await, Ended::Abandoned);
    running.stop().await;
}

#[tokio::test]
async fn a_saga_of_which_reading_what_a_step_gave_back_panics_is_stuck_under_its_next_owner() {
    let store = MemoryStore::new();
    let sagas = reads(&store);
    let running = sagas.run().unwrap();
    let id = sagas.start::<Reads>("1", input("", BAD)).await.unwrap();
    let has_echoed = async || sagas.history(&id).await.unwrap().len() == 2;
    until("it has echoed", has_echoed).await;
    running.stop().await;
    let next = reads(&store);
    let running = next.run().unwrap();
    waits(&next, &id, Standing::Stuck, "what `echo` gave back cannot be read: reading it panics")
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_compensation_waits_for_an_operator_if_reading_what_the_step_gave_back_panics() {
    let sagas = reads(&MemoryStore::new());
    let running = sagas.run().unwrap();
    let id = sagas.start::<Reads>("1", input("", BAD)).await.unwrap();
    send(&sagas, &id, "").await;
    waits(&sagas, &id, Standing::Suspended, "what it gave back cannot be read").await;
    running.stop().await;
}

#[tokio::test]
async fn a_step_waits_for_an_operator_if_reading_its_signal_panics() {
    let sagas = reads(&MemoryStore::new());
    let running = sagas.run().unwrap();
    let id = sagas.start::<Reads>("1", input("", "")).await.unwrap();
    send(&sagas, &id, BAD).await;
    waits(&sagas, &id, Standing::Suspended, "the signal cannot be read").await;
    running.stop().await;
}
