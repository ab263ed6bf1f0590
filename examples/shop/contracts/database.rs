//! Where one service keeps its events.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::personal::SealedStore;
use freehold::{
    Archive, BackendError, CommitError, DataSubject, EventStore, Limits, Outbox, Owned, RowStore,
    Service,
};

/// The most connections that one service has to its database on a server.
const CONNECTIONS_MAX: u32 = 8;
/// How long a service waits for a connection, the first one included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a file is looked at for what other processes write, where that is part of the business: their messages wait for it.
const SHARED_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// What a service keeps its data in: its events, what it has heard, what it has to say, and whatever it keeps track of. What it
/// says of a person is sealed there, with a key that the service has for the person alone.
#[async_trait]
pub trait ServiceStore: EventStore + RowStore + Outbox + Archive {
    /// Forgets a person for good.
    async fn forget(&self, who: &DataSubject) -> Result<(), CommitError>;

    /// Whether a person was forgotten.
    async fn has_forgotten(&self, who: &DataSubject) -> Result<bool, BackendError>;
}

#[async_trait]
impl<S: EventStore + RowStore + Outbox + Archive> ServiceStore for SealedStore<S> {
    async fn forget(&self, who: &DataSubject) -> Result<(), CommitError> {
        Self::forget(self, who).await.map(drop)
    }

    async fn has_forgotten(&self, who: &DataSubject) -> Result<bool, BackendError> {
        Self::has_forgotten(self, who).await
    }
}

/// The open database of the service `O`, in nobody else's hands. Which kind it is, no service knows.
pub type Handle<O> = Owned<O, Arc<dyn ServiceStore>>;

/// The same of a database that keeps views, and no events but of who was forgotten.
pub type RowHandle<O> = Handle<O>;

/// Where the service `O` keeps its data: a file of its own, or a database of its own with a role of its own.
/// Nobody but the service can open it.
pub struct Database<O> {
    kept: Kept,
    owner: PhantomData<fn() -> O>,
}

#[derive(Clone)]
enum Kept {
    File(PathBuf, SqliteOptions),
    Server(Box<PgConnectOptions>),
}

impl<O: Service> Database<O> {
    /// The service's file in `folder`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self::file_in(folder, SqliteOptions::default())
    }

    /// The service's file in `folder`, to which other processes write, too.
    #[must_use]
    pub fn in_shared_folder(folder: &Path) -> Self {
        let poll_interval = SHARED_POLL_INTERVAL;
        Self::file_in(folder, SqliteOptions { poll_interval, ..SqliteOptions::default() })
    }

    fn file_in(folder: &Path, options: SqliteOptions) -> Self {
        let file = folder.join(format!("{}.db", O::NAME));
        Self { kept: Kept::File(file, options), owner: PhantomData }
    }

    /// The database on a server to which `options` lead, as the service's role.
    #[must_use]
    pub fn on_server(options: PgConnectOptions) -> Self {
        Self { kept: Kept::Server(Box::new(options)), owner: PhantomData }
    }

    /// Opens it, for the owner.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty log.
    pub async fn open(self, witness: &O, limits: Limits) -> Result<Handle<O>, BackendError> {
        let store: Arc<dyn ServiceStore> = match self.kept {
            Kept::File(path, options) => {
                Arc::new(SealedStore::new(open_file(path, options, limits).await?))
            }
            Kept::Server(server) => {
                Arc::new(SealedStore::new(open_on_server(*server, limits).await?))
            }
        };
        Ok(Owned::claim(witness, store))
    }

    /// Opens it to keep views in it, for the owner.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// As [`Database::open`].
    pub async fn open_rows(self, witness: &O) -> Result<RowHandle<O>, BackendError> {
        self.open(witness, Limits::default()).await
    }
}

async fn open_file(
    path: PathBuf,
    options: SqliteOptions,
    limits: Limits,
) -> Result<SqliteStore, BackendError> {
    SqliteStore::open_with(path, SqliteOptions { limits, ..options }).await
}

async fn open_on_server(
    server: PgConnectOptions,
    limits: Limits,
) -> Result<PostgresStore, BackendError> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(CONNECT_TIMEOUT)
        .connect_lazy_with(server);
    let options = PostgresOptions { limits, ..PostgresOptions::default() };
    PostgresStore::open_with(pool, options).await
}

// Whether the owner can be cloned is of no interest.
impl<O> Clone for Database<O> {
    fn clone(&self) -> Self {
        Self { kept: self.kept.clone(), owner: PhantomData }
    }
}

/// Without what it leads to: there may be a password in it.
impl<O: Service> fmt::Debug for Database<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&O::NAME).finish()
    }
}
