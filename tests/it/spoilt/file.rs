//! All of it on a file.

use freehold::backend::sqlite::SqliteStore;
use freehold::backend::sqlite::rusqlite::{Connection, params};
use tempfile::TempDir;

use super::place::{Tables, on_tables};
use super::{follows, reads, saga, trail};

/// A file in a folder that goes away.
struct File(TempDir);

impl File {
    fn execute(&self, statement: &str, params: impl freehold::backend::sqlite::rusqlite::Params) {
        let connection = Connection::open(self.0.path().join("log.db")).unwrap();
        assert!(connection.execute(statement, params).unwrap() > 0, "{statement}");
    }
}

impl Tables for File {
    type Store = SqliteStore;

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.0.path().join("log.db")).await.unwrap()
    }

    async fn put(&self, position: u64, name: &str, data: &[u8]) {
        let position = i64::try_from(position).unwrap();
        self.execute(
            "UPDATE freehold_events SET name = ?2, data = ?3 WHERE position = ?1",
            params![position, name, data],
        );
    }

    async fn put_metadata(&self, position: u64, json: &str) {
        let position = i64::try_from(position).unwrap();
        self.execute(
            "UPDATE freehold_events SET metadata = ?2 WHERE position = ?1",
            params![position, json],
        );
    }

    async fn put_message(&self, position: u64, json: &str) {
        let position = i64::try_from(position).unwrap();
        self.execute(
            "UPDATE freehold_outbox SET envelope = ?2 WHERE position = ?1",
            params![position, json],
        );
    }

    async fn put_rows(&self, set: &str, json: &str) {
        self.execute(&format!("UPDATE view_{set} SET value = ?1"), params![json]);
    }
}

fn file() -> File {
    File(tempfile::tempdir().unwrap())
}

on_tables!(file());
