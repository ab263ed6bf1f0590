//! What is counted of sagas. The names are those of `docs/telemetry.md`.

use std::collections::BTreeMap;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::saga::{Before, Definition, Ended, NoPivot, Saga, Sagas};
use freehold::testkit::PausedClock;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::fixture::{Fulfilment, Goes, World, options, order};

/// It waits for longer than a saga is kept at hand.
struct Slow;

impl Saga for Slow {
    const NAME: &'static str = "slow";
    type Input = ();
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<()>) -> Definition<(), NoPivot> {
        steps.delay("later", Duration::from_mins(1));
        steps.build()
    }
}

/// One saga completes, one is given up while a charge is uncertain, one waits for an operator, and one for a time.
async fn four_sagas() {
    let (clock, world) = (PausedClock::new(), World::default());
    let store = MemoryStore::builder().clock(clock).build();
    let builder = Sagas::builder(store).options(options()).clock(clock);
    let builder = builder.saga(&Slow).unwrap();
    let sagas = builder.saga(&Fulfilment(world.clone())).unwrap().build();
    let running = sagas.run().unwrap();
    let done = sagas.start::<Fulfilment>("1", order()).await.unwrap();
    assert_eq!(sagas.ended(&done).await.unwrap(), Ended::Completed);
    world.script("charge", [Goes::Lost; 4]);
    let uncertain = sagas.start::<Fulfilment>("2", order()).await.unwrap();
    sagas.ended(&uncertain).await.unwrap();
    world.script("ship", [Goes::Broken]);
    let suspended = sagas.start::<Fulfilment>("3", order()).await.unwrap();
    sagas.rested(&suspended).await.unwrap();
    let slow = sagas.start::<Slow>("4", ()).await.unwrap();
    assert_eq!(sagas.ended(&slow).await.unwrap(), Ended::Completed);
    // They are counted now and then.
    tokio::time::sleep(Duration::from_mins(1)).await;
    drop(running);
}

fn counted() -> BTreeMap<String, DebugValue> {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(four_sagas());
    });
    let all = snapshots.snapshot().into_vec().into_iter();
    all.map(|(key, _, _, value)| {
        let labels: Vec<&str> = key.key().labels().map(metrics::Label::value).collect();
        (format!("{} {}", key.key().name(), labels.join(",")), value)
    })
    .collect()
}

#[test]
fn sagas_are_counted_by_how_they_begin_go_on_and_end() {
    let seen = counted();
    let number = |name: &str| match seen.get(name) {
        Some(DebugValue::Counter(count)) => i64::try_from(*count).unwrap(),
        Some(DebugValue::Gauge(value)) => value.into_inner().round().to_string().parse().unwrap(),
        Some(DebugValue::Histogram(values)) => i64::try_from(values.len()).unwrap(),
        None => panic!("{name}: {:?}", seen.keys()),
    };
    for (name, wanted) in [
        ("freehold_sagas_started_total fulfilment", 3),
        ("freehold_sagas_started_total slow", 1),
        ("freehold_sagas_ended_total fulfilment,completed", 1),
        ("freehold_sagas_ended_total fulfilment,compensated", 1),
        ("freehold_sagas_ended_total slow,completed", 1),
        ("freehold_sagas_given_up_total fulfilment,exhausted", 1),
        ("freehold_saga_uncertain_steps_total fulfilment", 1),
        ("freehold_saga_uncertain_settled_total fulfilment,tombstone", 1),
        ("freehold_saga_call_seconds fulfilment,charge,do,ok", 2),
        ("freehold_saga_call_seconds fulfilment,charge,do,unknown", 4),
        ("freehold_saga_call_seconds fulfilment,ship,do,broken", 1),
        ("freehold_sagas_open 0,suspended", 1),
        ("freehold_sagas_open 0,running", 0),
        ("freehold_sagas_open 0,stuck", 0),
        ("freehold_saga_due_lag_seconds ", 1),
        ("freehold_sagas parked", 0),
    ] {
        assert_eq!(number(name), wanted, "{name}");
    }
    assert!(number("freehold_sagas_oldest_seconds 0") >= 1);
    // It is looked at again, now and then.
    assert!(number("freehold_sagas_left_total fulfilment,suspended") >= 1);
}
