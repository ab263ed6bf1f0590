//! A saga whose log cannot be read waits, says where, and nothing is called for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use freehold::saga::{
    Again, Before, By, Definition, Do, Effect, Ended, Failure, Found, Key, NoPivot, OperateError,
    Resolve, Saga, SagaOptions, SagaStore, Sagas, Standing, Step, Undo,
};
use freehold::{EventStoreExt, StreamId, StreamVersion};
use tokio::time::timeout;

use super::place::Tables;

const PATIENCE: Duration = Duration::from_secs(30);

/// Counts how often it was called, for whatever.
#[derive(Clone, Default)]
struct Counts(Arc<AtomicU64>);

impl Step for Counts {
    const NAME: &'static str = "count";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = u64;
    type Out = u64;
    type Refusal = ();

    async fn run(&self, _: &Key<Do>, n: &u64) -> Result<u64, Failure<()>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(*n)
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        _: &u64,
        _: Effect<u64>,
    ) -> Result<(), Again> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Counts, waits for a signal, and counts again.
struct Twice(Counts);

impl Saga for Twice {
    const NAME: &'static str = "twice";
    type Input = u64;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<u64>) -> Definition<u64, NoPivot> {
        steps.named("first").step(self.0.clone(), (), |n: &u64, ()| *n);
        let told = steps.signal::<u64>("go", None);
        steps.named("second").step(self.0.clone(), (told,), |_, (n,)| *n);
        steps.build()
    }
}

fn sagas(store: impl SagaStore, counts: &Counts) -> Sagas {
    let options =
        SagaOptions { index_interval: Duration::from_millis(5), ..SagaOptions::default() };
    let builder = Sagas::builder(store).options(options);
    builder.saga(&Twice(counts.clone())).unwrap().build()
}

pub(crate) async fn a_saga_whose_log_is_spoilt_is_stuck_and_says_where(tables: &impl Tables) {
    let (store, counts) = (tables.store().await, Counts::default());
    let first = sagas(store.clone(), &counts);
    let running = first.run().unwrap();
    let id = first.start::<Twice>("1", 7).await.unwrap();
    let stream = StreamId::new("saga", id.as_str()).unwrap();
    let has_counted = async {
        while store.version(&stream).await.unwrap() < StreamVersion::new(2) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, has_counted).await.expect("the first step is done");
    running.stop().await;
    let log = store.read_tail(&stream, StreamVersion::NONE).await.unwrap();
    let record = &log[1];
    let place = format!("position {}, version 2 of stream `{stream}`", record.position());
    let (name, data) = (record.name().as_str(), record.data().clone());
    for (spoilt, json) in [(name, &b"nonsense"[..]), (name, b"{}"), ("Later", &data[..])] {
        tables.put(record.position().get(), spoilt, json).await;
        let next = sagas(tables.store().await, &counts);
        let running = next.run().unwrap();
        let rested = timeout(PATIENCE, next.rested(&id)).await.expect("it rests").unwrap();
        let Found::Open(saga) = rested else { panic!("{rested:?}") };
        let why = saga.why.unwrap();
        assert_eq!(saga.standing, Standing::Stuck, "{why}");
        assert!(why.contains(&place), "{why}");
        let error = next.retry(&id, By::new("ann", "why not")).await.unwrap_err();
        let OperateError::Unreadable(said) = error else { panic!("{error:?}") };
        assert!(said.contains(&place), "{said}");
        assert_eq!(counts.0.load(Ordering::SeqCst), 1, "nothing is called for it");
        running.stop().await;
    }
    // Nothing was skipped: when it is mended, it goes on where it was.
    tables.put(record.position().get(), name, &data).await;
    let next = sagas(tables.store().await, &counts);
    let running = next.run().unwrap();
    next.signal(&id, "go", "once", &9_u64).await.unwrap();
    let ended = timeout(PATIENCE, next.ended(&id)).await.expect("it ends").unwrap();
    assert_eq!((ended, counts.0.load(Ordering::SeqCst)), (Ended::Completed, 2));
    running.stop().await;
}
