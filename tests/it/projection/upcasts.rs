//! For any chain of steps, what is read of old and new events is the fold of what they become by hand.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;

use freehold::aggregate::{Options, SnapshotPolicy, Snapshotted};
use freehold::backend::sqlite::SqliteStore;
use freehold::event::{self, Upcasts};
use freehold::projection::{Eventual, On, Projection, Recorded, Strong, Views};
use freehold::subscription::SubscriptionOptions;
use freehold::{
    Aggregate, Commit, Event, EventId, EventName, EventStore, ExpectedVersion, Filter, NewEvent,
    Position, Repository, RowStore, StreamId, Token,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde::{Deserialize, Serialize};

use super::fixture::{all, reads};
use crate::subscription::fixture::{checkpoint, memory, options, process, reach};

/// Today's events, and a name that is only read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Note {
    #[serde(alias = "Put")]
    Added(Form),
    Taken(Form),
    Emptied,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Form {
    n: i64,
}

std::thread_local! {
    /// The chain that the test on this thread is about.
    static CHAIN: Cell<&'static Upcasts<Note>> = const { Cell::new(Upcasts::none()) };
}

impl Event for Note {
    const CATEGORY: &'static str = "note";

    fn upcasts() -> &'static Upcasts<Self> {
        CHAIN.get()
    }
}

const OLD: [&str; 6] = ["O0", "O1", "O2", "O3", "O4", "O5"];
const TODAY: [&str; 4] = ["Added", "Put", "Taken", "Emptied"];

/// Into which events of before another one can be split.
#[derive(Serialize, Deserialize)]
enum Lowest {
    O0(Form),
    O1(Form),
}

/// What a step does, as data: numbers choose among the names that there are.
#[derive(Clone, Debug)]
enum Plan {
    Rename(usize),
    Reshape(usize, i64),
    Replace(bool, i64),
    Split(Vec<Option<i64>>),
    SplitAgain(Vec<(bool, i64)>),
    Drop,
}

fn plan() -> impl Strategy<Value = Plan> {
    let n = -9_i64..10;
    prop_oneof![
        3 => any::<usize>().prop_map(Plan::Rename),
        3 => (any::<usize>(), n.clone()).prop_map(|(to, n)| Plan::Reshape(to, n)),
        1 => (any::<bool>(), n.clone()).prop_map(|(is_added, n)| Plan::Replace(is_added, n)),
        1 => vec(prop::option::of(n.clone()), 0..4).prop_map(Plan::Split),
        2 => vec((any::<bool>(), n), 0..4).prop_map(Plan::SplitAgain),
        1 => Just(Plan::Drop),
    ]
}

/// A step leads to an earlier one of the old names, or to today's that hold the same.
fn target(from: usize, to: usize) -> &'static str {
    let names = OLD.iter().take(from).chain(&TODAY[..3]);
    names.cycle().nth(to % 60).unwrap()
}

fn note(n: Option<i64>, form: &Form) -> Note {
    n.map_or(Note::Emptied, |n| Note::Taken(Form { n: form.n - n }))
}

/// The steps in an order of their own, built by the crate.
fn chain(plans: &[Plan], turn: usize) -> &'static Upcasts<Note> {
    let mut order: Vec<usize> = (0..plans.len()).collect();
    order.rotate_left(turn % plans.len());
    let mut steps = Upcasts::builder();
    for at in order {
        let from = OLD[at];
        steps = match plans[at].clone() {
            Plan::Rename(to) => steps.rename(from, target(at, to)),
            Plan::Reshape(to, by) => {
                steps.reshape(from, target(at, to), move |old: Form| Ok(Form { n: old.n * by }))
            }
            Plan::Replace(true, by) => {
                steps.replace(from, move |old: Form| Ok(Note::Added(Form { n: old.n + by })))
            }
            Plan::Replace(false, by) => {
                steps.replace(from, move |old: Form| Ok(note(Some(by), &old)))
            }
            Plan::SplitAgain(parts) if at >= 2 => steps.split(from, move |old: Form| {
                let part = move |(is_first, by): (bool, i64)| {
                    let form = Form { n: old.n + by };
                    if is_first { Lowest::O0(form) } else { Lowest::O1(form) }
                };
                Ok(parts.clone().into_iter().map(part))
            }),
            Plan::SplitAgain(_) => steps.drop(from, "the lowest cannot go further down"),
            Plan::Split(parts) => steps.split(from, move |old: Form| {
                Ok(parts.iter().map(|n| note(*n, &old)).collect::<Vec<_>>())
            }),
            Plan::Drop => steps.drop(from, "the test says so"),
        };
    }
    // There are some hundred, for the life of the test.
    Box::leak(Box::new(steps.build()))
}

/// The same by hand.
fn by_hand(plans: &[Plan], name: &str, n: i64, notes: &mut Vec<Note>) {
    let Some(at) = OLD.iter().position(|old| *old == name) else {
        notes.push(match name {
            "Added" | "Put" => Note::Added(Form { n }),
            "Taken" => Note::Taken(Form { n }),
            _ => Note::Emptied,
        });
        return;
    };
    match &plans[at] {
        Plan::Rename(to) => by_hand(plans, target(at, *to), n, notes),
        Plan::Reshape(to, by) => by_hand(plans, target(at, *to), n * by, notes),
        Plan::Replace(true, by) => notes.push(Note::Added(Form { n: n + by })),
        Plan::Replace(false, by) => notes.push(Note::Taken(Form { n: n - by })),
        Plan::SplitAgain(parts) if at >= 2 => {
            for (is_first, by) in parts {
                by_hand(plans, if *is_first { "O0" } else { "O1" }, n + by, notes);
            }
        }
        Plan::Split(parts) => notes.extend(parts.iter().map(|by| match by {
            Some(by) => Note::Taken(Form { n: n - by }),
            None => Note::Emptied,
        })),
        Plan::SplitAgain(_) | Plan::Drop => {}
    }
}

/// All that was heard in a stream, with the positions of the records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Heard(Vec<(u64, Note)>);

macro_rules! heard {
    ($projection:ident, $level:ty) => {
        struct $projection;

        impl Projection for $projection {
            const NAME: &'static str = "heard";
            type View = Heard;
            type Events = Note;
            type Level = $level;
        }

        impl On<Note> for $projection {
            fn on(&self, event: &Recorded<'_, Note>, views: &mut Views<'_, Heard>) {
                let at = event.record().position().get();
                views.update(event.id(), |heard| heard.0.push((at, event.event().clone())));
            }
        }
    };
}

heard!(Hears, Eventual<5_000>);
heard!(HearsAtOnce, Strong);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Book(Vec<Note>);

impl Aggregate for Book {
    type Event = Note;

    fn apply(&mut self, note: &Note) {
        self.0.push(note.clone());
    }
}

impl Snapshotted for Book {
    const STATE_VERSION: u32 = 1;
}

/// An event of some program in one of three streams.
type Told = (usize, usize, i64);

fn name_of((_, name, _): Told) -> &'static str {
    OLD.iter().chain(&TODAY).nth(name).unwrap()
}

async fn tell(store: &impl EventStore, told: Told) -> Token {
    let (stream, _, n) = told;
    let (name, id) = (EventName::new(name_of(told)).unwrap(), EventId::new(uuid::Uuid::now_v7()));
    let event = NewEvent::new(id, name, format!(r#"{{"n":{n}}}"#));
    let stream = StreamId::new("note", stream.to_string()).unwrap();
    let commit = Commit::new().append(&stream, ExpectedVersion::Any, [event]);
    store.commit(commit).await.unwrap().token()
}

fn expect<T: PartialEq + Debug>(what: &str, got: &T, wanted: &T) -> Result<(), TestCaseError> {
    prop_assert_eq!(got, wanted, "{}", what);
    Ok(())
}

/// Tells a log, and compares all who read it with what becomes of it by hand.
async fn compare<S: EventStore + RowStore + Clone>(
    store: S,
    plans: &[Plan],
    log: &[Told],
) -> Result<(), TestCaseError> {
    let (mut books, mut views) = (BTreeMap::<_, (u64, Book)>::new(), BTreeMap::new());
    let mut last = None;
    for told in log {
        let token = tell(&store, *told).await;
        let mut notes = Vec::new();
        by_hand(plans, name_of(*told), told.2, &mut notes);
        let (version, book) = books.entry(told.0.to_string()).or_default();
        *version += 1;
        book.0.extend(notes.iter().cloned());
        let at = token.position().get();
        for note in notes {
            let heard: &mut Heard = views.entry(told.0.to_string()).or_default();
            heard.0.push((at, note));
        }
        last = Some(token);
    }
    let options_of = Options { cached_states_max: 0, ..Options::default() };
    let policy = SnapshotPolicy { every_events: 2, ..SnapshotPolicy::default() };
    for repository in [
        Repository::<Book>::new(store.clone()),
        Repository::with_snapshots(store.clone(), options_of.clone(), policy),
        // By the states that the one before has stored.
        Repository::with_snapshots(store.clone(), options_of, policy),
    ] {
        for (id, wanted) in &books {
            let loaded = repository.load(id).await.unwrap();
            expect("aggregate", &(loaded.version().get(), loaded.into_state()), wanted)?;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    let page = store.read_all(Position::START, &Filter::all(), 1_000).await.unwrap();
    let read = page.events.iter().flat_map(|record| {
        let at = record.position().get();
        event::decode_all::<Note>(record).unwrap().map(move |note| (at, note))
    });
    let mut heard: Vec<(u64, Note)> = views.values().flat_map(|heard| heard.0.clone()).collect();
    heard.sort_by_key(|(at, _)| *at);
    expect("reader", &read.collect::<Vec<_>>(), &heard)?;

    let few = SubscriptionOptions { batch_events_max: 3, ..options() };
    let running = reads(&store).upkeep(Hears).options(few).start();
    if let Some(token) = last {
        reach(running.live().await.unwrap().progress(), token).await;
        expect("checkpoint", &checkpoint(&store, "heard").await, &token.position().get())?;
    }
    running.stop().await;
    expect("projection", &all(&reads(&store).view::<Hears>()).await, &views)
}

fn cases() -> impl Strategy<Value = (Vec<Plan>, usize, Vec<Told>)> {
    let told = (0..3_usize, 0..OLD.len() + TODAY.len(), -99_i64..100);
    (vec(plan(), OLD.len()), 0..OLD.len(), vec(told, 1..25))
}

/// So that no case can pass for being about nothing: what a log of each kind of event becomes.
#[test]
fn reading_old_and_new_events_is_folding_what_they_become_by_hand() {
    let (runtime, became) = (process(), Cell::new([0_u32; 3]));
    TestRunner::new(Config::with_cases(200))
        .run(&cases(), |(plans, turn, log)| {
            let chain = chain(&plans, turn);
            prop_assert_eq!(chain.flaw(), None);
            CHAIN.set(chain);
            for told in &log {
                let mut notes = Vec::new();
                by_hand(&plans, name_of(*told), told.2, &mut notes);
                let mut counts = became.get();
                counts[notes.len().min(2)] += 1;
                became.set(counts);
            }
            runtime.block_on(compare(memory(), &plans, &log))
        })
        .unwrap();
    assert!(became.get().iter().all(|count| *count > 50), "{:?}", became.get());
}

#[test]
fn a_file_of_old_and_new_events_is_read_as_what_they_become_by_hand() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    TestRunner::new(Config::with_cases(12))
        .run(&cases(), |(plans, turn, log)| {
            CHAIN.set(chain(&plans, turn));
            let folder = tempfile::tempdir().unwrap();
            runtime.block_on(async {
                let store = SqliteStore::open(folder.path().join("notes.db")).await.unwrap();
                compare(store, &plans, &log).await
            })
        })
        .unwrap();
}

/// It is folded within the append, by the thread that writes.
#[tokio::test]
async fn a_strong_projection_folds_old_events_that_somebody_still_writes() {
    let steps = Upcasts::builder()
        .rename("O1", "O0")
        .split("O0", |old: Form| Ok([Note::Added(old), Note::Emptied]))
        .drop("O2", "the test says so");
    CHAIN.set(Box::leak(Box::new(steps.build())));
    let store = memory();
    tell(&store, (1, 0, 7)).await;
    let view = reads(&store).inline(HearsAtOnce, store.clone()).await.unwrap();
    tell(&store, (1, 2, 8)).await;
    tell(&store, (1, 1, 9)).await;
    let added = |n| Note::Added(Form { n });
    let heard = vec![(1, added(7)), (1, Note::Emptied), (3, added(9)), (3, Note::Emptied)];
    assert_eq!(all(&view).await, BTreeMap::from([("1".to_owned(), Heard(heard))]));
}

/// A job whose events all mean nothing is not behind.
#[tokio::test(start_paused = true)]
async fn what_is_dropped_moves_the_checkpoint() {
    let steps = Upcasts::builder().drop("O0", "the test says so");
    CHAIN.set(Box::leak(Box::new(steps.build())));
    let store = memory();
    for n in 0..5 {
        tell(&store, (0, 0, n)).await;
    }
    let token = tell(&store, (1, 0, 5)).await;
    let running = reads(&store).upkeep(Hears).options(options()).start();
    reach(running.live().await.unwrap().progress(), token).await;
    assert_eq!(checkpoint(&store, "heard").await, 6);
    running.stop().await;
    assert_eq!(all(&reads(&store).view::<Hears>()).await, BTreeMap::new());
}
