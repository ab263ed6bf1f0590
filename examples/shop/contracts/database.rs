//! Where one service keeps its events.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::saga::SagaStore;
use freehold::{BackendError, EventStore, Limits, Owned, RowStore, Service};

/// The most connections that one service has to its database on a server.
const CONNECTIONS_MAX: u32 = 8;
/// How long a service waits for a connection, the first one included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The open database of the service `O`, in nobody else's hands. Which kind it is, no service knows.
pub type Handle<O> = Owned<O, Arc<dyn EventStore>>;

/// The same of one that also keeps sagas.
pub type SagaHandle<O> = Owned<O, Arc<dyn SagaStore>>;

/// The same of one that keeps views, and no events.
pub type RowHandle<O> = Owned<O, Arc<dyn RowStore>>;

/// Where the service `O` keeps its data: a file of its own, or a database of its own with a role of its own.
/// Nobody but the service can open it.
pub struct Database<O> {
    kept: Kept,
    owner: PhantomData<fn() -> O>,
}

#[derive(Clone)]
enum Kept {
    File(PathBuf),
    Server(Box<PgConnectOptions>),
}

impl<O: Service> Database<O> {
    /// The service's file in `folder`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let file = folder.join(format!("{}.db", O::NAME));
        Self { kept: Kept::File(file), owner: PhantomData }
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
        let store: Arc<dyn EventStore> = match self.kept {
            Kept::File(path) => Arc::new(open_file(path, limits).await?),
            Kept::Server(server) => Arc::new(open_on_server(*server, limits).await?),
        };
        Ok(Owned::claim(witness, store))
    }

    /// Opens it to keep sagas in it beside the service's own events, for the owner.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// As [`Database::open`].
    pub async fn open_sagas(
        self,
        witness: &O,
        limits: Limits,
    ) -> Result<SagaHandle<O>, BackendError> {
        let store: Arc<dyn SagaStore> = match self.kept {
            Kept::File(path) => Arc::new(open_file(path, limits).await?),
            Kept::Server(server) => Arc::new(open_on_server(*server, limits).await?),
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
        let store: Arc<dyn RowStore> = match self.kept {
            Kept::File(path) => Arc::new(open_file(path, Limits::default()).await?),
            Kept::Server(server) => Arc::new(open_on_server(*server, Limits::default()).await?),
        };
        Ok(Owned::claim(witness, store))
    }
}

async fn open_file(path: PathBuf, limits: Limits) -> Result<SqliteStore, BackendError> {
    let options = SqliteOptions { limits, ..SqliteOptions::default() };
    SqliteStore::open_with(path, options).await
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
