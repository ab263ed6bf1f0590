//! A log on the paused clock, a sink that does as it is told, and what it has taken in.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use freehold::backend::memory::MemoryStore;
use freehold::consistency::Progress;
use freehold::subscription::{
    AfterRetries, Applied, Batch, Partition, Running, Sink, SinkError, Subscription,
    SubscriptionOptions,
};
use freehold::testkit::{Faults, Loss, async_trait};
use freehold::{
    Clock, Commit, EventId, EventName, EventStore, ExpectedVersion, Filter, LeaseName, Leases,
    LogId, NewEvent, Position, RecordedEvent, RowStore, Store, StreamId, Token,
};
use tokio::time::Instant;
use uuid::Uuid;

/// The time of day on tokio's clock: it stands still and jumps as that does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokioClock;

/// An instant that all clocks of this process count from.
static BASE: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);

impl Clock for TokioClock {
    fn now(&self) -> DateTime<Utc> {
        let (base, now) = (*BASE, Instant::now().into_std());
        let since = TimeDelta::from_std(now.saturating_duration_since(base)).unwrap();
        let before = TimeDelta::from_std(base.saturating_duration_since(now)).unwrap();
        DateTime::UNIX_EPOCH + TimeDelta::days(1) + since - before
    }
}

pub(crate) fn memory() -> MemoryStore {
    MemoryStore::builder().clock(TokioClock).build()
}

pub(crate) fn stream(name: &str) -> StreamId {
    let (category, id) = name.split_once('-').unwrap();
    StreamId::new(category, id).unwrap()
}

pub(crate) fn name(name: &str) -> LeaseName {
    LeaseName::new(name).unwrap()
}

/// Records one event in each of these streams, one after the other.
pub(crate) async fn record(store: &dyn Store, streams: &[&str]) -> Token {
    record_long(store, streams, 2).await
}

/// The same with payloads of so many bytes.
pub(crate) async fn record_long(store: &dyn Store, streams: &[&str], bytes: usize) -> Token {
    let mut token = None;
    for name in streams {
        let data = format!("\"{}\"", "x".repeat(bytes - 2));
        let id = EventId::new(Uuid::now_v7());
        let event = NewEvent::new(id, EventName::from_static("Noted").unwrap(), data);
        let commit = Commit::new().append(&stream(name), ExpectedVersion::Any, [event]);
        token = Some(store.commit(commit).await.unwrap().token());
    }
    token.unwrap()
}

/// What a sink has taken in of one batch.
type Part = (LogId, Vec<RecordedEvent>);

/// What a sink has taken in, batch by batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(Arc<Mutex<Vec<Part>>>);

impl Taken {
    fn add(&self, log: LogId, events: Vec<RecordedEvent>) {
        self.0.lock().unwrap().push((log, events));
    }

    /// The positions, in the order in which they were taken in.
    pub(crate) fn positions(&self) -> Vec<u64> {
        self.batches().concat()
    }

    pub(crate) fn batches(&self) -> Vec<Vec<u64>> {
        let position = |event: &RecordedEvent| event.position().get();
        let got = self.0.lock().unwrap();
        got.iter().map(|(_, events)| events.iter().map(position).collect()).collect()
    }

    pub(crate) fn of_log(&self, log: LogId) -> Vec<u64> {
        let got = self.0.lock().unwrap();
        let of_log = got.iter().filter(|(of, _)| *of == log).flat_map(|(_, events)| events);
        of_log.map(|event| event.position().get()).collect()
    }

    /// The positions of each stream.
    pub(crate) fn of_streams(&self) -> BTreeMap<String, Vec<u64>> {
        let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in self.0.lock().unwrap().iter().flat_map(|(_, events)| events) {
            let stream = event.stream().as_str().to_owned();
            streams.entry(stream).or_default().push(event.position().get());
        }
        streams
    }
}

type Rule = dyn Fn(&Batch<'_>) -> Result<Applied, SinkError> + Send + Sync;

/// Answers as its rule says, and notes what it has taken in by that.
pub(crate) struct Ledger {
    name: LeaseName,
    filter: Filter,
    got: Taken,
    own: Option<Position>,
    rule: Box<Rule>,
}

impl Ledger {
    /// One that takes everything in.
    pub(crate) fn new(name: &str, got: &Taken) -> Self {
        Self {
            name: LeaseName::new(name).unwrap(),
            filter: Filter::all(),
            got: got.clone(),
            own: None,
            rule: Box::new(|batch| Ok(Applied::UpTo(batch.upto()))),
        }
    }

    pub(crate) fn filter(mut self, category: &str) -> Self {
        self.filter = Filter::categories([category]).unwrap();
        self
    }

    /// Keeps its own checkpoint, and is there.
    pub(crate) fn stands_at(mut self, own: u64) -> Self {
        self.own = Some(Position::new(own));
        self
    }

    pub(crate) fn rule(
        mut self,
        rule: impl Fn(&Batch<'_>) -> Result<Applied, SinkError> + Send + Sync + 'static,
    ) -> Self {
        self.rule = Box::new(rule);
        self
    }

    /// Cannot take in the events that `is_bad` says.
    pub(crate) fn but_not(self, is_bad: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        self.rule(move |batch| match batch.events().iter().find(|e| is_bad(e.position().get())) {
            Some(bad) => Err(SinkError::event(bad.position(), "it is bad")),
            None => Ok(Applied::UpTo(batch.upto())),
        })
    }
}

#[async_trait]
impl Sink for Ledger {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn resume(&self, _: LogId, part: Partition) -> Result<Option<Position>, SinkError> {
        // Each part has come one further than the one before.
        Ok(self.own.map(|own| Position::new(own.get() + u64::from(part.index()))))
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let answer = (self.rule)(&batch)?;
        let upto = if let Applied::UpTo(at) = answer { at } else { batch.upto() };
        let got = batch.events().iter().filter(|event| event.position() <= upto);
        self.got.add(batch.log(), got.cloned().collect());
        Ok(answer)
    }
}

/// What tests use unless they are about it: trouble is over soon, and what has stopped stays so.
pub(crate) fn options() -> SubscriptionOptions {
    SubscriptionOptions { resume_interval: None, ..SubscriptionOptions::default() }
}

pub(crate) fn parking() -> SubscriptionOptions {
    SubscriptionOptions { after_retries: AfterRetries::Park, ..options() }
}

pub(crate) fn subscribe(sink: impl Sink, store: impl RowStore) -> Subscription {
    Subscription::new(sink, store).clock(TokioClock).seed(7).options(options())
}

/// `sink` on the events of `store`.
pub(crate) fn start<S: RowStore + EventStore + Clone>(
    sink: impl Sink,
    store: &S,
    options: SubscriptionOptions,
) -> Running {
    subscribe(sink, store.clone()).follow(store.clone()).options(options).start()
}

/// A process: nothing in it happens but while it is driven. It has a paused clock of its own.
pub(crate) fn process() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Waits for a place, but not for ever.
pub(crate) async fn reach(progress: &Progress, token: Token) {
    let wait = tokio::time::timeout(Duration::from_hours(1), progress.wait_for(token));
    wait.await.expect("it is stuck").unwrap();
}

/// Loses each call of a run in turn, and then each answer, until a run has fewer calls; it has some more than `calls_min`. A run is told
/// which call that is, is given the fault and its name, and says how many calls it took.
pub(crate) async fn at_every_call(calls_min: u64, run: impl AsyncFn(u64, Faults, &str) -> u64) {
    for loss in [Loss::Call, Loss::Answer] {
        let mut n = 1;
        let faults = |n| Faults::seeded(0).fail_nth(n, loss);
        while run(n, faults(n), &format!("{loss:?} of call {n} is lost")).await >= n {
            n += 1;
        }
        assert!(n > calls_min, "only {n} calls");
    }
}

/// Lets the time pass until `is_so`, in steps of a millisecond.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_hours(1);
    while !is_so().await {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The checkpoint of a job in the log of its own store.
pub(crate) async fn checkpoint<S: Leases>(store: &S, job: &str) -> u64 {
    let state = store.lease(&name(job)).await.unwrap();
    state.checkpoint(store.identity()).get()
}
