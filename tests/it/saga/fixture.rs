//! A shop in small: stock and cards at two participants, orders in the log that holds the sagas.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::retry::RetryPolicy;
use freehold::saga::{
    After, Again, Before, Definition, Do, Effect, Ended, Failure, HasPivot, Key, Local, LocalPivot,
    Policy, Resolve, Retriable, RunningSagas, Saga, SagaId, SagaOptions, SagaStore, Sagas,
    Standing, Step, Undo,
};
use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, StreamId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    /// Nothing.
    Fine,
    /// It is refused.
    Refused,
    /// It fails before anything has happened.
    Fails,
    /// It happens, and nobody hears of it.
    Unheard,
    /// Nothing happens, and nobody hears of that.
    Lost,
    /// It never answers.
    Hangs,
    Panics,
    Broken,
}

/// What a participant keeps: one effect for each key, what it has answered, and which keys it takes no more.
#[derive(Debug, Default)]
struct Books {
    effects: BTreeMap<String, u64>,
    barred: Vec<String>,
    goes: HashMap<&'static str, VecDeque<Goes>>,
    calls: Vec<String>,
    notes: Vec<&'static str>,
}

/// The participants, which keep a barrier and remember what they have answered.
#[derive(Clone, Debug, Default)]
pub(super) struct World(Arc<Mutex<Books>>);

impl World {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }

    /// The next calls of `what` go so.
    pub(super) fn script(&self, what: &'static str, goes: impl IntoIterator<Item = Goes>) {
        self.books().goes.entry(what).or_default().extend(goes);
    }

    /// What was scripted and has not come about is forgotten.
    pub(super) fn forget_script(&self) {
        self.books().goes.clear();
    }

    /// The effects that are there, by the key of the action.
    pub(super) fn effects(&self) -> BTreeMap<String, u64> {
        self.books().effects.clone()
    }

    /// What steps have noted, in order.
    pub(super) fn note(&self, what: &'static str) {
        self.books().notes.push(what);
    }

    pub(super) fn notes(&self) -> Vec<&'static str> {
        self.books().notes.clone()
    }

    /// All calls in order, by their keys.
    pub(super) fn calls(&self) -> Vec<String> {
        self.books().calls.clone()
    }

    async fn go(&self, what: &'static str, key: &str) -> Option<Goes> {
        let goes = {
            let mut books = self.books();
            books.calls.push(key.to_owned());
            books.goes.get_mut(what).and_then(VecDeque::pop_front)
        };
        match goes {
            Some(Goes::Hangs) => std::future::pending().await,
            Some(Goes::Panics) => panic!("as scripted"),
            goes => goes,
        }
    }

    async fn act(&self, what: &'static str, key: &Key<Do>, n: u64) -> Result<u64, Failure<String>> {
        let goes = self.go(what, key.as_str()).await;
        let mut books = self.books();
        if let Some(known) = books.effects.get(key.as_str()) {
            return Ok(*known);
        }
        if books.barred.iter().any(|barred| barred == key.as_str()) {
            return Err(Failure::rejected("barred"));
        }
        match goes {
            Some(Goes::Refused) => return Err(Failure::rejected("no")),
            Some(Goes::Fails) => return Err(Failure::transient("not now")),
            Some(Goes::Lost) => return Err(Failure::Unknown("lost".into())),
            Some(Goes::Broken) => return Err(Failure::broken("as scripted")),
            _ => {}
        }
        books.effects.insert(key.as_str().to_owned(), n);
        match goes {
            Some(Goes::Unheard) => Err(Failure::Unknown("unheard".into())),
            _ => Ok(n),
        }
    }

    async fn undo(
        &self,
        what: &'static str,
        key: &Key<Undo>,
        action: &Key<Do>,
    ) -> Result<(), Again> {
        let goes = self.go(what, key.as_str()).await;
        let mut books = self.books();
        match goes {
            Some(Goes::Fails) => return Err(Again::transient("not now")),
            Some(Goes::Broken) => return Err(Again::broken("as scripted")),
            _ => {}
        }
        books.effects.remove(action.as_str());
        books.barred.push(action.as_str().to_owned());
        match goes {
            Some(Goes::Unheard) => Err(Again::Unknown("unheard".into())),
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub sku: String,
    pub cents: u64,
}

pub(super) fn order() -> Order {
    Order { sku: "85123A".to_owned(), cents: 1_530 }
}

/// Steps that are hasty, so that tests are quick where the clock is not paused.
pub(super) fn hasty() -> Policy {
    let retry = RetryPolicy {
        retries_max: 3,
        delay_min: Duration::from_millis(1),
        delay_max: Duration::from_millis(5),
    };
    Policy { time_max: Duration::from_millis(200), retry, undo_retry: retry }
}

pub(super) struct Reserve(pub World);

impl Step for Reserve {
    const NAME: &'static str = "reserve";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = String;
    type Out = u64;
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, _: &String) -> Result<u64, Failure<String>> {
        self.0.act("reserve", key, 1).await
    }

    async fn compensate(
        &self,
        key: &Key<Undo>,
        action: &Key<Do>,
        _: &String,
        _: Effect<u64>,
    ) -> Result<(), Again> {
        self.0.undo("release", key, action).await
    }

    fn policy(&self) -> Policy {
        hasty()
    }
}

pub(super) struct Charge(pub World);

impl Step for Charge {
    const NAME: &'static str = "charge";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = u64;
    type Out = u64;
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, cents: &u64) -> Result<u64, Failure<String>> {
        self.0.act("charge", key, *cents).await
    }

    async fn compensate(
        &self,
        key: &Key<Undo>,
        action: &Key<Do>,
        _: &u64,
        _: Effect<u64>,
    ) -> Result<(), Again> {
        self.0.undo("refund", key, action).await
    }

    fn policy(&self) -> Policy {
        hasty()
    }
}

/// Writes that the order is confirmed into the log that holds the sagas.
pub(super) struct Confirm(pub World);

impl LocalPivot for Confirm {
    const NAME: &'static str = "confirm";
    type In = (u64, u64);
    type Out = ();
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, _: &(u64, u64)) -> Result<Local<()>, Failure<String>> {
        match self.0.go("confirm", key.as_str()).await {
            Some(Goes::Refused) => return Err(Failure::rejected("no")),
            Some(Goes::Fails) => return Err(Failure::transient("not now")),
            Some(Goes::Broken) => return Err(Failure::broken("as scripted")),
            _ => {}
        }
        let stream = StreamId::new("order", key.as_uuid().simple().to_string())?;
        let event = NewEvent::new(EventId::new(Uuid::now_v7()), EventName::new("Confirmed")?, "{}");
        let commit = Commit::new().append(&stream, ExpectedVersion::NoStream, [event]);
        Ok(Local::new((), commit))
    }

    fn policy(&self) -> Policy {
        hasty()
    }
}

pub(super) struct Ship(pub World);

impl Retriable for Ship {
    const NAME: &'static str = "ship";
    type In = String;
    type Out = u64;

    async fn run(&self, key: &Key<Do>, _: &String) -> Result<u64, Again> {
        match self.0.act("ship", key, 1).await {
            Ok(out) => Ok(out),
            Err(Failure::Transient(why)) => Err(Again::Transient(why)),
            Err(Failure::Broken(why)) => Err(Again::Broken(why)),
            Err(_) => Err(Again::Unknown("unknown".into())),
        }
    }

    fn policy(&self) -> Policy {
        hasty()
    }
}

/// Reserve, charge, confirm, ship.
pub(super) struct Fulfilment(pub World);

impl Saga for Fulfilment {
    const NAME: &'static str = "fulfilment";
    type Input = Order;
    type Ending = HasPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, HasPivot> {
        let world = || self.0.clone();
        let reserved = steps.step(Reserve(world()), (), |order: &Order, ()| order.sku.clone());
        let charged = steps.step(Charge(world()), (), |order: &Order, ()| order.cents);
        let needs = (reserved, charged);
        let (_, mut steps): (_, After<Order>) =
            steps.local_pivot(Confirm(world()), needs, |_, (units, cents)| (*units, *cents));
        steps.then(Ship(world()), (), |order: &Order, ()| order.sku.clone());
        steps.build()
    }
}

/// Sagas that run, and their participants.
pub(super) struct Shop {
    pub world: World,
    pub sagas: Sagas,
    pub running: RunningSagas,
}

pub(super) fn options() -> SagaOptions {
    SagaOptions { index_interval: Duration::from_millis(5), ..SagaOptions::default() }
}

pub(super) fn sagas(store: impl SagaStore, world: &World) -> Sagas {
    let builder = Sagas::builder(store).options(options()).seed(7);
    builder.saga(&Fulfilment(world.clone())).unwrap().build()
}

pub(super) fn open(store: impl SagaStore) -> Shop {
    let world = World::default();
    let sagas = sagas(store, &world);
    let running = sagas.run().unwrap();
    Shop { world, sagas, running }
}

pub(super) fn in_memory() -> Shop {
    open(MemoryStore::new())
}

impl Shop {
    pub(super) async fn fulfil(&self, key: &str) -> (SagaId, Ended) {
        let id = self.sagas.start::<Fulfilment>(key, order()).await.unwrap();
        let ended = self.ended(&id).await;
        (id, ended)
    }

    pub(super) async fn ended(&self, id: &SagaId) -> Ended {
        let ended = self.sagas.ended(id);
        tokio::time::timeout(Duration::from_mins(1), ended).await.expect("it ends").unwrap()
    }

    /// Until it waits for an operator, and the list says so.
    pub(super) async fn until_suspended(&self, id: &SagaId) {
        let suspended = async {
            loop {
                let listed = self.sagas.list(id.as_str(), 1).await.unwrap();
                if listed.iter().any(|saga| saga.standing == Standing::Suspended) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), suspended).await.expect("it is suspended");
    }

    /// Until just these are in the list.
    pub(super) async fn until_listed(&self, ids: &[SagaId]) {
        let listed = async {
            loop {
                let listed = self.sagas.list("", 100).await.unwrap();
                if listed.iter().map(|saga| &saga.id).eq(ids) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), listed).await.expect("the list is kept up");
    }

    /// What the log of a saga says, in words.
    pub(super) async fn history(&self, id: &SagaId) -> Vec<String> {
        let history = self.sagas.history(id).await.unwrap();
        history.into_iter().map(|entry| entry.what).collect()
    }
}
