//! Connections that only read, off the async threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::error::{backend, closed};
use super::handle::tune;
use super::options::SqliteOptions;
use crate::ports::BackendError;

/// A bounded pool. A connection is opened when it is first needed, and thrown away after an error.
pub(super) struct Readers {
    path: PathBuf,
    options: SqliteOptions,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, options: SqliteOptions) -> Self {
        let permits = Arc::new(Semaphore::new(options.readers_max.max(1)));
        Self { path, options, idle: Mutex::default(), permits }
    }

    /// Which file it is, and how it is opened.
    pub(super) fn place(&self) -> (PathBuf, &SqliteOptions) {
        (self.path.clone(), &self.options)
    }

    /// Reads, on one of the runtime's blocking threads. If the future is dropped, the reading goes on to
    /// its end and is forgotten.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BackendError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| closed(operation))?;
        let readers = Arc::clone(self);
        let reading = spawn_blocking(move || {
            let result = readers.take().and_then(|conn| {
                let result = read(&conn)?;
                readers.idle().push(conn);
                Ok(result)
            });
            // Only now may the next one look for an idle connection.
            drop(permit);
            result.map_err(|error| backend(operation, error))
        });
        reading.await.map_err(|_| closed(operation))?
    }

    /// The same for several statements: they see the file as it was at one moment, and do not each begin and end a
    /// transaction of their own.
    pub(super) async fn read_at_once<T: Send + 'static>(
        self: &Arc<Self>,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BackendError> {
        let read = move |conn: &Connection| {
            conn.prepare_cached("BEGIN")?.execute([])?;
            let result = read(conn)?;
            conn.prepare_cached("COMMIT")?.execute([])?;
            Ok(result)
        };
        self.read(operation, read).await
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle().pop();
        idle.map_or_else(|| self.open(), Ok)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        tune(&conn, &self.options)?;
        Ok(conn)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections is whole at every moment.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
