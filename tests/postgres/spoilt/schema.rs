//! All of it on a schema.

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::{AssertSqlSafe, query};

use super::place::Tables;
use super::{follows, reads, saga, trail};
use crate::server::{Schemas, pool};

/// The schema of one log.
struct Schema(Schemas);

impl Schema {
    fn of(&self, statement: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(statement.replace("{schema}", self.0.name("log").as_str()))
    }
}

impl Tables for Schema {
    type Store = PostgresStore;

    async fn store(&self) -> PostgresStore {
        self.0.store("log").await
    }

    async fn put(&self, position: u64, name: &str, data: &[u8]) {
        let put = self.of("UPDATE {schema}.events SET name = $2, data = $3 WHERE position = $1");
        let put = query(put).bind(position.cast_signed()).bind(name.to_owned()).bind(data.to_vec());
        assert_eq!(put.execute(&pool(1).await).await.unwrap().rows_affected(), 1);
    }

    async fn put_metadata(&self, position: u64, json: &str) {
        let put = self.of("UPDATE {schema}.events SET metadata = $2::json WHERE position = $1");
        let put = query(put).bind(position.cast_signed()).bind(json.to_owned());
        assert_eq!(put.execute(&pool(1).await).await.unwrap().rows_affected(), 1);
    }

    async fn put_message(&self, position: u64, json: &str) {
        let put = self.of("UPDATE {schema}.outbox SET envelope = $2::json WHERE position = $1");
        let put = query(put).bind(position.cast_signed()).bind(json.to_owned());
        assert_eq!(put.execute(&pool(1).await).await.unwrap().rows_affected(), 1);
    }

    async fn put_rows(&self, set: &str, json: &str) {
        let put = self.of(&format!("UPDATE {{schema}}.view_{set} SET value = $1::json"));
        let put = query(put).bind(json.to_owned());
        assert!(put.execute(&pool(1).await).await.unwrap().rows_affected() > 0);
    }
}

fn schema() -> Schema {
    Schema(Schemas::new())
}

/// A test of each, on tables of its own.
macro_rules! on_tables {
    ($($of:ident::$test:ident;)*) => {$(
        #[tokio::test]
        async fn $test() {
            $of::$test(&schema()).await;
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
