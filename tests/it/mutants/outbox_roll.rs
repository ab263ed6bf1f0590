//! Which clause of the outbox kills which mutant.

use std::any::type_name;

use freehold::testkit::conformance::OutboxHarness;

use super::outbox_flaw::{FlawedOutbox, OutboxFlaw};
use super::outboxes::*;
use super::roll::Mutant;

fn of<F: OutboxFlaw>(clause: &'static str) -> Mutant<dyn OutboxHarness> {
    Mutant { clause, name: type_name::<F>(), harness: || Box::new(FlawedOutbox::<F>::default()) }
}

pub(super) fn outbox_mutants() -> Vec<Mutant<dyn OutboxHarness>> {
    vec![
        of::<TidiesMessages>("o01_a_message_stands_in_the_log_as_it_was_sent"),
        of::<ShowsNoKeys>("o01_a_message_stands_in_the_log_as_it_was_sent"),
        of::<SendsWhatItRefused>("o01_what_is_refused_sends_nothing"),
        of::<SendsRepeatsAgain>("o01_a_repetition_sends_nothing"),
        of::<DropsKnownMessages>("o01_a_message_that_is_sent_by_two_commits_is_there_twice"),
        of::<SendsBackward>("o02_messages_stand_in_the_order_of_their_commits"),
        of::<SkipsMessagesUnderLoad>("o03_a_reader_that_follows_the_outbox_misses_nothing"),
        of::<NeverSaysMoreMessages>("o04_the_pages_joined_are_the_log"),
        of::<GivesNothingForZero>("o04_the_pages_joined_are_the_log"),
        of::<KeepsNoLimitOnMessages>("o04_a_page_of_the_outbox_is_bounded_by_the_limits"),
        of::<CountsCommitsOfMessages>("o05_the_head_is_the_newest_message"),
        of::<LooksForTheHeadInTheLog>("o05_trimming_does_not_move_the_head"),
        of::<LooksForTheEndInTheLog>("o05_trimming_does_not_move_the_head"),
        of::<WaitsForTheNextMessage>("o06_a_wait_behind_the_head_ends_at_once"),
        of::<WakesAtOnceForMessages>("o06_a_wait_at_the_head_ends_with_the_next_message"),
        of::<LosesWakeUpsOfMessages>("o06_no_wake_up_is_lost_in_a_race"),
        of::<HearsOnlyItsOwnMessages>("o06_a_message_by_another_handle_wakes"),
        of::<WakesOneOfManyForMessages>("o06_dropping_a_wait_loses_nothing"),
        of::<HearsOnlyItsOwnMessages>("o06_what_has_come_due_wakes"),
        of::<KeepsTheLastThatIsTrimmed>("o07_trimming_removes_what_is_up_to_a_position"),
        of::<CountsWhatIsLongGone>("o07_trimming_removes_what_is_up_to_a_position"),
        of::<NumbersWhatIsThere>("o07_positions_are_never_given_out_again"),
        of::<DeliversAtOnce>("o08_a_message_appears_when_it_is_due_and_asked_for"),
        of::<AsksForItself>("o08_a_message_appears_when_it_is_due_and_asked_for"),
        of::<TellsNoNextTime>("o08_what_is_due_comes_in_the_order_of_its_time"),
        of::<KnowsOneTimeACommit>("o08_what_is_due_comes_in_the_order_of_its_time"),
        of::<DeliversAllThatIsDue>("o08_what_is_due_comes_in_the_order_of_its_time"),
        of::<DeliversToEachThatAsks>("o08_of_racing_askers_a_message_comes_once"),
        Mutant {
            clause: "o09_what_was_acknowledged_is_there_after_reopening",
            name: type_name::<ForgetsMessagesOnReopen>(),
            harness: || Box::new(ForgetsMessagesOnReopen),
        },
        of::<KeepsTheUndueToItself>("o09_what_was_acknowledged_is_there_after_reopening"),
    ]
}
