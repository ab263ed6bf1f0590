//! Which clause of folds kills which mutant.

use std::any::type_name;

use freehold::testkit::conformance::InlineHarness;

use super::fold_flaw::{FlawedFolds, FoldFlaw};
use super::folds::*;
use super::roll::Mutant;

fn of<F: FoldFlaw>(clause: &'static str) -> Mutant<dyn InlineHarness> {
    Mutant { clause, name: type_name::<F>(), harness: || Box::new(FlawedFolds::<F>::default()) }
}

pub(super) fn fold_mutants() -> Vec<Mutant<dyn InlineHarness>> {
    vec![
        of::<FoldsRepeats>("f01_a_repetition_folds_nothing"),
        of::<FoldsTheRefused>("f01_what_is_refused_folds_nothing"),
        of::<FoldsBehindTheCommit>("f01_readers_never_see_events_without_their_rows"),
        of::<ForgetsWhatWasThere>("f02_what_is_in_the_log_is_folded_first"),
        of::<FoldsFromTheFirstEvent>("f02_what_is_in_the_log_is_folded_first"),
        of::<FoldsOneEventACommit>("f02_every_commit_is_folded"),
        of::<FoldsBackward>("f02_every_commit_is_folded"),
        of::<KeepsTheLastFold>("f02_folds_stand_side_by_side"),
        of::<LooksBeforeItHoldsOut>("f02_a_fold_that_begins_among_writers_misses_nothing"),
        of::<FoldsBehindTheCommit>("f03_racing_commits_are_folded_in_the_order_of_the_feed"),
        of::<FoldsBehindTheCommit>("f04_a_handle_without_the_fold_writes_nothing_past_it"),
        of::<RecordsWhatCannotBeFolded>("f05_a_commit_that_cannot_be_folded_is_refused"),
        of::<StopsAtWhatCannotBeFolded>("f05_a_commit_that_cannot_be_folded_is_refused"),
        of::<StopsAtWhatCannotBeFolded>("f05_commits_beside_a_refused_one_happen"),
        of::<GrantsTheLeaseOfAFold>("f06_nobody_is_granted_the_lease_of_a_fold"),
        of::<FoldsBehindTheCommit>("f06_nobody_is_granted_the_lease_of_a_fold"),
        of::<LetsJobsGoOn>("f06_a_job_that_folded_behind_the_append_is_fenced"),
        of::<LeavesTheCheckpointWhereItBegan>("f06_the_checkpoint_is_where_the_log_ends"),
        of::<TellsNoCheckpointBesideRows>("f06_the_checkpoint_is_where_the_log_ends"),
        of::<HoldsOutForAnyTime>("f07_a_fold_that_is_far_behind_is_not_begun"),
        of::<DetachesNothing>("f08_what_was_detached_is_folded_no_more"),
        of::<DetachesTheRows>("f08_what_was_detached_is_folded_no_more"),
        of::<KeepsTheLeaseOfTheDetached>("f08_what_was_detached_is_folded_no_more"),
        of::<DetachesAll>("f08_other_folds_go_on"),
    ]
}
