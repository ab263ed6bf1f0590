//! A log that can be spoilt.

use freehold::backend::memory::MemoryBroker;
use freehold::{EventStore, InlineStore, Outbound, Outbox, RowStore};

/// The tables of one log, whoever keeps them.
pub(crate) trait Tables: Sync {
    type Store: EventStore + RowStore + Outbox + InlineStore + Clone;

    /// The log, by a handle that remembers nothing.
    async fn store(&self) -> Self::Store;

    /// Puts a name and a payload in the place of those at a position.
    async fn put(&self, position: u64, name: &str, data: &[u8]);

    /// Puts metadata that no program writes in the place of those at a position.
    async fn put_metadata(&self, position: u64, json: &str);

    /// Puts other JSON in the place of a message of the outbox.
    async fn put_message(&self, position: u64, json: &str);

    /// Puts other JSON in the place of all rows of a set.
    async fn put_rows(&self, set: &str, json: &str);
}

/// Whatever was published, in order, by key.
pub(crate) fn published(broker: &MemoryBroker) -> Vec<String> {
    let key = |sent: Outbound| sent.message.envelope.key().to_string();
    broker.messages().into_iter().map(key).collect()
}

/// Each test, on tables of its own that `$tables` makes.
macro_rules! on_tables {
    ($tables:expr) => {
        on_tables! { $tables =>
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
    };
    ($tables:expr => $($of:ident::$test:ident;)*) => {$(
        #[tokio::test]
        async fn $test() {
            $of::$test(&$tables).await;
        }
    )*};
}
pub(crate) use on_tables;
