//! A saga whose participant keeps durable books: what is in them can be counted when everybody is dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use freehold::retry::RetryPolicy;
use freehold::saga::{
    After, Again, Before, Definition, Do, Effect, Failure, HasPivot, Key, Local, LocalPivot,
    Policy, Resolve, Retriable, Saga, Step, Undo,
};
use freehold::testkit::async_trait;
use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, StreamId};
use uuid::Uuid;

pub(super) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// What the participant keeps, in a database of its own: for each key whether it is done or barred, and in the same
/// transaction the effect.
#[async_trait]
pub(super) trait Books: Send + Sync + 'static {
    /// Does once what the key stands for; `false` if it is barred.
    async fn act(&self, key: &str) -> Result<bool, Trouble>;

    /// Takes back what the key stands for, if it is done, and bars it.
    async fn bar(&self, key: &str) -> Result<(), Trouble>;

    /// The keys of all effects; one that is there twice has happened twice.
    async fn effects(&self) -> Vec<String>;
}

/// The participant as this process reaches it: every few calls, an answer is lost.
#[derive(Clone)]
pub(super) struct Desk {
    books: Arc<dyn Books>,
    calls: Arc<AtomicU64>,
}

impl Desk {
    pub(super) fn new(books: Arc<dyn Books>) -> Self {
        Self { books, calls: Arc::default() }
    }

    /// What becomes of the next call for a saga.
    fn fate(&self, n: u64) -> u8 {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        fastrand::Rng::with_seed(n.rotate_left(32) ^ call).u8(..16)
    }

    async fn act(&self, key: &Key<Do>, n: u64) -> Result<(), Failure<String>> {
        let fate = self.fate(n);
        match fate {
            0 => return Err(Failure::transient("not now")),
            1 => return Err(Failure::Unknown("the question is lost".into())),
            _ => {}
        }
        match self.books.act(key.as_str()).await {
            Ok(_) if fate == 2 => Err(Failure::Unknown("the answer is lost".into())),
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::rejected("barred")),
            Err(error) => Err(Failure::Unknown(error)),
        }
    }

    async fn bar(&self, key: &Key<Do>, n: u64) -> Result<(), Again> {
        let fate = self.fate(n);
        if fate == 0 {
            return Err(Again::transient("not now"));
        }
        match self.books.bar(key.as_str()).await {
            Ok(()) if fate == 2 => Err(Again::Unknown("the answer is lost".into())),
            Ok(()) => Ok(()),
            Err(error) => Err(Again::Unknown(error)),
        }
    }
}

/// What must happen is tried until it does; what need not, a few times.
fn policy(retries_max: u32) -> Policy {
    let retry = |retries_max| RetryPolicy {
        retries_max,
        delay_min: Duration::from_millis(1),
        delay_max: Duration::from_millis(20),
    };
    let time_max = Duration::from_secs(5);
    Policy { time_max, retry: retry(retries_max), undo_retry: retry(u32::MAX) }
}

/// It is refused for one number in `refuses`, and sometimes.
struct Fetch {
    desk: Desk,
    refuses: u64,
}

impl Step for Fetch {
    const NAME: &'static str = "fetch";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = u64;
    type Out = ();
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, n: &u64) -> Result<(), Failure<String>> {
        // Whether it was asked before, this one does not look up: after a call without an answer, a refusal proves nothing.
        if n % self.refuses == 1 || self.desk.fate(*n) == 3 {
            return Err(Failure::rejected("none left"));
        }
        self.desk.act(key, *n).await
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        action: &Key<Do>,
        n: &u64,
        _: Effect<()>,
    ) -> Result<(), Again> {
        self.desk.bar(action, *n).await
    }

    fn policy(&self) -> Policy {
        policy(2)
    }
}

/// Writes into the log that holds the sagas.
struct Sign;

impl LocalPivot for Sign {
    const NAME: &'static str = "sign";
    type In = u64;
    type Out = ();
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, n: &u64) -> Result<Local<()>, Failure<String>> {
        if n % 6 == 2 {
            return Err(Failure::rejected("not signed"));
        }
        let stream = StreamId::new("signed", key.as_uuid().simple().to_string())?;
        let event = NewEvent::new(EventId::new(Uuid::now_v7()), EventName::new("Signed")?, "{}");
        let commit = Commit::new().append(&stream, ExpectedVersion::NoStream, [event]);
        Ok(Local::new((), commit))
    }

    fn policy(&self) -> Policy {
        policy(2)
    }
}

struct Carry(Desk);

impl Retriable for Carry {
    const NAME: &'static str = "carry";
    type In = u64;
    type Out = ();

    async fn run(&self, key: &Key<Do>, n: &u64) -> Result<(), Again> {
        match self.0.act(key, *n).await {
            Ok(()) => Ok(()),
            Err(Failure::Transient(why)) => Err(Again::Transient(why)),
            Err(Failure::Unknown(why)) => Err(Again::Unknown(why)),
            Err(other) => Err(Again::broken(format!("{other:?}"))),
        }
    }

    fn policy(&self) -> Policy {
        policy(u32::MAX)
    }
}

/// Fetch two things, sign, carry.
pub(super) struct Errand(pub Desk);

impl Saga for Errand {
    const NAME: &'static str = "errand";
    type Input = u64;
    type Ending = HasPivot;

    fn define(&self, mut steps: Before<u64>) -> Definition<u64, HasPivot> {
        let fetch = |refuses| Fetch { desk: self.0.clone(), refuses };
        steps.named("first").step(fetch(7), (), |n: &u64, ()| *n);
        steps.named("second").step(fetch(5), (), |n: &u64, ()| *n);
        let (_, mut steps): (_, After<u64>) = steps.local_pivot(Sign, (), |n, ()| *n);
        steps.then(Carry(self.0.clone()), (), |n: &u64, ()| *n);
        steps.build()
    }
}

/// The keys of what an errand leaves that has completed.
pub(super) fn effects_of(saga: &str) -> [String; 3] {
    ["first", "second", "carry"].map(|step| format!("{saga}:{step}:0:do"))
}
