//! Which clause of the archive kills which mutant.

use std::any::type_name;

use freehold::testkit::conformance::ArchiveHarness;

use super::archive_flaw::{ArchiveFlaw, FlawedArchive};
use super::archives::*;
use super::roll::Mutant;

fn of<F: ArchiveFlaw>(clause: &'static str) -> Mutant<dyn ArchiveHarness> {
    Mutant { clause, name: type_name::<F>(), harness: || Box::new(FlawedArchive::<F>::default()) }
}

pub(super) fn archive_mutants() -> Vec<Mutant<dyn ArchiveHarness>> {
    vec![
        of::<FeedForgetsTheArchive>("a01_everything_reads_the_same_after_every_step"),
        of::<HeadForgetsTheArchive>("a01_everything_reads_the_same_after_every_step"),
        of::<ForgetsTheOutcomesItMoved>("a01_everything_reads_the_same_after_every_step"),
        of::<ReadsTheArchiveFirst>("a01_readers_miss_nothing_that_is_moved_meanwhile"),
        of::<MovesWhatIsOpen>("a02_no_event_of_an_open_stream_is_moved"),
        of::<MovesAllAtOnce>("a03_a_step_moves_what_was_asked_for_and_says_whether_more_is_left"),
        of::<NeverSaysThatMoreIsLeft>(
            "a03_a_step_moves_what_was_asked_for_and_says_whether_more_is_left",
        ),
        of::<MovesWhatOthersMove>("a04_of_racing_archivers_each_event_is_moved_by_one"),
        of::<FreesTheIdsItMoved>("a05_what_was_moved_is_known_as_before"),
        of::<ForgetsTheOutcomesItMoved>("a05_what_was_moved_is_known_as_before"),
        Mutant {
            clause: "a06_what_was_moved_is_there_after_reopening_and_is_not_moved_again",
            name: type_name::<ForgetsTheArchiveOnReopen>(),
            harness: || Box::new(ForgetsTheArchiveOnReopen),
        },
        of::<BeginsAnewWhenReopened>(
            "a06_what_was_moved_is_there_after_reopening_and_is_not_moved_again",
        ),
    ]
}
