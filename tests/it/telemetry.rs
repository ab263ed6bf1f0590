//! What is counted, and what spans say. The names are those of `docs/telemetry.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::aggregate::{Options, SnapshotPolicy, Snapshotted};
use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use freehold::composer::{Lookup, Scope, compose, within};
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views, Want};
use freehold::retry::RetryPolicy;
use freehold::source::{self, Answers, Call};
use freehold::subscription::{AfterRetries, SubscriptionOptions};
use freehold::testkit::{Faults, FaultyStore};
use freehold::{
    Aggregate, Commit, Event, EventStore, Filter, LeaseName, Leases, Owner, Position, Repository,
    RowKey, RowSet, RowStore, RowValue, RowWrite, RowsWanted, Store, Token, UnitOfWork,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};
use uuid::Uuid;

#[derive(serde::Serialize, serde::Deserialize)]
enum Counted {
    Up {},
}

impl Event for Counted {
    const CATEGORY: &'static str = "counter";
}

#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Counter(u64);

impl Aggregate for Counter {
    type Event = Counted;

    fn apply(&mut self, _: &Counted) {
        self.0 += 1;
    }
}

fn up(_: &Counter) -> Result<Vec<Counted>, String> {
    Ok(vec![Counted::Up {}])
}

/// Two repositories that do not know of each other on one store, so that one of them conflicts once; then a
/// page of the feed.
async fn three_commands_and_a_page(store: impl EventStore + Clone) {
    let [ours, theirs] = [(); 2].map(|()| Repository::<Counter>::new(store.clone()));
    for repository in [&ours, &theirs, &ours] {
        repository.execute("one", up).await.unwrap();
    }
    store.read_all(Position::START, &Filter::all(), 1).await.unwrap();
}

/// What was counted while `work` ran on this thread, by name and label.
fn counted(work: impl Future<Output = ()>) -> BTreeMap<String, DebugValue> {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(work);
    });
    let all = snapshots.snapshot().into_vec().into_iter();
    all.map(|(key, _, _, value)| {
        let labels = key.key().labels().map(|label| label.value().to_owned());
        let labels: Vec<String> = labels.collect();
        (format!("{} {}", key.key().name(), labels.join(",")), value)
    })
    .collect()
}

#[test]
fn commits_events_conflicts_retries_batches_and_lag_are_counted() {
    let seen = counted(three_commands_and_a_page(MemoryStore::new()));
    let count = |name: &str| match seen.get(name) {
        Some(DebugValue::Counter(count)) => *count,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(count("freehold_commits_total memory"), 3);
    assert_eq!(count("freehold_events_total memory"), 3);
    assert_eq!(count("freehold_conflicts_total memory"), 1);
    assert_eq!(count("freehold_retries_total conflict"), 1);
    let Some(DebugValue::Histogram(batches)) = seen.get("freehold_batch_commits memory") else {
        panic!("{seen:?}");
    };
    assert_eq!(batches.len(), 3);
    let Some(DebugValue::Gauge(lag)) = seen.get("freehold_feed_lag_positions memory") else {
        panic!("{seen:?}");
    };
    assert!((lag.into_inner() - 2.0).abs() < f64::EPSILON, "one of three events was read: {lag}");
}

#[test]
fn sqlite_says_how_long_commits_took() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("counted.db");
    let seen = counted(async {
        let store = SqliteStore::open(path).await.unwrap();
        three_commands_and_a_page(store.clone()).await;
        let (job, me) = (LeaseName::new("job").unwrap(), Owner::new(Uuid::nil()));
        store.claim(&job, me, Duration::from_secs(1)).await.unwrap();
    });
    // The writer counts on its own thread; what callers see is counted on theirs.
    let Some(DebugValue::Histogram(took)) = seen.get("freehold_commit_seconds sqlite") else {
        panic!("{seen:?}");
    };
    // One of the commands met a conflict, and a lease is no commit.
    assert_eq!(took.len(), 4);
    assert!(took.iter().all(|seconds| seconds.into_inner() > 0.0));
}

#[test]
fn unknown_outcomes_are_counted_as_retries() {
    let seen = counted(async {
        let faults = Faults::seeded(7).fail_after(0.5);
        let counters = Repository::<Counter>::new(FaultyStore::new(MemoryStore::new(), faults));
        for _ in 0..20 {
            counters.execute("one", up).await.unwrap();
        }
    });
    let Some(DebugValue::Counter(retries)) = seen.get("freehold_retries_total unknown") else {
        panic!("{seen:?}");
    };
    assert!(*retries > 0);
}

#[test]
fn what_compositions_ask_is_counted_by_source_and_outcome() {
    let seen = counted(async {
        let source = source::from_fn("counted", |keys: Vec<u8>, _: Call| async move {
            match keys[0] {
                0 => Err("down".into()),
                _ => Ok(Answers::aligned(vec![Some(1_u8)])),
            }
        });
        let lookup = Lookup::new(source);
        for key in [0, 1, 2] {
            let one = async |cx: &Scope| Ok(cx.get(&lookup, key).optional().await.value);
            compose(within(Duration::from_secs(1)), one).await.unwrap();
        }
    });
    let count = |outcome: &str| match seen
        .get(&format!("freehold_source_attempts_total counted,{outcome}"))
    {
        Some(DebugValue::Counter(count)) => *count,
        other => panic!("{outcome}: {other:?}"),
    };
    assert_eq!((count("answered"), count("failed")), (2, 1));
    let Some(DebugValue::Histogram(took)) = seen.get("freehold_source_attempt_seconds counted")
    else {
        panic!("{seen:?}");
    };
    assert_eq!(took.len(), 3);
}

/// Notes the name and the fields of every span that names `COMMAND`, `SOURCE` or `TIME`.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

const COMMAND: Uuid = Uuid::from_u128(0x7e1e_3e72);
const SOURCE: &str = "listened_to";
/// So long has no other composition.
const TIME: Duration = Duration::from_millis(77_007);

impl<S: tracing::Subscriber> Layer<S> for Notes {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                write!(self.0, " {}={value:?}", field.name()).unwrap();
            }
        }
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        let ours = [COMMAND.to_string(), SOURCE.to_owned(), format!("{TIME:?}")];
        if ours.iter().any(|ours| fields.0.contains(ours)) {
            self.0.lock().unwrap().push(fields.0);
        }
    }
}

#[tokio::test]
async fn commands_units_of_work_and_compositions_are_spans_that_say_what_of() {
    let notes = Notes::default();
    // For the whole process: a subscriber of one thread can miss spans that another thread has met before
    // without a subscriber.
    tracing::subscriber::set_global_default(Registry::default().with(notes.clone())).unwrap();
    let store = MemoryStore::new();
    let counters = Repository::<Counter>::new(store.clone());
    counters.execute("one", up).command_id(COMMAND).await.unwrap();
    let unit = UnitOfWork::new(store).command_id(COMMAND);
    unit.run(async |work| work.execute(&counters, "two", up).await).await.unwrap();
    let source = source::from_fn(SOURCE, |keys: Vec<u8>, _: Call| async move {
        Ok(Answers::aligned(keys.into_iter().map(Some).collect()))
    });
    let lookup = Lookup::new(source);
    compose(within(TIME), async |cx| cx.all(&lookup, [1, 2]).await).await.unwrap();
    let notes = notes.0.lock().unwrap().clone();
    let execute = format!("execute category=\"counter\" stream=one command={COMMAND}");
    let unit = format!("unit_of_work command={COMMAND}");
    let call = format!("source_call source=\"{SOURCE}\" round=1 keys=2");
    assert_eq!(notes, [execute, unit, format!("compose within={TIME:?}"), call]);
}

/// Two events are taken in, and one is parked.
async fn three_events_are_projected(store: MemoryStore) {
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let options = SubscriptionOptions {
        retry: RetryPolicy::NEVER,
        after_retries: AfterRetries::Park,
        ..SubscriptionOptions::default()
    };
    let kept = reads.upkeep(Tally).options(options).start();
    let counters = Repository::<Counter>::new(store);
    counters.execute("one", up).await.unwrap();
    counters.execute("two", up).await.unwrap();
    let done = counters.execute("bad", up).await.unwrap();
    let view = reads.view::<Tally>();
    view.wait_for(done.token(), Duration::from_mins(1)).await.unwrap();
    let made_up = Token::new(done.token().unwrap().log(), Position::new(99));
    view.wait_for(made_up, Duration::from_mins(1)).await.unwrap_err();
    assert_eq!(view.get("all").want(Want::Head).await.unwrap().value, Some(2));
    kept.stop().await;
}

struct Tally;

impl Projection for Tally {
    const NAME: &'static str = "tally";
    type View = u64;
    type Events = Counted;
    type Level = Eventual<1_000>;
}

impl On<Counted> for Tally {
    fn on(&self, event: &Recorded<'_, Counted>, views: &mut Views<'_, u64>) {
        // No view can have this key, so the event cannot be taken in.
        let key = if event.id() == "bad" { "" } else { "all" };
        views.update(key, |ups| *ups += 1);
    }
}

impl Snapshotted for Counter {
    const STATE_VERSION: u32 = 1;
}

/// One state is stored, one is loaded from it, and one of nobody's code is passed over.
async fn a_snapshot_is_stored_used_and_passed_over(store: MemoryStore) {
    let options = || Options { cached_states_max: 0, ..Options::default() };
    let policy = SnapshotPolicy { every_events: 1, ..SnapshotPolicy::default() };
    let never = SnapshotPolicy { writes_max: 0, ..policy };
    let load = async |policy| {
        let counters = Repository::<Counter>::with_snapshots(store.clone(), options(), policy);
        assert_eq!(counters.load("one").await.unwrap().0, 1);
    };
    Repository::<Counter>::new(store.clone()).execute("one", up).await.unwrap();
    load(policy).await;
    let (set, key) =
        (RowSet::new("freehold_snapshots").unwrap(), RowKey::new("counter-one").unwrap());
    while store
        .rows(&set, &RowsWanted::Keys(vec![key.clone()]), None)
        .await
        .map_or(true, |page| page.rows.is_empty())
    {
        tokio::task::yield_now().await;
    }
    load(never).await;
    let other = RowWrite::put(&set, &key, RowValue::of(&"of nobody").unwrap());
    store.commit(Commit::new().rows([other])).await.unwrap();
    load(never).await;
}

#[test]
fn what_becomes_of_snapshots_is_counted() {
    let seen = counted(a_snapshot_is_stored_used_and_passed_over(MemoryStore::new()));
    for outcome in ["stored", "used", "passed_over"] {
        let name = format!("freehold_snapshots_total counter,{outcome}");
        assert_eq!(seen.get(name.as_str()), Some(&DebugValue::Counter(1)), "{name}: {seen:?}");
    }
}

#[test]
fn what_a_projection_takes_in_and_parks_is_counted_and_so_are_waits_and_reads() {
    let seen = counted(three_events_are_projected(MemoryStore::new()));
    for (name, times) in [
        ("freehold_taken_in_total tally", 2),
        ("freehold_parked_total tally", 1),
        ("freehold_reads_total tally,head,true", 1),
    ] {
        assert_eq!(seen.get(name), Some(&DebugValue::Counter(times)), "{name}: {seen:?}");
    }
    for name in [
        "freehold_taken_in_age_seconds tally",
        "freehold_wait_seconds tally,reached",
        "freehold_wait_seconds tally,not_yet_written",
    ] {
        assert!(matches!(seen.get(name), Some(DebugValue::Histogram(_))), "{name}: {seen:?}");
    }
}
