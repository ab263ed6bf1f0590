//! The store's handle: opening a log, and writing in the user's own transaction.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Executor;
use sqlx::postgres::{PgConnection, PgPool};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::unconstrained;

use super::append::{How, Log, Verdict};
use super::committer::Committer;
use super::error::{BACKEND, Fate, OtherLog, backend, closed, fate_of, refused};
use super::feed::Feed;
use super::group::{Job, start};
use super::options::PostgresOptions;
use super::schema::{self, Sql};
use super::staged::Staged;
use super::wake::{self, Bells};
use crate::ports::{BackendError, CommitError, Fault, InlineFolds, telemetry};
use crate::types::{Commit, Committed, Parts};

/// How often a commit in the user's transaction looks again when somebody else has written the same event or key.
const RACES_MAX: u32 = 8;

/// A durable store in a schema of a PostgreSQL database.
///
/// An acknowledged commit is as durable as the database's `synchronous_commit` says, which is the disk by default. The
/// feed is exact, whoever writes meanwhile. The pool is the user's: TLS, time limits and the number of connections are
/// set there. Clones are handles of the same store; any number of stores, in any number of processes, may have the
/// same schema open.
///
/// ```no_run
/// use freehold::backend::postgres::{PostgresStore, sqlx::PgPool};
/// use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, Store, StreamId};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::open(PgPool::connect("postgres://localhost/orders").await?).await?;
/// let order = StreamId::new("order", "1234")?;
/// let placed = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::from_static("Placed")?, "{}");
/// store.commit(Commit::new().append(&order, ExpectedVersion::NoStream, [placed])).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    pub(super) shared: Arc<Shared>,
}

/// What all clones of a handle share.
pub(super) struct Shared {
    pub(super) pool: PgPool,
    pub(super) log: Log,
    pub(super) feed: Feed,
    pub(super) outbox: Feed,
    pub(super) bells: Arc<Bells>,
    pub(super) poll_interval: Duration,
    pub(super) lock_timeout: Duration,
    /// Where others tell of their commits, until somebody listens.
    unheard: Mutex<Option<Arc<str>>>,
    /// Dropped with the store: then nobody listens any more.
    alive: watch::Sender<()>,
    queue: mpsc::Sender<Job>,
    /// Lets callers into the queue one by one, in the order of asking, also when it is full.
    entrance: Semaphore,
}

impl PostgresStore {
    /// Opens the log in the schema `freehold`, creates it if it is not there, and migrates it.
    ///
    /// # Errors
    /// As [`PostgresStore::open_with`].
    pub async fn open(pool: PgPool) -> Result<Self, BackendError> {
        Self::open_with(pool, PostgresOptions::default()).await
    }

    /// Opens a log, creates it if it is not there, and migrates it. A log that is up to date is only read.
    ///
    /// # Errors
    /// The [fault](BackendError::fault) is [`Fault::Unavailable`] if the server cannot be reached, [`Fault::Denied`] if
    /// the role may not log in or lacks rights, [`Fault::Missing`] if the database is not there,
    /// [`Fault::NewerSchema`] if a newer version of this crate has migrated the schema, and [`Fault::ReadOnly`] if the
    /// server cannot be written, as a [standby](super::Standby) cannot.
    ///
    /// # Cancel safety
    /// Dropping the future may leave a schema with an empty log.
    pub async fn open_with(pool: PgPool, options: PostgresOptions) -> Result<Self, BackendError> {
        let sql = Sql::new(&options);
        let opening = {
            let (pool, options, sql) = (pool.clone(), options.clone(), sql.clone());
            // A task of its own: the driver can leave a connection of the pool within a transaction when the future
            // that begins one is dropped.
            tokio::spawn(async move {
                let mut conn = pool.acquire().await.map_err(|error| backend("open", error))?;
                schema::migrate(&mut conn, &options, &sql).await
            })
        };
        let id = opening.await.map_err(|_| closed("open"))??;
        let (limits, clock) = (options.limits, Arc::clone(&options.clock));
        let log = Log { id, limits, clock, sql, folds: InlineFolds::default() };
        let bells = Arc::<Bells>::default();
        let committer = Committer {
            pool: pool.clone(),
            log: log.clone(),
            bells: Arc::clone(&bells),
            retries_max: options.retries_max,
            lock_timeout: options.lock_timeout,
            spares: Mutex::default(),
        };
        let queue = start(committer, &options);
        let channel = options.notify_interval.map(|interval| {
            let channel = wake::channel(&options);
            wake::tell_all(&pool, &channel, interval, &bells);
            channel
        });
        let shared = Shared {
            pool,
            feed: Feed::new(&log.sql.feed),
            outbox: Feed::new(&log.sql.outbox),
            log,
            bells,
            poll_interval: options.poll_interval.max(Duration::from_millis(1)),
            lock_timeout: options.lock_timeout,
            unheard: Mutex::new(channel),
            alive: watch::Sender::new(()),
            queue,
            entrance: Semaphore::new(1),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Writes a commit into the user's own transaction; it becomes durable with the transaction, or not at all.
    ///
    /// A refused commit has written nothing, and the transaction lives on. Keep the transaction short: it holds the
    /// streams of the commit, and the feed does not pass it.
    ///
    /// ```no_run
    /// use freehold::backend::postgres::{PostgresStore, sqlx::{self, PgPool}};
    /// # use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, StreamId};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = PgPool::connect("postgres://localhost/orders").await?;
    /// # let store = PostgresStore::open(pool.clone()).await?;
    /// # let order = StreamId::new("order", "1234")?;
    /// # let placed = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::from_static("Placed")?, "{}");
    ///
    /// let mut tx = pool.begin().await?;
    /// sqlx::query("INSERT INTO orders (id) VALUES ('1234')").execute(&mut *tx).await?;
    /// let commit = Commit::new().append(&order, ExpectedVersion::NoStream, [placed]);
    /// let staged = store.commit_in(&mut tx, commit).await?;
    /// tx.commit().await?;
    /// let committed = staged.committed();
    /// # let _ = committed;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Store::commit`](crate::Store::commit), and never [`CommitError::Unknown`]: whether the transaction happened
    /// is for the user to know. A connection to another log is [`CommitError::Backend`] with
    /// [`OtherLog`] as its source; one outside of a transaction is refused too.
    ///
    ///
    /// After such a refusal the transaction lives on. If the database itself fails, as by a lost connection, it can only be rolled
    /// back.
    ///
    /// # Cancel safety
    /// None: after dropping the future, roll the transaction back.
    pub async fn commit_in(
        &self,
        conn: &mut PgConnection,
        commit: Commit,
    ) -> Result<Staged, CommitError> {
        let failed = |error| CommitError::Backend(backend("commit_in", error));
        let parts = self.shared.log.open(commit)?;
        if parts.is_of_messages() {
            let how = How::new(&self.shared.log, None, true);
            let sent = self.shared.log.enqueue(&mut *conn, &parts, how).await.map_err(failed)?;
            if let Some(Verdict::Written(committed)) = sent {
                return Ok(Staged::new(committed, &parts, Arc::clone(&self.shared.bells)));
            }
        }
        let mut races = 0;
        loop {
            conn.execute("SAVEPOINT freehold_commit").await.map_err(failed)?;
            let answer = self.stage(&mut *conn, &parts).await;
            let end = match &answer {
                Ok(Ok(_)) => "RELEASE SAVEPOINT freehold_commit",
                _ => "ROLLBACK TO SAVEPOINT freehold_commit; RELEASE SAVEPOINT freehold_commit",
            };
            let ended = conn.execute(sqlx::raw_sql(end)).await.map_err(failed);
            match answer {
                Ok(answer) => {
                    ended?;
                    let bells = Arc::clone(&self.shared.bells);
                    if let Err(CommitError::Conflict(_)) = &answer {
                        telemetry::conflict(BACKEND);
                    }
                    return answer.map(|committed| Staged::new(committed, &parts, bells));
                }
                Err(error) if fate_of(&error) == Fate::Again && races < RACES_MAX => races += 1,
                Err(error) => return Err(refused(&error).map_or_else(|| failed(error), Into::into)),
            }
        }
    }

    async fn stage(
        &self,
        conn: &mut PgConnection,
        parts: &Parts,
    ) -> sqlx::Result<Result<Committed, CommitError>> {
        let log = &self.shared.log;
        let found = schema::log_id(&mut *conn, &log.sql).await?;
        if found != log.id {
            let why = OtherLog { expected: log.id, found };
            let error = BackendError::new(BACKEND, "commit_in", Fault::Other, why);
            return Ok(Err(error.into()));
        }
        let how = How::new(log, None, true);
        let mut verdicts = if log.folds_some(&[parts]) {
            log.write_and_fold(&mut *conn, &[parts], how).await?
        } else {
            log.write(&mut *conn, &[parts], how).await?.0
        };
        Ok(match verdicts.pop() {
            Some(Verdict::Written(committed)) => Ok(committed),
            Some(Verdict::Refused(refusal)) => log.explain(conn, parts, refusal).await?,
            None => Err(backend("commit_in", sqlx::Error::RowNotFound).into()),
        })
    }

    /// Hands a commit to the next group, and waits for its answer.
    pub(super) async fn enqueue(&self, parts: Box<Parts>) -> Result<Committed, CommitError> {
        let began = Instant::now();
        let (caller, answer) = oneshot::channel();
        // The order is that of the first polls, so no poll may be cut short by tokio's budget.
        let enter = unconstrained(async {
            let _turn = self.shared.entrance.acquire().await;
            self.shared.queue.send(Job { parts, caller }).await
        });
        let queued = enter.await;
        queued.map_err(|_| CommitError::Backend(closed("commit")))?;
        // Without an answer, the runtime may have ended before or after the commit.
        let answer = answer.await.map_err(|_| CommitError::Unknown(closed("commit")))?;
        telemetry::committed(BACKEND, began.elapsed());
        answer
    }
}

impl Shared {
    /// From the first time that somebody waits, this store hears of others' commits.
    pub(super) fn listen(&self) {
        let channel = self.unheard.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(channel) = channel {
            let options = self.pool.connect_options().as_ref().clone();
            let (bells, alive) = (Arc::clone(&self.bells), self.alive.subscribe());
            tokio::spawn(wake::listen(options, channel, bells, alive));
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("log", &self.shared.log.id).finish_non_exhaustive()
    }
}
