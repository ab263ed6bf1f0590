//! Sagas on SQLite: the logs in one file, and the books of the participant in another.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::backend::sqlite::SqliteStore;
use freehold::backend::sqlite::rusqlite::{self, Connection, TransactionBehavior};
use freehold::testkit::async_trait;

use super::errand::{Books, Trouble};
use super::errands::{Place, is_frozen, is_killed, kills, rounds, work};
use super::projector::Projector;

const FOLDER: &str = "FREEHOLD_ERRANDS_FOLDER";

/// The books of the participant, in a file.
struct File(Arc<Mutex<Connection>>);

impl File {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_mins(1))?;
        // What is committed outlives the process, and the machine does not go down here.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS barrier (key TEXT PRIMARY KEY, done INTEGER NOT NULL);
             CREATE TABLE IF NOT EXISTS effect (key TEXT NOT NULL);",
        )?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        let connection = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap();
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let written = write(&tx)?;
            tx.commit().map(|()| written)
        });
        Ok(written.await??)
    }
}

#[async_trait]
impl Books for File {
    async fn act(&self, key: &str) -> Result<bool, Trouble> {
        let key = key.to_owned();
        self.write(move |tx| {
            let new = "INSERT INTO barrier VALUES (?1, 1) ON CONFLICT DO NOTHING";
            if tx.execute(new, [&key])? == 1 {
                tx.execute("INSERT INTO effect VALUES (?1)", [&key])?;
            }
            tx.query_row("SELECT done FROM barrier WHERE key = ?1", [&key], |row| row.get(0))
        })
        .await
    }

    async fn bar(&self, key: &str) -> Result<(), Trouble> {
        let key = key.to_owned();
        self.write(move |tx| {
            let barred = "INSERT INTO barrier VALUES (?1, 0)
                ON CONFLICT (key) DO UPDATE SET done = 0";
            tx.execute(barred, [&key])?;
            tx.execute("DELETE FROM effect WHERE key = ?1", [&key]).map(drop)
        })
        .await
    }

    async fn effects(&self) -> Vec<String> {
        let all = self.write(|tx| {
            let mut all = tx.prepare("SELECT key FROM effect")?;
            all.query_map([], |row| row.get(0))?.collect()
        });
        all.await.unwrap()
    }
}

async fn open(folder: &Path) -> Place {
    let store = SqliteStore::open(folder.join("log.db")).await.unwrap();
    let books = File::open(&folder.join("books.db")).unwrap();
    Place { store: Arc::new(store), books: Arc::new(books) }
}

/// Whether this process is the one that the test has started; if so, it ran errands until the test ended.
async fn is_worker() -> bool {
    let Some(folder) = std::env::var_os(FOLDER) else { return false };
    work(open(Path::new(&folder)).await).await;
    true
}

fn starts<'f>(test: &'f str, folder: &'f Path) -> impl Fn() -> Projector + 'f {
    move || Projector::start(test, FOLDER, folder.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_of_processes_that_are_killed_all_end_with_each_effect_once_or_not_at_all() {
    const TEST: &str = "processes::sagas::sagas_of_processes_that_are_killed_all_end_with_each_effect_once_or_not_at_all";
    if is_worker().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    is_killed(&open(folder.path()).await, starts(TEST, folder.path()), kills()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_of_a_process_that_is_frozen_beyond_its_lease_are_taken_over_and_end_once() {
    const TEST: &str = "processes::sagas::sagas_of_a_process_that_is_frozen_beyond_its_lease_are_taken_over_and_end_once";
    if is_worker().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    is_frozen(&open(folder.path()).await, starts(TEST, folder.path()), rounds()).await;
}
