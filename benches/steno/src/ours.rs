//! Sagas of this crate.

use freehold::backend::memory::MemoryStore;
use freehold::backend::postgres::{PostgresOptions, PostgresStore, SchemaName};
use freehold::saga::{
    Again, Before, Definition, Do, Effect, Ended, Failure, Key, NoPivot, Resolve, Saga, SagaStore,
    Sagas, Step, Undo,
};
use sqlx::postgres::PgPoolOptions;

use crate::{runtime, timed};

struct Add;

impl Step for Add {
    const NAME: &'static str = "first";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = u64;
    type Out = u64;
    type Refusal = String;

    async fn run(&self, _: &Key<Do>, n: &u64) -> Result<u64, Failure<String>> {
        Ok(n + 1)
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        _: &u64,
        _: Effect<u64>,
    ) -> Result<(), Again> {
        Ok(())
    }
}

struct Three;

impl Saga for Three {
    const NAME: &'static str = "three";
    type Input = u64;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<u64>) -> Definition<u64, NoPivot> {
        let first = steps.step(Add, (), |n: &u64, ()| *n);
        let second = steps.named("second").step(Add, (first,), |_, (n,)| *n);
        steps.named("third").step(Add, (second,), |_, (n,)| *n);
        steps.build()
    }
}

async fn run(store: impl SagaStore, tasks: usize, times: usize) {
    let sagas = Sagas::builder(store).saga(&Three).unwrap().build();
    let running = sagas.run().unwrap();
    let tasks = (0..tasks).map(|task| {
        let sagas = sagas.clone();
        tokio::spawn(async move {
            for n in 0..times {
                let id = sagas.start::<Three>(&format!("{task}-{n}"), 7).await.unwrap();
                assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Completed);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    running.stop().await;
}

pub(crate) fn memory(tasks: usize, times: usize) -> f64 {
    let runtime = runtime();
    timed(tasks * times, || runtime.block_on(run(MemoryStore::new(), tasks, times)))
}

pub(crate) fn postgres(url: &str, tasks: usize, times: usize) -> f64 {
    let runtime = runtime();
    let schema = format!("ours_{}", uuid::Uuid::now_v7().simple());
    let (pool, store) = runtime.block_on(async {
        let pool = PgPoolOptions::new().max_connections(5).connect(url).await.unwrap();
        let name = SchemaName::new(&schema).unwrap();
        let options = PostgresOptions { schema: name, notify_interval: None, ..Default::default() };
        let store = PostgresStore::open_with(pool.clone(), options).await.unwrap();
        (pool, store)
    });
    let rate = timed(tasks * times, || runtime.block_on(run(store, tasks, times)));
    runtime.block_on(crate::theirs::drop_schema(&pool, &schema));
    rate
}
