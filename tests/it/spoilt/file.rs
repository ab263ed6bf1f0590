//! All of it on a file.

use freehold::backend::sqlite::SqliteStore;
use freehold::backend::sqlite::rusqlite::{Connection, params};
use tempfile::TempDir;

use super::place::Tables;
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

/// A test of each, on tables of its own.
macro_rules! on_tables {
    ($($of:ident::$test:ident;)*) => {$(
        #[tokio::test]
        async fn $test() {
            $of::$test(&file()).await;
        }
    )*};
}

on_tables! {
    reads::a_load_of_a_spoilt_record_names_its_place;
    reads::changes_over_a_spoilt_record_name_its_place;
    reads::a_command_on_a_spoilt_record_names_its_place_and_writes_nothing;
    reads::a_reader_of_the_feed_is_told_of_a_spoilt_record;
    reads::a_record_that_is_no_event_is_named_by_its_place_and_nothing_of_it_is_told;
    follows::a_projection_stops_before_a_spoilt_record_and_names_its_place;
    follows::a_projection_that_parks_a_spoilt_record_says_where_it_stands;
    follows::a_rebuild_stops_before_a_spoilt_record_and_the_old_views_are_read_on;
    follows::a_strong_projection_does_not_begin_over_a_spoilt_record;
    follows::a_relay_of_events_parks_the_stream_of_a_spoilt_record_and_names_its_place;
    follows::a_relay_parks_the_key_of_a_spoilt_message_and_names_its_place;
    saga::a_saga_whose_log_is_spoilt_is_stuck_and_says_where;
    trail::a_flow_is_whole_over_a_spoilt_record_and_a_spoilt_row_is_named;
}
