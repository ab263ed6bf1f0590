//! The clauses as a list, and the list as a module of tests.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::kit::rounds;

/// Makes a module of tests of the conformance suite: one for each function of
/// [`testkit::conformance`](crate::testkit::conformance) that is named after a clause, and one that
/// compares the store with the [model](crate::testkit::model).
///
/// The first argument names the module, the second is an expression that makes a
/// [`Harness`](crate::testkit::conformance::Harness). It is evaluated once a test, inside a tokio runtime, and may
/// `.await`. The user's crate needs neither tokio nor an attribute of it.
///
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use freehold::EventStore;
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::{async_trait, conformance::Harness};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryStore>>);
///
/// #[async_trait]
/// impl Harness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn EventStore> {
///         Arc::new(self.0.lock().unwrap().entry(log.to_owned()).or_default().clone())
///     }
/// }
///
/// freehold::event_store_conformance!(in_memory, InMemory::default());
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! event_store_conformance {
    ($name:ident, $harness:expr $(,)?) => {
        $crate::__event_store_clauses! {
            [$crate::__conformance_suite] {
                $name, $harness;
                #[test]
                fn the_store_agrees_with_the_model() {
                    $crate::testkit::__private::run("the model", || async {
                        let harness = $harness;
                        $crate::testkit::model::agrees(&harness, 24).await;
                    });
                }
            }
        }
    };
}

/// Makes a module of tests of the conformance suite for [`RowStore`](crate::RowStore), and so for
/// [`Leases`](crate::Leases): one for each function of [`testkit::conformance`](crate::testkit::conformance) that is
/// named after a clause of them.
///
/// The arguments are as with [`event_store_conformance!`](crate::event_store_conformance), but the harness is a
/// [`RowHarness`](crate::testkit::conformance::RowHarness). A store that keeps events as well calls both macros.
///
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use freehold::RowStore;
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::{async_trait, conformance::RowHarness};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryStore>>);
///
/// #[async_trait]
/// impl RowHarness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn RowStore> {
///         Arc::new(self.0.lock().unwrap().entry(log.to_owned()).or_default().clone())
///     }
/// }
///
/// freehold::row_store_conformance!(rows_in_memory, InMemory::default());
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! row_store_conformance {
    ($name:ident, $harness:expr $(,)?) => {
        $crate::__row_store_clauses! { [$crate::__conformance_suite] { $name, $harness; } }
    };
}

/// Makes a module of tests for a [`SagaStore`](crate::saga::SagaStore): in a module `events` those of
/// [`event_store_conformance!`](crate::event_store_conformance), and in a module `rows` those of
/// [`row_store_conformance!`](crate::row_store_conformance). Sagas ask for nothing else, so a store that keeps all of it can
/// be kept sagas in; whoever calls this need call neither of the two.
///
/// The arguments are as with them, but the harness is both a [`Harness`](crate::testkit::conformance::Harness) and a
/// [`RowHarness`](crate::testkit::conformance::RowHarness), which open the same logs.
///
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::{async_trait, conformance::{Harness, RowHarness}};
/// use freehold::{EventStore, RowStore};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryStore>>);
///
/// impl InMemory {
///     fn store(&self, log: &str) -> Arc<MemoryStore> {
///         Arc::new(self.0.lock().unwrap().entry(log.to_owned()).or_default().clone())
///     }
/// }
///
/// #[async_trait]
/// impl Harness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn EventStore> {
///         self.store(log)
///     }
/// }
///
/// #[async_trait]
/// impl RowHarness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn RowStore> {
///         self.store(log)
///     }
/// }
///
/// freehold::saga_store_conformance!(in_memory, InMemory::default());
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! saga_store_conformance {
    ($name:ident, $harness:expr $(,)?) => {
        mod $name {
            #[allow(unused_imports, reason = "the harness may be named by its full path")]
            use super::*;

            $crate::event_store_conformance!(events, $harness);
            $crate::row_store_conformance!(rows, $harness);
        }
    };
}

/// Makes a module of tests of the conformance suite for [`InlineStore`](crate::InlineStore): one for each function of
/// [`testkit::conformance`](crate::testkit::conformance) that is named after a clause of it.
///
/// The arguments are as with [`event_store_conformance!`](crate::event_store_conformance), but the harness is an
/// [`InlineHarness`](crate::testkit::conformance::InlineHarness).
///
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use freehold::InlineStore;
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::{async_trait, conformance::InlineHarness};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryStore>>);
///
/// #[async_trait]
/// impl InlineHarness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn InlineStore> {
///         Arc::new(self.0.lock().unwrap().entry(log.to_owned()).or_default().clone())
///     }
/// }
///
/// freehold::inline_store_conformance!(folds_in_memory, InMemory::default());
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! inline_store_conformance {
    ($name:ident, $harness:expr $(,)?) => {
        $crate::__inline_store_clauses! { [$crate::__conformance_suite] { $name, $harness; } }
    };
}

/// Makes a module of tests of the conformance suite for [`Outbox`](crate::Outbox): one for each function of
/// [`testkit::conformance`](crate::testkit::conformance) that is named after a clause of it.
///
/// The arguments are as with [`event_store_conformance!`](crate::event_store_conformance), but the harness is an
/// [`OutboxHarness`](crate::testkit::conformance::OutboxHarness).
///
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use freehold::Outbox;
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::{async_trait, conformance::OutboxHarness};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryStore>>);
///
/// #[async_trait]
/// impl OutboxHarness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn Outbox> {
///         Arc::new(self.0.lock().unwrap().entry(log.to_owned()).or_default().clone())
///     }
/// }
///
/// freehold::outbox_conformance!(outbox_in_memory, InMemory::default());
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! outbox_conformance {
    ($name:ident, $harness:expr $(,)?) => {
        $crate::__outbox_clauses! { [$crate::__conformance_suite] { $name, $harness; } }
    };
}

/// Makes a module of tests of the conformance suite for [`Archive`](crate::Archive): one for each function of
/// [`testkit::conformance`](crate::testkit::conformance) that is named after a clause of it.
///
/// The arguments are as with [`event_store_conformance!`](crate::event_store_conformance), which is called as well, but the
/// harness is an [`ArchiveHarness`](crate::testkit::conformance::ArchiveHarness).
///
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use freehold::Archive;
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::{async_trait, conformance::ArchiveHarness};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryStore>>);
///
/// #[async_trait]
/// impl ArchiveHarness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn Archive> {
///         Arc::new(self.0.lock().unwrap().entry(log.to_owned()).or_default().clone())
///     }
/// }
///
/// freehold::archive_conformance!(archive_in_memory, InMemory::default());
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! archive_conformance {
    ($name:ident, $harness:expr $(,)?) => {
        $crate::__archive_clauses! { [$crate::__conformance_suite] { $name, $harness; } }
    };
}

/// Makes a module of tests of the conformance suite for [`SubjectKeys`](crate::SubjectKeys): one for each function of
/// [`testkit::conformance`](crate::testkit::conformance) that is named after a clause of it.
///
/// The arguments are as with [`event_store_conformance!`](crate::event_store_conformance), but the harness is a
/// [`SubjectKeysHarness`](crate::testkit::conformance::SubjectKeysHarness).
#[macro_export]
macro_rules! subject_keys_conformance {
    ($name:ident, $harness:expr $(,)?) => {
        $crate::__subject_keys_clauses! { [$crate::__conformance_suite] { $name, $harness; } }
    };
}

/// Makes a module of tests of the conformance suite for [`Broker`](crate::Broker) and [`Deliveries`](crate::Deliveries): one
/// for each function of [`testkit::conformance`](crate::testkit::conformance) that is named after a clause of them.
///
/// The arguments are as with [`event_store_conformance!`](crate::event_store_conformance), but the harness is a
/// [`BrokerHarness`](crate::testkit::conformance::BrokerHarness), whose documentation has an example.
#[macro_export]
macro_rules! broker_conformance {
    ($name:ident, $harness:expr $(,)?) => {
        $crate::__broker_clauses! { [$crate::__conformance_suite] { $name, $harness; } }
    };
}

/// Hands the names of all clause functions to another macro, so that whoever needs them has the same.
#[doc(hidden)]
#[macro_export]
macro_rules! __event_store_clauses {
    ([$($then:tt)*] $with:tt) => {
        $($then)* ! {
            $with
            s01_a_commit_over_two_streams_is_whole_or_absent
            s01_readers_never_see_half_a_commit
            s02_an_append_is_refused_unless_its_expectation_holds
            s02_an_append_after_an_event_is_refused_unless_it_is_the_newest
            s02_one_wrong_expectation_refuses_all_appends
            s02_of_racing_appends_at_one_version_one_wins
            s03_a_commit_is_refused_unless_its_checks_hold
            s03_checks_guard_a_commit_without_events
            s03_of_racing_commits_that_check_each_other_one_wins
            s04_a_repeat_is_answered_as_the_first_was
            s04_a_repeat_needs_no_expectation_to_hold
            s04_racing_repeats_happen_once
            s05_an_id_with_other_content_is_refused
            s05_an_id_in_another_stream_is_refused
            s05_a_commit_recorded_in_part_is_refused
            s06_a_message_is_handled_once
            s06_a_message_without_events_is_handled_once
            s06_of_racing_deliveries_one_is_handled
            s06_messages_are_told_apart
            s06_a_refused_message_is_not_handled
            s07_a_malformed_commit_is_refused
            s08_every_kind_of_part_is_kept_or_refused
            s09_a_commit_beyond_the_limits_is_refused
            s10_an_acknowledged_commit_is_there_after_reopening
            s11_a_dropped_commit_happens_once_when_repeated
            s11_dropped_commits_among_others_happen_once
            s12_the_answer_says_where_the_commit_landed
            s12_without_events_the_token_is_at_the_head
            s12_racing_commits_are_told_their_own_places
            s13_a_commit_may_build_on_one_that_is_not_acknowledged
            s14_a_closed_stream_takes_no_more_events
            s14_a_check_on_a_closed_stream_holds_as_on_others
            s14_a_commit_that_closed_a_stream_is_repeated_as_any_other
            s14_nothing_stands_behind_a_closing_that_others_race_with
            s14_a_closed_stream_is_closed_after_reopening
            e01_an_event_comes_back_as_it_was_appended
            e01_streams_are_told_apart_byte_for_byte
            e01_versions_count_from_one
            e02_a_stream_reads_both_ways_from_any_version
            e02_a_stream_without_events_is_an_empty_page
            e03_the_pages_of_a_stream_joined_are_the_stream
            e03_the_pages_of_the_feed_joined_are_the_feed
            e03_a_page_is_bounded_by_the_limits
            e04_the_feed_is_in_commit_order
            e05_a_reader_that_follows_the_feed_misses_nothing
            e05_a_reader_that_filters_misses_nothing
            e06_a_filter_leaves_out_other_categories_only
            e06_upto_passes_over_what_was_left_out
            e07_the_head_is_the_newest_event
            e08_a_wait_behind_the_head_ends_at_once
            e08_a_wait_at_the_head_ends_with_the_next_commit
            e08_no_wake_up_is_lost_in_a_race
            e08_a_commit_by_another_handle_wakes
            e08_dropping_a_wait_loses_nothing
            e09_an_outcome_is_found_by_each_event
            e09_an_outcome_is_found_by_the_inbox_key
            e09_no_outcome_is_found_of_what_was_not_committed
            e10_the_identity_is_the_logs
            e10_every_token_names_the_log
        }
    };
}

/// The same for the clauses of leases and rows.
#[doc(hidden)]
#[macro_export]
macro_rules! __row_store_clauses {
    ([$($then:tt)*] $with:tt) => {
        $($then)* ! {
            $with
            l01_a_held_lease_is_granted_to_nobody_else
            l01_a_held_lease_is_held_after_reopening
            l01_of_racing_claimants_one_is_granted
            l02_every_grant_has_a_greater_epoch
            l02_racing_grants_to_one_owner_are_counted_each
            l02_a_lease_goes_from_hand_to_hand
            l03_a_lease_that_is_not_renewed_is_granted_to_another
            l03_an_expired_lease_has_no_holder
            l03_of_racing_claimants_of_an_expired_lease_one_is_granted
            l04_a_renewed_lease_lasts_from_then_on
            l04_only_the_newest_epoch_can_be_renewed
            l04_an_expired_lease_that_nobody_has_claimed_can_be_renewed
            l04_of_a_renewal_and_a_claim_one_succeeds
            l05_a_released_lease_is_granted_at_once
            l05_a_release_under_an_older_epoch_changes_nothing
            l06_a_commit_under_another_epoch_is_refused
            l06_a_commit_from_elsewhere_is_refused
            l06_an_expired_lease_moves_its_checkpoint_until_it_is_granted
            l06_of_racing_advances_one_happens
            l06_nothing_is_written_under_the_epoch_before
            l07_an_advance_moves_its_checkpoint_and_no_other
            l07_checkpoints_are_there_after_reopening
            l07_a_checkpoint_moves_forward_only
            l07_an_advance_that_goes_nowhere_only_guards
            l08_a_repeated_advance_changes_nothing
            l08_racing_repeats_happen_once
            l08_what_was_not_committed_with_the_advance_is_refused
            l08_a_dropped_commit_happens_once_when_repeated
            r01_a_row_holds_what_was_put_byte_for_byte
            r01_a_deleted_row_is_gone
            r01_sets_and_keys_are_told_apart
            r01_rows_are_there_after_reopening
            r02_a_commit_with_rows_is_whole_or_absent
            r02_readers_never_see_half_a_commit_of_rows
            r03_rows_are_found_by_their_keys
            r03_many_keys_are_found_at_once
            r03_rows_are_found_by_what_their_keys_begin_with
            r03_pages_joined_are_all_rows
            r03_a_page_begins_after_a_key
            r03_a_page_of_rows_is_bounded_by_the_limits
            r04_a_page_holds_the_checkpoints_of_its_lease
            r04_rows_and_checkpoints_are_of_one_moment
            r05_a_set_that_was_prepared_is_there
            r05_a_set_that_was_not_prepared_is_missing
            r05_racing_preparations_succeed
            r06_a_set_that_was_removed_is_missing
            r07_a_commit_with_a_row_twice_is_refused
            r07_rows_beyond_the_limits_are_refused
        }
    };
}

/// The same for the clauses of folds within the append.
#[doc(hidden)]
#[macro_export]
macro_rules! __inline_store_clauses {
    ([$($then:tt)*] $with:tt) => {
        $($then)* ! {
            $with
            f01_a_repetition_folds_nothing
            f01_what_is_refused_folds_nothing
            f01_readers_never_see_events_without_their_rows
            f02_what_is_in_the_log_is_folded_first
            f02_every_commit_is_folded
            f02_folds_stand_side_by_side
            f02_a_fold_that_begins_among_writers_misses_nothing
            f03_racing_commits_are_folded_in_the_order_of_the_feed
            f04_a_handle_without_the_fold_writes_nothing_past_it
            f05_a_commit_that_cannot_be_folded_is_refused
            f05_commits_beside_a_refused_one_happen
            f06_nobody_is_granted_the_lease_of_a_fold
            f06_a_job_that_folded_behind_the_append_is_fenced
            f06_the_checkpoint_is_where_the_log_ends
            f07_a_fold_that_is_far_behind_is_not_begun
            f08_what_was_detached_is_folded_no_more
            f08_other_folds_go_on
        }
    };
}

/// The same for the clauses of outboxes.
#[doc(hidden)]
#[macro_export]
macro_rules! __outbox_clauses {
    ([$($then:tt)*] $with:tt) => {
        $($then)* ! {
            $with
            o01_a_message_stands_in_the_log_as_it_was_sent
            o01_what_is_refused_sends_nothing
            o01_a_repetition_sends_nothing
            o01_a_message_that_is_sent_by_two_commits_is_there_twice
            o02_messages_stand_in_the_order_of_their_commits
            o03_a_reader_that_follows_the_outbox_misses_nothing
            o04_the_pages_joined_are_the_log
            o04_a_page_of_the_outbox_is_bounded_by_the_limits
            o05_the_head_is_the_newest_message
            o05_trimming_does_not_move_the_head
            o06_a_wait_behind_the_head_ends_at_once
            o06_a_wait_at_the_head_ends_with_the_next_message
            o06_no_wake_up_is_lost_in_a_race
            o06_a_message_by_another_handle_wakes
            o06_dropping_a_wait_loses_nothing
            o06_what_has_come_due_wakes
            o07_trimming_removes_what_is_up_to_a_position
            o07_positions_are_never_given_out_again
            o08_a_message_appears_when_it_is_due_and_asked_for
            o08_what_is_due_comes_in_the_order_of_its_time
            o08_of_racing_askers_a_message_comes_once
            o09_what_was_acknowledged_is_there_after_reopening
        }
    };
}

/// The same for the clauses of archives.
#[doc(hidden)]
#[macro_export]
macro_rules! __archive_clauses {
    ([$($then:tt)*] $with:tt) => {
        $($then)* ! {
            $with
            a01_everything_reads_the_same_after_every_step
            a01_readers_miss_nothing_that_is_moved_meanwhile
            a02_no_event_of_an_open_stream_is_moved
            a03_a_step_moves_what_was_asked_for_and_says_whether_more_is_left
            a04_of_racing_archivers_each_event_is_moved_by_one
            a05_what_was_moved_is_known_as_before
            a06_what_was_moved_is_there_after_reopening_and_is_not_moved_again
        }
    };
}

/// The same for the clauses of the keys of data subjects.
#[doc(hidden)]
#[macro_export]
macro_rules! __subject_keys_clauses {
    ([$($then:tt)*] $with:tt) => {
        $($then)* ! {
            $with
            n01_a_ring_holds_the_keys_that_were_added
            n01_subjects_are_told_apart
            n01_rings_come_in_the_order_of_asking
            n02_only_the_next_key_is_added
            n02_of_racing_keys_one_is_added
            n03_a_key_is_there_after_reopening
            n04_a_forgotten_ring_has_no_key
            n05_a_forgotten_subject_gets_no_key
            n06_a_refused_commit_forgets_nothing
            n06_forgetting_and_its_commit_happen_together
            n06_a_repeated_commit_forgets
        }
    };
}

/// The same for the clauses of brokers and deliveries.
#[doc(hidden)]
#[macro_export]
macro_rules! __broker_clauses {
    ([$($then:tt)*] $with:tt) => {
        $($then)* ! {
            $with
            b01_each_message_has_its_answer
            b02_a_message_is_received_as_it_was_published
            b02_every_consumer_receives_what_is_for_its_destinations
            b03_a_refused_message_does_not_keep_others_from_being_stored
            b03_what_nobody_is_there_for_is_refused
            b04_calls_one_after_the_other_are_received_in_order
            b04_messages_of_one_call_are_received_in_order
            b04_nothing_is_stored_behind_one_of_its_key_that_was_not
            b05_a_message_published_again_is_stored_once
            b05_racing_copies_are_stored_once
            b05_other_sources_and_destinations_are_no_copies
            b06_a_dropped_call_leaves_whole_messages
            b07_the_extent_names_the_newest_message
            b07_every_handle_tells_the_same_extent
            d01_what_was_not_settled_comes_again
            d01_what_was_settled_does_not_come_again
            d01_what_is_to_come_again_does_after_its_time
            d02_messages_come_in_the_order_in_which_they_were_stored
            d02_a_wait_ends_with_the_next_message_and_loses_none
            d03_what_is_no_message_is_delivered_and_can_be_settled
        }
    };
}

/// The clauses as a module of tests, with what else belongs there.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_suite {
    ({ $name:ident, $harness:expr; $($more:item)* } $($clause:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "the harness may be named by its full path")]
            use super::*;

            $(#[test]
            fn $clause() {
                $crate::testkit::__private::run(stringify!($clause), || async {
                    let harness = $harness;
                    $crate::testkit::conformance::$clause(&harness).await;
                });
            })*

            $($more)*
        }
    };
}

/// Runs one clause on a runtime of its own, with threads, so that tasks race as they do in a service. A
/// store that blocks its thread for good fails the test as well.
pub fn run<F: Future<Output = ()>>(clause: &str, test: impl FnOnce() -> F + Send + 'static) {
    let time_limit = Duration::from_secs(u64::from(rounds(600, 3_600)));
    let (over, ended) = channel::<()>();
    let running = thread::Builder::new().name(clause.to_owned()).spawn(move || {
        // Dropped when the test is over, be it by a panic.
        let _over = over;
        let threads =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
        threads.expect("a runtime can be built").block_on(test());
    });
    let running = running.expect("a thread can be started");
    let in_time = ended.recv_timeout(time_limit) != Err(RecvTimeoutError::Timeout);
    assert!(in_time, "{clause} has not ended within {time_limit:?}");
    if let Err(panic) = running.join() {
        resume_unwind(panic);
    }
}
