//! A process that runs errands, and those who kill it, freeze it, and audit what it leaves: every saga is over, and every
//! effect is there once, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use freehold::saga::{SagaId, SagaOptions, SagaStore, Sagas, StartError};
use freehold::{
    Commit, EventId, EventName, ExpectedVersion, Filter, NewEvent, Position, RecordedEvent,
    StreamId,
};
use futures::future::join_all;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::errand::{Books, Desk, Errand, effects_of};
use super::projector::{LEASE_TIME, PATIENCE, Projector, chance, until_alone, within};

/// How many errands a process starts itself, and how many it is sent.
const OWN: u64 = 12;
const SENT: u64 = 12;

/// Where the logs of the sagas are, and the books of the participant.
#[derive(Clone)]
pub(super) struct Place {
    pub store: Arc<dyn SagaStore>,
    pub books: Arc<dyn Books>,
}

impl Place {
    fn sagas(&self) -> Sagas {
        let options = SagaOptions {
            lease_time: LEASE_TIME,
            adopt_after: LEASE_TIME,
            index_interval: Duration::from_millis(5),
            ..SagaOptions::default()
        };
        let errand = Errand(Desk::new(Arc::clone(&self.books)));
        let builder = Sagas::builder(Arc::clone(&self.store)).options(options);
        builder.saga(&errand).unwrap().build()
    }

    async fn head(&self) -> Position {
        self.store.head().await.unwrap()
    }

    /// Writes something that nobody cares about, into both databases.
    async fn probe(&self) {
        self.store.commit(one("probe", &fresh_key())).await.unwrap();
        assert!(self.books.act(PROBE).await.unwrap());
    }

    /// Starts errands from outside, as parts of somebody else's commits or by themselves.
    async fn send(&self, sent: &mut BTreeSet<SagaId>, chance: &mut fastrand::Rng) {
        let sagas = self.sagas();
        for n in 0..SENT {
            let (key, input) = (fresh_key(), chance.u64(..));
            let id = if n % 2 == 0 {
                sagas.start::<Errand>(&key, input).await.unwrap()
            } else {
                let starting = sagas.starting::<Errand>(&key, &input).unwrap();
                let id = starting.id().clone();
                let commit = one("asked", &key).and(starting.into_commit());
                self.store.commit(commit).await.unwrap();
                id
            };
            sent.insert(id);
        }
    }
}

const PROBE: &str = "probe";

fn fresh_key() -> String {
    Uuid::now_v7().simple().to_string()
}

/// One event that begins a stream.
fn one(category: &str, key: &str) -> Commit {
    let name = EventName::from_static("Happened").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::now_v7()), name, "{}");
    let stream = StreamId::new(category, key).unwrap();
    Commit::new().append(&stream, ExpectedVersion::NoStream, [event])
}

/// Runs errands until the process is killed.
pub(super) async fn work(place: Place) {
    let sagas = place.sagas();
    let running = sagas.run().unwrap();
    let own = async || sagas.start::<Errand>(&fresh_key(), fastrand::u64(..)).await;
    for started in join_all((0..OWN).map(|_| own())).await {
        started.unwrap();
    }
    start_shared(&sagas, &*place.books).await;
    until_alone().await;
    running.stop().await;
}

/// Starts what every process starts, perhaps at the same moment. What goes wrong is noted where the audit finds it.
async fn start_shared(sagas: &Sagas, books: &dyn Books) {
    let start = async |n: u64, input| sagas.start::<Errand>(&format!("shared-{n}"), input).await;
    for started in join_all((0..OWN).map(|n| start(n, n))).await {
        if started.is_err() {
            books.act("a start was refused").await.unwrap();
        }
    }
    if !matches!(start(0, OWN).await, Err(StartError::Changed(_))) {
        books.act("another input was not refused").await.unwrap();
    }
}

/// The logs of all sagas.
async fn logs(place: &Place) -> BTreeMap<SagaId, Vec<RecordedEvent>> {
    let filter = Filter::categories(["saga"]).unwrap();
    let (mut logs, mut after, mut more) = (BTreeMap::<_, Vec<_>>::new(), Position::START, true);
    while more {
        let page = place.store.read_all(after, &filter, 1_000).await.unwrap();
        (after, more) = (page.upto, page.has_more);
        for event in page.events {
            let (name, key) = event.stream().id().split_once('/').unwrap();
            logs.entry(SagaId::new(name, key).unwrap()).or_default().push(event);
        }
    }
    logs
}

/// Waits until every saga is over; `false` if one is not after that time.
async fn all_end(place: &Place, time: Duration) -> bool {
    let sagas = place.sagas();
    let ended = async {
        // Meanwhile others may begin.
        for _ in 0..2 {
            let ids: Vec<SagaId> = logs(place).await.into_keys().collect();
            join_all(ids.iter().map(|id| sagas.ended(id))).await;
        }
    };
    timeout(time, ended).await.is_ok()
}

/// Sees that everything is over, and there once or not at all. Answers how many were compensated, and taken over.
async fn audit(place: &Place, sent: &BTreeSet<SagaId>) -> (usize, usize, usize) {
    let logs = logs(place).await;
    assert!(sent.iter().all(|id| logs.contains_key(id)), "a start that was acknowledged is lost");
    let (mut expected, mut counts) = (vec![PROBE.to_owned()], (0, 0, 0));
    for (id, log) in &logs {
        let names: Vec<&str> = log.iter().map(|event| event.name().as_str()).collect();
        let is_end = |name: &&&str| matches!(**name, "Completed" | "Compensated" | "Abandoned");
        assert_eq!(names.iter().filter(is_end).count(), 1, "{id} ends not once: {names:?}");
        let said = log.iter().filter(|event| event.name().as_str() != "TakenOver");
        let once: BTreeSet<_> = said.clone().map(RecordedEvent::data).collect();
        assert_eq!(once.len(), said.count(), "{id} says something twice: {names:?}");
        counts.2 += names.iter().filter(|name| **name == "TakenOver").count();
        match names.last() {
            Some(&"Completed") => {
                expected.extend(effects_of(id.as_str()));
                counts.0 += 1;
            }
            Some(&"Compensated") => counts.1 += 1,
            other => panic!("{id} ends with {other:?}: {names:?}"),
        }
    }
    let mut effects = place.books.effects().await;
    effects.sort_unstable();
    expected.sort_unstable();
    assert_eq!(effects, expected, "effects that are missing, too many, or there twice");
    let filter = Filter::categories(["signed"]).unwrap();
    let signed = place.store.read_all(Position::START, &filter, usize::MAX).await.unwrap();
    assert_eq!(signed.events.len(), counts.0);
    counts
}

/// Waits until the log has grown by so much.
async fn grown(place: &Place, at: Position, by: u64) {
    let at = Position::new(at.get() + by);
    assert!(within(PATIENCE, async || place.head().await >= at).await, "nobody gets to {at}");
}

/// A process is killed at random moments while it runs sagas, and every time another one goes on.
pub(super) async fn is_killed(place: &Place, start: impl Fn() -> Projector, kills: u64) {
    let (mut chance, mut sent) = (chance(), BTreeSet::new());
    for kill in 0..kills {
        place.send(&mut sent, &mut chance).await;
        let at = place.head().await;
        let process = start();
        // However many are refused at once: those of its own are started, and all others end.
        grown(place, at, chance.u64(1..50)).await;
        // And then at any moment between two commits.
        sleep(Duration::from_micros(chance.u64(..3_000))).await;
        drop(process);
        println!("kill {kill}: at {}", place.head().await);
    }
    place.probe().await;
    let last = start();
    assert!(all_end(place, PATIENCE).await, "not all sagas end");
    let (completed, compensated, taken_over) = audit(place, &sent).await;
    println!("{completed} completed, {compensated} compensated, taken over {taken_over} times");
    assert!(completed > 0 && compensated > 0 && taken_over > 0);
    drop(last);
}

/// Freezes a process that holds no lock: with one, it would keep all others out, and not only from its sagas.
async fn freeze(place: &Place, process: &Projector, chance: &mut fastrand::Rng) {
    for _ in 0..20 {
        process.freeze();
        let probe = tokio::spawn({
            let place = place.clone();
            async move { place.probe().await }
        });
        let mut probed = std::pin::pin!(probe);
        if timeout(LEASE_TIME, &mut probed).await.is_ok() {
            return;
        }
        process.thaw();
        probed.await.unwrap();
        sleep(Duration::from_micros(chance.u64(..3_000))).await;
    }
    panic!("it always holds a lock");
}

/// One of two processes is frozen for longer than its lease; the other takes its sagas over, and the first, when it goes on,
/// does nothing any more that counts.
pub(super) async fn is_frozen(place: &Place, start: impl Fn() -> Projector, rounds: usize) {
    let (mut chance, mut sent) = (chance(), BTreeSet::new());
    place.probe().await;
    let processes = [start(), start()];
    let mut taken_over = 0;
    for round in 0..rounds {
        let at = place.head().await;
        place.send(&mut sent, &mut chance).await;
        // However many are refused at once: all are started, and end.
        grown(place, at, chance.u64(1..40)).await;
        // Both run sagas, and one of them holds the lease: one after the other is frozen.
        let frozen = &processes[round % 2];
        freeze(place, frozen, &mut chance).await;
        place.send(&mut sent, &mut chance).await;
        assert!(all_end(place, PATIENCE).await, "those of the frozen one do not end");
        taken_over = audit(place, &sent).await.2;
        frozen.thaw();
        place.send(&mut sent, &mut chance).await;
        assert!(all_end(place, PATIENCE).await, "not all sagas end");
        let (completed, compensated, _) = audit(place, &sent).await;
        println!("round {round}: {completed} completed, {compensated} compensated");
    }
    println!("taken over {taken_over} times");
    assert!(taken_over > 0, "nobody has ever taken over");
    drop(processes);
    audit(place, &sent).await;
}

/// How often a process is killed: `FREEHOLD_KILLS`, or a few times; many times if `FREEHOLD_HEAVY` is set.
pub(super) fn kills() -> u64 {
    let kills = std::env::var("FREEHOLD_KILLS").ok().and_then(|text| text.parse().ok());
    kills.unwrap_or_else(|| if is_heavy() { 100 } else { 6 })
}

pub(super) fn rounds() -> usize {
    if is_heavy() { 20 } else { 2 }
}

fn is_heavy() -> bool {
    std::env::var_os("FREEHOLD_HEAVY").is_some_and(|value| value != "0")
}
