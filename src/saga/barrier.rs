//! The barrier of a participant: what makes its actions and compensations safe to repeat, and to come late or out of order.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::{Do, Key};
use super::json::{Json, Out};
use super::outcome::{Again, BoxError, Failure};
use super::step::{Local, Payload};
use crate::event::{self, Event, EventError};
use crate::ports::{BackendError, CommitError, EventStore, Ids, SystemIds};
use crate::retry::RetryPolicy;
use crate::types::{
    Commit, EventId, InvalidStreamId, ReadFrom, RecordedEvent, StreamId, StreamVersion,
};

/// The category of the streams that hold, for each action, whether it has happened.
const CATEGORY: &str = "saga_barrier";
/// The longest key that is the id of a stream as it is.
const KEY_BYTES_MAX: usize = 190;

/// What is written down of an action.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Mark {
    /// It has happened, and this was the answer.
    Acted(Out),
    /// It is taken back.
    Undone,
    /// Its compensation came first: it does not happen any more.
    Barred,
}

impl Event for Mark {
    const CATEGORY: &'static str = CATEGORY;
}

/// Lets each action of a saga happen once in a participant's own store, and never after its compensation.
///
/// The mark that an action has happened, with its answer, is part of the commit in which it happens. So an action that is called
/// again is answered as the first time, and does nothing; a compensation knows whether there is anything to take back; and one
/// that comes before its action bars it. A step whose participant keeps a barrier declares
/// [`Resolve::Tombstone`](super::Resolve::Tombstone).
///
/// ```
/// use freehold::backend::memory::MemoryStore;
/// use freehold::saga::{Barrier, Do, Failure, Key, Local};
/// use freehold::{Commit, ExpectedVersion, StreamId};
/// # use freehold::{EventId, EventName, NewEvent};
/// # fn event(name: &'static str) -> NewEvent {
/// #     NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::from_static(name).unwrap(), "{}")
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let store = MemoryStore::new();
/// let barrier = Barrier::new(store);
/// let stock = StreamId::new("stock", "85123A")?;
///
/// // The service that holds the stock is asked to reserve, under the key of a saga's step.
/// let key = Key::<Do>::received("fulfilment/17:reserve:0:do")?;
/// let reserve = || async {
///     let commit = Commit::new().append(&stock, ExpectedVersion::Any, [event("Reserved")]);
///     Ok::<_, Failure<String>>(Local::new("shelf 7".to_owned(), commit))
/// };
/// let shelf = barrier.act(&key, &6, reserve).await.unwrap();
/// let again = barrier.act(&key, &6, reserve).await.unwrap();
/// assert_eq!((&*shelf, &*again), ("shelf 7", "shelf 7"));
///
/// let release = |_: String| async {
///     Ok(Commit::new().append(&stock, ExpectedVersion::Any, [event("Released")]))
/// };
/// barrier.undo(&key, release).await.unwrap();
/// assert!(barrier.act(&key, &6, reserve).await.is_err());
/// # Ok(())
/// # }
/// ```
///
/// Who writes tables of its own asks [`enter`](Barrier::enter) or [`leave`](Barrier::leave), and puts the [`Pass`] into its own
/// transaction, by the backend's `commit_in`.
#[derive(Clone)]
pub struct Barrier {
    store: Arc<dyn EventStore>,
    ids: Arc<dyn Ids>,
}

/// What is known of an action that is called.
#[derive(Debug)]
#[non_exhaustive]
pub enum Entered<T> {
    /// It was never called, or nothing came of it: it is to happen, in one commit with the pass.
    First(Pass),
    /// It has happened, and this was the answer.
    Before(T),
    /// Its compensation has come: it must not happen any more.
    Barred,
}

/// What is known of an action that is to be taken back.
#[derive(Debug)]
#[non_exhaustive]
pub enum Leaving<T> {
    /// It has happened, and this was the answer: it is to be taken back, in one commit with the pass.
    Happened(T, Pass),
    /// It has not happened, and when the pass is committed it never will.
    Never(Pass),
    /// It is taken back or barred already.
    Already,
}

/// What lets one through the barrier once: the mark of an action or a compensation, to be committed with what it does.
///
/// If the mark does not fit any more when it is committed, since another call of the same step was faster, the commit meets a
/// conflict, and nothing happens.
#[derive(Debug)]
#[must_use = "a pass that is not committed lets everybody through again"]
pub struct Pass {
    stream: StreamId,
    version: StreamVersion,
    mark: Option<Mark>,
    /// The digest of what the action was given.
    of: u64,
    id: EventId,
}

/// Why a barrier could not say anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// The key was used before, with another input.
    #[error("the key `{0}` was used before with another input")]
    Changed(String),
    /// What goes in or came out is no JSON, or not of the type that is asked for.
    #[error("an input or an answer is not as it should be")]
    Json(#[from] serde_json::Error),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] BackendError),
    /// What the store holds is no barrier.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The key is malformed.
    #[error(transparent)]
    Key(#[from] InvalidStreamId),
}

impl Pass {
    /// The mark of an action that gives `out` back, as a part of the commit in which it happens. Of a compensation, `out` does
    /// not matter: `&()`.
    ///
    /// # Errors
    /// [`BarrierError::Json`] if `out` is no JSON.
    pub fn commit(self, out: &impl Serialize) -> Result<Commit, BarrierError> {
        let Self { stream, version, mark, of, id } = self;
        let mark = match mark {
            Some(mark) => mark,
            None => Mark::Acted(Out { of, json: Json::of(out)? }),
        };
        // Of two calls with the same pass the store takes one, by the version.
        let event = event::encode(&mark, id)?;
        Ok(Commit::new().append(&stream, version, [event]))
    }
}

impl Barrier {
    /// A barrier in the store in which the participant's actions happen.
    pub fn new(store: impl EventStore) -> Self {
        Self { store: Arc::new(store), ids: Arc::new(SystemIds) }
    }

    /// Draws the ids of the marks elsewhere.
    #[must_use]
    pub fn ids(mut self, ids: impl Ids) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Whether an action has happened that is called with `input`.
    ///
    /// # Errors
    /// [`BarrierError`]; [`BarrierError::Changed`] if it was called before with another input.
    pub async fn enter<T: Payload>(
        &self,
        key: &Key<Do>,
        input: &impl Serialize,
    ) -> Result<Entered<T>, BarrierError> {
        let of = Json::of(input)?.digest();
        let (stream, marks) = self.marks(key).await?;
        let version = StreamVersion::new(marks.len() as u64);
        let id = EventId::new(self.ids.draw());
        match marks.as_slice() {
            [] => Ok(Entered::First(Pass { stream, version, mark: None, of, id })),
            [Mark::Acted(out)] if out.of == of => Ok(Entered::Before(out.json.read()?)),
            [Mark::Acted(_)] => Err(BarrierError::Changed(key.as_str().to_owned())),
            _ => Ok(Entered::Barred),
        }
    }

    /// Whether there is anything to take back of an action.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn leave<T: Payload>(&self, action: &Key<Do>) -> Result<Leaving<T>, BarrierError> {
        let (stream, marks) = self.marks(action).await?;
        let version = StreamVersion::new(marks.len() as u64);
        let id = EventId::new(self.ids.draw());
        let pass = |mark| Pass { stream, version, mark: Some(mark), of: 0, id };
        match marks.as_slice() {
            [] => Ok(Leaving::Never(pass(Mark::Barred))),
            [Mark::Acted(out)] => Ok(Leaving::Happened(out.json.read()?, pass(Mark::Undone))),
            _ => Ok(Leaving::Already),
        }
    }

    /// Has an action happen once: what `decide` says is committed with the mark. When the action is called again, `decide` is not
    /// asked, and the answer is the first one. What is refused leaves no mark, and may be asked again. After a conflict `decide` is
    /// asked again.
    ///
    /// # Errors
    /// What `decide` says; [`Failure::Unknown`] if it is not known whether it was committed; [`Failure::Broken`] if the input is
    /// not what it was, or if the action is barred.
    pub async fn act<T, R, F>(
        &self,
        key: &Key<Do>,
        input: &impl Serialize,
        decide: impl Fn() -> F,
    ) -> Result<T, Failure<R>>
    where
        T: Payload,
        F: Future<Output = Result<Local<T>, Failure<R>>>,
    {
        let mut backoff = RetryPolicy::default().begin(0);
        loop {
            let pass = match self.enter::<T>(key, input).await {
                Ok(Entered::First(pass)) => pass,
                Ok(Entered::Before(out)) => return Ok(out),
                Ok(Entered::Barred) => {
                    return Err(Failure::broken("its compensation has come before it"));
                }
                Err(BarrierError::Read(error)) => return Err(Failure::transient(error)),
                Err(error) => return Err(Failure::broken(error)),
            };
            let Local { out, commit } = decide().await?;
            let mark = pass.commit(&out).map_err(Failure::broken)?;
            match committed(&*self.store, commit.and(mark)).await {
                Committed::Done => return Ok(out),
                Committed::Conflict(error) => {
                    if !backoff.wait().await {
                        return Err(Failure::Transient(error));
                    }
                }
                Committed::Failed(error) => return Err(Failure::Transient(error)),
                Committed::Unknown(error) => return Err(Failure::Unknown(error)),
                Committed::Never(error) => return Err(Failure::Broken(error)),
            }
        }
    }

    /// Takes an action back once: if it has happened, what `take_back` says is committed with the mark. If it has not, it never
    /// will.
    ///
    /// # Errors
    /// What `take_back` says; [`Again::Unknown`] if it is not known whether it was committed.
    pub async fn undo<T, F>(
        &self,
        action: &Key<Do>,
        take_back: impl Fn(T) -> F,
    ) -> Result<(), Again>
    where
        T: Payload,
        F: Future<Output = Result<Commit, Again>>,
    {
        let mut backoff = RetryPolicy::default().begin(0);
        loop {
            let (commit, pass) = match self.leave::<T>(action).await {
                Ok(Leaving::Happened(out, pass)) => (take_back(out).await?, pass),
                Ok(Leaving::Never(pass)) => (Commit::new(), pass),
                Ok(Leaving::Already) => return Ok(()),
                Err(BarrierError::Read(error)) => return Err(Again::transient(error)),
                Err(error) => return Err(Again::broken(error)),
            };
            let mark = pass.commit(&()).map_err(Again::broken)?;
            match committed(&*self.store, commit.and(mark)).await {
                Committed::Done => return Ok(()),
                Committed::Conflict(error) => {
                    if !backoff.wait().await {
                        return Err(Again::Transient(error));
                    }
                }
                Committed::Failed(error) => return Err(Again::Transient(error)),
                Committed::Unknown(error) => return Err(Again::Unknown(error)),
                Committed::Never(error) => return Err(Again::Broken(error)),
            }
        }
    }

    async fn marks(&self, key: &Key<Do>) -> Result<(StreamId, Vec<Mark>), BarrierError> {
        let text = key.as_str();
        let stream = if text.len() <= KEY_BYTES_MAX {
            StreamId::new(CATEGORY, text)?
        } else {
            StreamId::new(CATEGORY, key.as_uuid().to_string())?
        };
        let from = ReadFrom::After(StreamVersion::NONE);
        let page = self.store.read_stream(&stream, from, 2).await?;
        let marks = page.events.iter().filter(|event: &&RecordedEvent| !event.closes());
        let marks = marks.map(event::decode).collect::<Result<_, _>>()?;
        Ok((stream, marks))
    }
}

/// What came of a commit, to whoever can try again.
enum Committed {
    Done,
    Conflict(BoxError),
    Failed(BoxError),
    Unknown(BoxError),
    Never(BoxError),
}

async fn committed(store: &dyn EventStore, commit: Commit) -> Committed {
    match store.commit(commit).await {
        Ok(_) => Committed::Done,
        Err(error @ CommitError::Conflict(_)) => Committed::Conflict(error.into()),
        Err(error @ CommitError::Unknown(_)) => Committed::Unknown(error.into()),
        Err(error @ CommitError::Backend(_)) => Committed::Failed(error.into()),
        Err(error) => Committed::Never(error.into()),
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("store", &self.store).finish_non_exhaustive()
    }
}
