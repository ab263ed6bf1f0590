//! Somebody is forgotten while a saga about them is open: it goes on, and what it has done it can still take back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use freehold::Personal;
use freehold::backend::memory::MemoryStore;
use freehold::personal::SealedStore;
use freehold::saga::{
    Again, Barrier, Before, Definition, Do, Effect, Ended, Entered, Failure, Key, NoPivot,
    ReadOnly, Resolve, Saga, SagaOptions, Sagas, Step, Undo,
};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::fixture::{SECRET, secret, subject};

const PATIENCE: Duration = Duration::from_mins(1);

/// What has happened outside, and when the last step may answer.
struct World {
    charged: AtomicUsize,
    refunded: AtomicUsize,
    asked: Semaphore,
    answers: Semaphore,
}

impl World {
    fn new() -> Arc<Self> {
        let [asked, answers] = [(); 2].map(|()| Semaphore::new(0));
        Arc::new(Self {
            charged: AtomicUsize::new(0),
            refunded: AtomicUsize::new(0),
            asked,
            answers,
        })
    }
}

struct Charge(Arc<World>);

impl Step for Charge {
    const NAME: &'static str = "charge";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = Personal<String>;
    type Out = u32;
    type Refusal = String;

    async fn run(&self, _: &Key<Do>, _: &Personal<String>) -> Result<u32, Failure<String>> {
        self.0.charged.fetch_add(1, SeqCst);
        Ok(7)
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        _: &Personal<String>,
        _: Effect<u32>,
    ) -> Result<(), Again> {
        self.0.refunded.fetch_add(1, SeqCst);
        Ok(())
    }
}

/// Refuses, when it may.
struct Ask(Arc<World>);

impl ReadOnly for Ask {
    const NAME: &'static str = "ask";
    type In = Personal<String>;
    type Out = ();
    type Refusal = String;

    async fn run(&self, _: &Personal<String>) -> Result<(), Failure<String>> {
        self.0.asked.add_permits(1);
        self.0.answers.acquire().await.unwrap().forget();
        Err(Failure::rejected("no"))
    }
}

struct Order(Arc<World>);

impl Saga for Order {
    const NAME: &'static str = "order";
    type Input = Personal<String>;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Personal<String>>) -> Definition<Personal<String>, NoPivot> {
        let charge = steps.step(Charge(Arc::clone(&self.0)), (), |whose, ()| whose.clone());
        steps.read_only(Ask(Arc::clone(&self.0)), (charge,), |whose, _| whose.clone());
        steps.build()
    }
}

fn sagas(store: &SealedStore<MemoryStore>, world: &Arc<World>) -> Sagas {
    let options = SagaOptions { stop_time_max: Duration::from_millis(1), ..SagaOptions::default() };
    let builder = Sagas::builder(store.clone()).options(options);
    builder.saga(&Order(Arc::clone(world))).unwrap().build()
}

#[tokio::test]
async fn a_charge_is_refunded_though_who_was_charged_is_forgotten_meanwhile() {
    let (store, world) = (SealedStore::new(MemoryStore::new()), World::new());
    let before = sagas(&store, &world);
    let running = before.run().unwrap();
    let id = before.start::<Order>("1", secret(1)).await.unwrap();
    world.asked.acquire().await.unwrap().forget();
    running.stop().await;
    store.forget(&subject(1)).await.unwrap();

    // By another process, which knows what was recorded and no more.
    let after = sagas(&store, &world);
    let running = after.run().unwrap();
    world.answers.add_permits(2);
    let ended = timeout(PATIENCE, after.ended(&id)).await.expect("it ends").unwrap();
    assert_eq!(ended, Ended::Compensated);
    assert_eq!((world.charged.load(SeqCst), world.refunded.load(SeqCst)), (1, 1));
    // Whoever has not heard that it was started starts it again, and is told so.
    assert_eq!(after.start::<Order>("1", secret(1)).await.unwrap(), id);
    let other = Personal::new(subject(2), SECRET.to_owned());
    after.start::<Order>("1", other).await.unwrap_err();
    running.stop().await;
}

#[tokio::test]
async fn a_barrier_knows_an_action_again_though_somebody_was_forgotten() {
    let store = SealedStore::new(MemoryStore::new());
    let barrier = Barrier::new(store.clone());
    let key = Key::<Do>::received("order/1:charge:0:do").unwrap();
    let Entered::First(pass) = barrier.enter::<u32>(&key, &secret(1)).await.unwrap() else {
        panic!("it was never there");
    };
    let _ = freehold::Store::commit(&store, pass.commit(&7).unwrap()).await.unwrap();
    store.forget(&subject(1)).await.unwrap();
    let again: Personal<String> = {
        let forgotten =
            format!(r#"{{"~personal":{{"subject":"{}","forgotten":true}}}}"#, subject(1));
        serde_json::from_str(&forgotten).unwrap()
    };
    for input in [secret(1), again] {
        let entered = barrier.enter::<u32>(&key, &input).await.unwrap();
        assert!(matches!(entered, Entered::Before(7)), "{entered:?}");
    }
    barrier.enter::<u32>(&key, &secret(2)).await.unwrap_err();
}
