//! What cannot be written down as it is: nothing is tried for ever, and an operator is told what it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use freehold::backend::memory::MemoryStore;
use freehold::retry::RetryPolicy;
use freehold::saga::{
    Again, Before, By, Definition, Do, Effect, Ended, Failure, Found, GivenUp, Key, Local,
    LocalStep, NoPivot, Policy, Resolution, Resolve, RunningSagas, Saga, SagaId, SagaStore, Sagas,
    Step, Undo,
};
use freehold::{
    Commit, EventId, EventName, EventStore, ExpectedVersion, InboxKey, NewEvent, ReadFrom,
    StreamId, StreamVersion,
};
use tokio::time::timeout;
use uuid::Uuid;

use super::exact::PATIENCE;
use super::places::everywhere;

/// More than an event may hold.
const TOO_MUCH: usize = 2 << 20;

/// How somebody goes on and on.
#[derive(Clone, Copy)]
enum Speech {
    Answers,
    Refuses,
    Complains,
}

struct Speaks(Speech);

impl Step for Speaks {
    const NAME: &'static str = "speaks";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = ();
    type Out = String;
    type Refusal = String;

    async fn run(&self, _: &Key<Do>, (): &()) -> Result<String, Failure<String>> {
        let much = "ä".repeat(TOO_MUCH / 2);
        match self.0 {
            Speech::Answers => Ok(much),
            Speech::Refuses => Err(Failure::Rejected(much)),
            Speech::Complains => Err(Failure::broken(&*much)),
        }
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        (): &(),
        _: Effect<String>,
    ) -> Result<(), Again> {
        Ok(())
    }
}

struct Speaker(Speech);

impl Saga for Speaker {
    const NAME: &'static str = "speaker";
    type Input = ();
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<()>) -> Definition<(), NoPivot> {
        steps.step(Speaks(self.0), (), |(), ()| ());
        steps.build()
    }
}

/// What is to be committed, by how often it was decided before; nothing if that is not known now.
type Decides = fn(&Key<Do>, u32) -> Option<Commit>;

/// Writes into the log that holds the sagas.
struct Writes {
    commit: Decides,
    times: AtomicU32,
}

impl LocalStep for Writes {
    const NAME: &'static str = "writes";
    type In = ();
    type Out = ();
    type Refusal = ();

    async fn run(&self, key: &Key<Do>, (): &()) -> Result<Local<()>, Failure<()>> {
        let nth = self.times.fetch_add(1, Ordering::SeqCst);
        let commit = (self.commit)(key, nth).ok_or_else(|| Failure::transient("not now"))?;
        Ok(Local::new((), commit))
    }

    async fn compensate(&self, _: &Key<Undo>, (): &(), (): ()) -> Result<Commit, Again> {
        Ok(Commit::new())
    }

    // It may fail once.
    fn policy(&self) -> Policy {
        let retry = RetryPolicy { retries_max: 1, ..RetryPolicy::default() };
        Policy { retry, ..Policy::default() }
    }
}

/// Three of them, beside each other: while the first is being written down, the others wait to be.
struct Writer(Decides);

impl Saga for Writer {
    const NAME: &'static str = "writer";
    type Input = ();
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<()>) -> Definition<(), NoPivot> {
        let writes = || Writes { commit: self.0, times: AtomicU32::new(0) };
        steps.local_step(writes(), (), |(), ()| ());
        for name in ["writes_too", "writes_as_well"] {
            steps.beside().named(name).local_step(writes(), (), |(), ()| ());
        }
        steps.build()
    }
}

fn shared() -> StreamId {
    StreamId::new("note", "shared").unwrap()
}

fn note(expected: ExpectedVersion) -> Commit {
    let name = EventName::new("Noted").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::now_v7()), name, "{}");
    Commit::new().append(&shared(), expected, [event])
}

async fn started<S: Saga<Input = ()>>(saga: S) -> (MemoryStore, Sagas, RunningSagas, SagaId) {
    let store = MemoryStore::new();
    let (sagas, running, id) = started_on(store.clone(), saga).await;
    (store, sagas, running, id)
}

async fn started_on<S: Saga<Input = ()>>(
    store: impl SagaStore,
    saga: S,
) -> (Sagas, RunningSagas, SagaId) {
    let sagas = Sagas::builder(store).saga(&saga).unwrap().build();
    let running = sagas.run().unwrap();
    let id = sagas.start::<S>("1", ()).await.unwrap();
    (sagas, running, id)
}

/// Why it waits for an operator.
async fn waits(sagas: &Sagas, id: &SagaId) -> String {
    match timeout(PATIENCE, sagas.rested(id)).await.expect("it rests").unwrap() {
        Found::Open(saga) => saga.why.unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn ended(sagas: &Sagas, id: &SagaId) -> Ended {
    timeout(PATIENCE, sagas.ended(id)).await.expect("it ends").unwrap()
}

#[tokio::test]
async fn an_answer_that_is_too_long_waits_for_an_operator_who_shortens_it() {
    let (_store, sagas, _running, id) = started(Speaker(Speech::Answers)).await;
    let why = waits(&sagas, &id).await;
    assert!(why.starts_with("`speaks`: what came of it cannot be written down: "), "{why}");
    let short = Resolution::Happened("\"ä\"".to_owned());
    sagas.resolve(&id, "speaks", short, By::new("ann", "shortened")).await.unwrap();
    assert_eq!(ended(&sagas, &id).await, Ended::Completed);
}

#[tokio::test]
async fn a_refusal_that_is_too_long_gives_the_saga_up_all_the_same() {
    let (store, sagas, _running, id) = started(Speaker(Speech::Refuses)).await;
    assert_eq!(ended(&sagas, &id).await, Ended::Compensated);
    let given_up = GivenUp::of(&store, &id).await.unwrap();
    let Some(GivenUp::Refused { step, why }) = given_up else { panic!("{given_up:?}") };
    assert_eq!(step, "speaks");
    assert!(why.contains("bytes that cannot be written down"), "{why}");
}

#[tokio::test]
async fn of_a_complaint_that_is_too_long_the_beginning_is_kept() {
    let (_store, sagas, _running, id) = started(Speaker(Speech::Complains)).await;
    let why = waits(&sagas, &id).await;
    assert!(why.starts_with("`speaks`: ää") && why.len() < 10_000, "{} bytes", why.len());
}

#[tokio::test]
async fn commits_that_cannot_be_one_are_written_one_after_the_other() {
    everywhere(async |store| {
        // No stream may occur twice in a commit.
        let writer = Writer(|_, _| Some(note(ExpectedVersion::Any)));
        let (sagas, _running, id) = started_on(Arc::clone(&store), writer).await;
        assert_eq!(ended(&sagas, &id).await, Ended::Completed);
        let from = ReadFrom::After(StreamVersion::NONE);
        assert_eq!(store.read_stream(&shared(), from, 9).await.unwrap().events.len(), 3);
    })
    .await;
}

/// Nothing is wrong with a step that has decided on what others have changed meanwhile.
#[tokio::test(start_paused = true)]
async fn a_commit_that_does_not_fit_is_none_of_the_times_that_a_step_may_be_tried() {
    let own = |key: &Key<Do>, nth: u32| {
        let version = match nth {
            0..5 => 7,
            5 => return None,
            _ => 0,
        };
        let expected = ExpectedVersion::from(StreamVersion::new(version));
        let name = EventName::new("Noted").unwrap();
        let stream = StreamId::new("note", key.as_uuid().simple().to_string()).unwrap();
        let event = NewEvent::new(EventId::new(Uuid::now_v7()), name, "{}");
        Some(Commit::new().append(&stream, expected, [event]))
    };
    let (_store, sagas, _running, id) = started(Writer(own)).await;
    assert_eq!(ended(&sagas, &id).await, Ended::Completed);
}

#[tokio::test]
async fn a_commit_that_handles_a_message_waits_for_an_operator() {
    let handles = |_: &Key<Do>, _: u32| {
        Some(Commit::new().inbox(InboxKey::new("consumer", "message").unwrap()))
    };
    let (_store, sagas, _running, id) = started(Writer(handles)).await;
    let why = waits(&sagas, &id).await;
    assert!(why.contains("handles a message"), "{why}");
}
