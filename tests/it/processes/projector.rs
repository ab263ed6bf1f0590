//! A process that keeps a projection up, and those who kill it, freeze it, and look at what it leaves.
//!
//! The process is the test binary itself, asked for the very test that starts it: a variable of the environment tells it
//! which of the two it is.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views, Want};
use freehold::retry::RetryPolicy;
use freehold::subscription::SubscriptionOptions;
use freehold::{
    Commit, Event, EventId, EventStore, Filter, LeaseName, Position, RowStore, StreamId, event,
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

/// How long a lease lasts: who is frozen for longer has lost it.
pub(super) const LEASE_TIME: Duration = Duration::from_millis(300);
/// Far longer than anything takes here.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
const KEYS: u64 = 7;

/// The log and the views.
pub(super) type Stores = (Arc<dyn EventStore>, Arc<dyn RowStore>);

#[derive(Serialize, Deserialize)]
pub(super) enum Drop {
    Fell { n: u64 },
}

impl Event for Drop {
    const CATEGORY: &'static str = "rain";
}

/// What has fallen, by the rest of its number: how many, their sum, and the last of them.
pub(super) struct Gauge;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Fallen {
    drops: u64,
    sum: u64,
    pub(super) last: u64,
}

impl Fallen {
    fn add(&mut self, n: u64) {
        self.drops += 1;
        self.sum += n;
        self.last = n;
    }
}

impl Projection for Gauge {
    const NAME: &'static str = "gauge";
    type View = Fallen;
    type Events = Drop;
    type Level = Eventual<1_000>;
}

fn key(n: u64) -> String {
    (n % KEYS).to_string()
}

/// Keeps the thread busy, so that whoever is frozen has most likely read views that it has not written yet. When it goes on,
/// it sends its commit before it looks at its lease: only the fence in the commit can stop it.
fn take_time() {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}

impl On<Drop> for Gauge {
    fn on(&self, event: &Recorded<'_, Drop>, views: &mut Views<'_, Fallen>) {
        let Drop::Fell { n } = event.event();
        views.update(key(*n), |fallen| fallen.add(*n));
        views.update("all", |fallen| {
            take_time();
            fallen.add(*n);
        });
    }
}

/// Keeps the projection up until the process is killed.
pub(super) async fn keep_up((log, rows): Stores) {
    let kept = ReadSide::new(rows).follow(log).upkeep(Gauge).options(options()).start();
    until_alone().await;
    kept.stop().await;
}

/// Many small commits: many moments to be killed at.
pub(super) fn options() -> SubscriptionOptions {
    SubscriptionOptions {
        batch_events_max: 5,
        lease_time: LEASE_TIME,
        retry: RetryPolicy { delay_max: Duration::from_millis(50), ..RetryPolicy::default() },
        ..SubscriptionOptions::default()
    }
}

/// Reads the end of standard input: whoever started this is gone.
pub(super) async fn until_alone() {
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await;
}

/// Another process for this test. It is killed when this is dropped.
pub(super) struct Projector(Child);

impl Projector {
    /// Starts the test of this name once more, as a projector of what `place` names.
    pub(super) fn start(test: &str, variable: &str, place: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads", "1"]);
        command.env(variable, place).stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }

    pub(super) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(super) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl std::ops::Drop for Projector {
    fn drop(&mut self) {
        // SIGKILL, which nobody can refuse.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets so many drops fall, a commit each.
pub(super) async fn rain(log: &dyn EventStore, times: u64) {
    let stream = StreamId::new("rain", "1").unwrap();
    for _ in 0..times {
        let n = log.head().await.unwrap().get();
        let drop = event::encode(&Drop::Fell { n }, EventId::new(uuid::Uuid::now_v7())).unwrap();
        let commit = Commit::new().append(&stream, freehold::ExpectedVersion::Any, [drop]);
        log.commit(commit).await.unwrap();
    }
}

/// How far the projection is, and how often its lease was granted.
pub(super) async fn state((log, rows): &Stores) -> (Position, u64) {
    let state = rows.lease(&LeaseName::new("gauge").unwrap()).await.unwrap();
    (state.checkpoint(log.identity()), state.epoch.get())
}

/// Waits until what is asked holds; `false` if it does not within `time`.
pub(super) async fn within(time: Duration, mut holds: impl AsyncFnMut() -> bool) -> bool {
    let until = Instant::now() + time;
    while !holds().await {
        if Instant::now() >= until {
            return false;
        }
        sleep(Duration::from_millis(2)).await;
    }
    true
}

/// Waits until the projection is beyond `at`.
pub(super) async fn beyond(stores: &Stores, at: Position) {
    let moved = within(PATIENCE, async || state(stores).await.0 > at).await;
    assert!(moved, "nobody has moved the projection beyond {at}");
}

/// Sees that the views are the fold of the log, each event once.
pub(super) async fn is_right((log, rows): &Stores) {
    let reads = ReadSide::new(Arc::clone(rows)).follow(Arc::clone(log));
    let view = reads.view::<Gauge>();
    let page = view.page("", None, 100).want(Want::Head).within(PATIENCE).await.unwrap();
    let expected = expected(&**log, Position::new(u64::MAX)).await;
    let found = page.value.views.into_iter().map(|(key, view)| (key.as_str().to_owned(), view));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
}

/// The fold of the log up to a place, by other code than the crate's.
pub(super) async fn expected(log: &dyn EventStore, upto: Position) -> BTreeMap<String, Fallen> {
    let mut expected = BTreeMap::<String, Fallen>::new();
    let (mut after, mut more) = (Position::START, true);
    while more {
        let read = log.read_all(after, &Filter::all(), 1_000).await.unwrap();
        for record in read.events.iter().filter(|record| record.position() <= upto) {
            let Drop::Fell { n } = event::decode(record).unwrap();
            expected.entry(key(n)).or_default().add(n);
            expected.entry("all".into()).or_default().add(n);
        }
        (after, more) = (read.upto, read.has_more);
    }
    expected
}

/// The chance in a run, which can be had again.
pub(super) fn chance() -> fastrand::Rng {
    let seed = std::env::var("PROJECTOR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("PROJECTOR_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// A projector is killed at random moments while events keep coming, and every time another one goes on.
pub(super) async fn is_killed(stores: &Stores, start: impl Fn() -> Projector, kills: u64) {
    let mut chance = chance();
    let log = Arc::clone(&stores.0);
    for kill in 0..kills {
        let (at, _) = state(stores).await;
        let projector = start();
        let raining = tokio::spawn({
            let log = Arc::clone(&log);
            async move { rain(&*log, 40).await }
        });
        beyond(stores, at).await;
        // Beyond the first commit, at any moment of the next ones.
        sleep(Duration::from_micros(chance.u64(..20_000))).await;
        drop(projector);
        raining.await.unwrap();
        let (at, epoch) = state(stores).await;
        println!("kill {kill}: at {at} under epoch {epoch}");
    }
    let last = start();
    is_right(stores).await;
    drop(last);
}

/// One of two projectors is frozen for longer than its lease; the other takes over, and the first, when it goes on, writes
/// nothing of what it had begun.
pub(super) async fn is_frozen(stores: &Stores, start: impl Fn() -> Projector, rounds: u64) {
    let mut projectors = [start(), start()];
    for _ in 0..rounds {
        let (at, _) = state(stores).await;
        rain(&*stores.0, 60).await;
        // In the middle of the work.
        beyond(stores, at).await;
        // Somebody holds the lease by now, also in the first round.
        let frozen = freeze_holder(stores, &projectors).await;
        // The views are far beyond what the frozen one has read when it goes on.
        is_right(stores).await;
        frozen.thaw();
        // Both are awake, and believe what they believe.
        rain(&*stores.0, 60).await;
        is_right(stores).await;
    }
    // A kill of both, and one more.
    projectors = [start(), start()];
    rain(&*stores.0, 20).await;
    is_right(stores).await;
    drop(projectors);
}

/// Freezes the one of two that holds the lease, until the other has it. It is not known which of them holds it: one after the
/// other is frozen.
async fn freeze_holder<'p>(stores: &Stores, projectors: &'p [Projector; 2]) -> &'p Projector {
    let (_, before) = state(stores).await;
    let until = Instant::now() + PATIENCE;
    for projector in projectors.iter().cycle() {
        projector.freeze();
        rain(&*stores.0, 60).await;
        if within(LEASE_TIME * 4, async || state(stores).await.1 > before).await {
            return projector;
        }
        projector.thaw();
        assert!(Instant::now() < until, "nobody takes over from who is frozen");
    }
    unreachable!("a cycle does not end")
}
