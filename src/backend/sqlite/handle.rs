//! The store's handle: opening a file, and writing with the user's own SQL.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{spawn_blocking, unconstrained};

use super::append::Log;
use super::error::{BACKEND, NotWal, OtherLog, backend, closed};
use super::job::Job;
use super::looks::Looks;
use super::options::SqliteOptions;
use super::readers::Readers;
use super::savepoint::Savepoint;
use super::staged::Staged;
use super::transact::{TransactError, Work};
use super::within::Within;
use super::{schema, writer};
use crate::ports::{BackendError, CommitError, Fault, InlineFolds, telemetry};
use crate::types::{Commit, Committed, Position};

/// The most statements that a connection keeps prepared; the user's own count too.
const STATEMENTS_MAX: usize = 64;
/// How long to wait before asking again for the lock that a change of the journal mode needs.
const WAL_RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A durable store in one SQLite file.
///
/// An acknowledged commit survives the kill of the process and the loss of power (WAL mode with
/// `synchronous=FULL`). Commits that wait at the same time share one sync of the disk. Clones are handles
/// of the same store; any number of stores, in any number of processes of one machine, may have the same
/// file open. When the last handle is dropped, what is queued is still written, and the file is closed.
///
/// ```
/// use freehold::backend::sqlite::SqliteStore;
/// use freehold::{Commit, EventId, EventName, EventStore, NewEvent, ReadFrom, Store, StreamId};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("orders.db");
///
/// let store = SqliteStore::open(path).await?;
/// let order = StreamId::new("order", "1234")?;
/// let placed = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::from_static("Placed")?, "{}");
/// store.commit(Commit::new().append(&order, freehold::ExpectedVersion::NoStream, [placed])).await?;
///
/// assert_eq!(store.read_stream(&order, ReadFrom::End, 1).await?.events[0].name().as_str(), "Placed");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    pub(super) shared: Arc<Shared>,
}

/// What all clones of a handle share.
pub(super) struct Shared {
    path: PathBuf,
    pub(super) log: Log,
    pub(super) readers: Arc<Readers>,
    /// The newest position that this store has made or seen; touched to make waiters look again.
    pub(super) heads: Arc<watch::Sender<Position>>,
    /// The same of the outbox.
    pub(super) outbox: Arc<watch::Sender<Position>>,
    /// When somebody looks for the commits of other processes.
    pub(super) looks: Looks,
    /// When somebody looks for their messages.
    pub(super) outbox_looks: Looks,
    queue: mpsc::Sender<Box<dyn Job>>,
    /// Lets callers into the queue one by one, in the order of asking, also when it is full.
    entrance: Semaphore,
}

impl SqliteStore {
    /// Opens the file with the default options, creates it if it is not there, and migrates it.
    ///
    /// # Errors
    /// As [`SqliteStore::open_with`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    /// Opens the file, creates it if it is not there, and migrates it.
    ///
    /// # Errors
    /// The [fault](BackendError::fault) is [`Fault::Unavailable`] if the file cannot be opened,
    /// [`Fault::Busy`] if somebody else holds it for too long, [`Fault::Corrupt`] if it is not a
    /// database, [`Fault::ReadOnly`] if it would have to be written and cannot, and
    /// [`Fault::NewerSchema`] if a newer version of this crate has migrated it. A file that cannot be in
    /// WAL mode is [`Fault::Other`] with [`NotWal`] as its source.
    ///
    /// # Cancel safety
    /// Dropping the future may leave a file with an empty log.
    pub async fn open_with(
        path: impl AsRef<Path>,
        options: SqliteOptions,
    ) -> Result<Self, BackendError> {
        let path = path.as_ref().to_path_buf();
        let opening = spawn_blocking(move || Self::start(path, options));
        opening.await.map_err(|_| closed("open"))?
    }

    fn start(path: PathBuf, options: SqliteOptions) -> Result<Self, BackendError> {
        let failed = |error| backend("open", error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(&path, flags).map_err(failed)?;
        tune(&conn, &options).map_err(failed)?;
        enter_wal(&conn, options.busy_timeout)?;
        make_durable(&conn).map_err(failed)?;
        if let Some(pages) = options.page_count_max {
            let set = format!("PRAGMA max_page_count = {pages}");
            conn.query_row(&set, [], |_| Ok(())).map_err(failed)?;
        }
        let id = schema::migrate(&mut conn, &options)?;
        let (limits, clock) = (options.limits, Arc::clone(&options.clock));
        let log = Log { id, limits, clock, folds: InlineFolds::default(), sent: Arc::default() };
        let [heads, outbox] = [(); 2].map(|()| Arc::new(watch::Sender::new(Position::START)));
        let told = (Arc::clone(&heads), Arc::clone(&outbox));
        let queue = writer::start(conn, log.clone(), told, &options).map_err(|why| {
            BackendError::new(BACKEND, "start its writer", Fault::Unavailable, why)
        })?;
        let [looks, outbox_looks] = [options.poll_interval; 2].map(Looks::new);
        let readers = Arc::new(Readers::new(path.clone(), options));
        let entrance = Semaphore::new(1);
        let shared =
            Shared { path, log, readers, heads, outbox, looks, outbox_looks, queue, entrance };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs `work` on the writer's thread, and commits what it wrote together with the commit that it
    /// returns, or neither. It shares the transaction of the commits that wait at the same time, in a
    /// savepoint of its own.
    ///
    /// The commit may be empty. If it is a repetition, what `work` wrote is undone, since its first time
    /// has written it, and the first answer is returned beside the new value. `work` must be short, since
    /// every commit waits for it, must not end the transaction, and must not write tables whose names
    /// begin with `freehold_`. A deferred foreign key is checked for the transaction as a whole.
    ///
    /// ```
    /// use freehold::backend::sqlite::{SqliteStore, rusqlite};
    /// use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, StreamId};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let store = SqliteStore::open(folder.path().join("orders.db")).await?;
    /// # let order = StreamId::new("order", "1234")?;
    /// # let placed = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::from_static("Placed")?, "{}");
    ///
    /// let commit = Commit::new().append(&order, ExpectedVersion::NoStream, [placed]);
    /// let (rows, committed) = store
    ///     .transact(move |tx| {
    ///         tx.execute_batch("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)")?;
    ///         let rows = tx.execute("INSERT INTO orders (id) VALUES ('1234')", [])?;
    ///         Ok::<_, rusqlite::Error>((rows, commit))
    ///     })
    ///     .await?;
    /// assert_eq!((rows, committed.is_duplicate()), (1, false));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`TransactError`]; only [`CommitError::Unknown`] and [`TransactError::Ended`] leave open whether
    /// anything was written.
    ///
    /// # Cancel safety
    /// Dropping the future leaves an unknown outcome, never half of it.
    pub async fn transact<T, R>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<(T, Commit), R> + Send + 'static,
    ) -> Result<(T, Committed), TransactError<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        self.enqueue("transact", |caller| Box::new(Work::new(work, caller))).await?
    }

    /// Writes a commit into a transaction of the user's own connection to the same file; it becomes
    /// durable with the transaction, or not at all.
    ///
    /// A refused commit has written nothing, and the transaction lives on. How durable the transaction is
    /// is set on its connection (`PRAGMA synchronous`). Begin it with `BEGIN IMMEDIATE`, keep it short,
    /// and await nothing of this store within it: all other commits wait.
    ///
    /// ```
    /// use freehold::backend::sqlite::{SqliteStore, rusqlite::{Connection, TransactionBehavior}};
    /// use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, StreamId};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("orders.db");
    /// # let store = SqliteStore::open(&path).await?;
    /// # let order = StreamId::new("order", "1234")?;
    /// # let placed = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::from_static("Placed")?, "{}");
    ///
    /// let mut connection = Connection::open(&path)?;
    /// let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    /// tx.execute_batch("CREATE TABLE orders (id TEXT PRIMARY KEY); INSERT INTO orders VALUES ('1234')")?;
    /// let staged = store.commit_in(&tx, Commit::new().append(&order, ExpectedVersion::NoStream, [placed]))?;
    /// tx.commit()?;
    /// let committed = staged.committed();
    /// assert_eq!(committed.positions().map(|at| at.end().get()), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Store::commit`](crate::Store::commit), and never [`CommitError::Unknown`]: whether the
    /// transaction happened is for the user to know. A transaction of another file is
    /// [`CommitError::Backend`] with [`OtherLog`] as its source. After [`Fault::Full`] SQLite may have
    /// rolled back the whole transaction.
    pub fn commit_in(&self, tx: &Transaction<'_>, commit: Commit) -> Result<Staged, CommitError> {
        let log = &self.shared.log;
        let parts = log.open(commit)?;
        let found = schema::log_id(tx).map_err(|why| backend("commit_in", why))?;
        if found != Some(log.id) {
            let why = OtherLog { expected: log.id, found };
            return Err(BackendError::new(BACKEND, "commit_in", Fault::Other, why).into());
        }
        let failed = |why| CommitError::from(backend("commit_in", why));
        Savepoint::Commit.open(tx).map_err(failed)?;
        match log.append(&mut Within::new(tx), &parts) {
            Ok(committed) => {
                Savepoint::Commit.keep(tx).map_err(failed)?;
                let Shared { heads, outbox, .. } = &*self.shared;
                let told =
                    [(heads, !parts.appends.is_empty()), (outbox, !parts.messages.is_empty())];
                let told = told.into_iter().filter(|(_, is_told)| *is_told);
                Ok(Staged::new(committed, told.map(|(told, _)| Arc::clone(told)).collect()))
            }
            Err(error) => {
                if let CommitError::Conflict(_) = error {
                    telemetry::conflict(BACKEND);
                }
                // After some errors SQLite has rolled back all of it.
                if !tx.is_autocommit() {
                    Savepoint::Commit.undo(tx).map_err(failed)?;
                }
                Err(error)
            }
        }
    }

    /// Hands a commit to the writer, and waits for its answer.
    pub(super) async fn enqueue<A>(
        &self,
        operation: &'static str,
        job: impl FnOnce(oneshot::Sender<A>) -> Box<dyn Job>,
    ) -> Result<A, CommitError> {
        let began = Instant::now();
        let answer = self.hand_in(operation, job).await?;
        telemetry::committed(BACKEND, began.elapsed());
        Ok(answer)
    }

    /// Hands any job to the writer, and waits for its answer.
    pub(super) async fn hand_in<A>(
        &self,
        operation: &'static str,
        job: impl FnOnce(oneshot::Sender<A>) -> Box<dyn Job>,
    ) -> Result<A, CommitError> {
        let (caller, answer) = oneshot::channel();
        // The order is that of the first polls, so no poll may be cut short by tokio's budget.
        let enter = unconstrained(async {
            let _turn = self.shared.entrance.acquire().await;
            self.shared.queue.send(job(caller)).await
        });
        let queued = enter.await;
        queued.map_err(|_| CommitError::Backend(closed(operation)))?;
        // Without an answer, the writer may have died before or after the commit.
        answer.await.map_err(|_| CommitError::Unknown(closed(operation)))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.shared.path)
            .field("log", &self.shared.log.id)
            .finish_non_exhaustive()
    }
}

/// What every connection is set to.
pub(super) fn tune(conn: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    conn.busy_timeout(options.busy_timeout)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Else SQLite plans a statement anew whenever a bound or a limit changes, which is at every page.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "wal_autocheckpoint", options.checkpoint_pages)?;
    // A negative size is in KiB.
    conn.pragma_update(None, "cache_size", -i64::from(options.cache_kib_max))
}

/// A commit is on the disk before it is acknowledged. The last two matter on macOS, where a plain sync
/// leaves the data in the drive.
fn make_durable(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "fullfsync", true)?;
    conn.pragma_update(None, "checkpoint_fullfsync", true)
}

fn enter_wal(conn: &Connection, busy_timeout: Duration) -> Result<(), BackendError> {
    let deadline = Instant::now() + busy_timeout;
    loop {
        let mode = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode.map_err(|why| backend("open", why)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(BackendError::new(BACKEND, "open", Fault::Other, NotWal { mode }));
            }
            // SQLite does not wait for this lock itself.
            Err(error) if error.fault() == Fault::Busy && Instant::now() < deadline => {
                std::thread::sleep(WAL_RETRY_INTERVAL);
            }
            Err(error) => return Err(error),
        }
    }
}
