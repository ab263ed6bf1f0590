//! Which clause of leases and rows kills which mutant.

use std::any::type_name;

use freehold::testkit::conformance::RowHarness;

use super::roll::Mutant;
use super::row_flaw::{FlawedRows, RowFlaw};
use super::{fence::*, found::*, leases::*, rows::*};

type RowMutant = Mutant<dyn RowHarness>;

fn of<F: RowFlaw>(clause: &'static str) -> RowMutant {
    Mutant { clause, name: type_name::<F>(), harness: || Box::new(FlawedRows::<F>::default()) }
}

fn forgetful(clause: &'static str) -> RowMutant {
    let name = type_name::<ForgetsRowsOnReopen>();
    Mutant { clause, name, harness: || Box::new(ForgetsRowsOnReopen) }
}

pub(super) fn row_mutants() -> Vec<RowMutant> {
    let mut mutants = lease_mutants();
    mutants.extend(checkpoint_mutants());
    mutants.extend(kept_mutants());
    mutants.extend(found_mutants());
    mutants
}

fn lease_mutants() -> Vec<RowMutant> {
    vec![
        of::<GrantsToAnybody>("l01_a_held_lease_is_granted_to_nobody_else"),
        of::<TellsNoTime>("l01_a_held_lease_is_granted_to_nobody_else"),
        forgetful("l01_a_held_lease_is_held_after_reopening"),
        of::<GrantsToAllWhoAskAtOnce>("l01_of_racing_claimants_one_is_granted"),
        forgetful("l02_every_grant_has_a_greater_epoch"),
        of::<GrantsOnceToAnOwner>("l02_every_grant_has_a_greater_epoch"),
        of::<CountsFromWhatItRead>("l02_racing_grants_to_one_owner_are_counted_each"),
        of::<GrantsToAllWhoAskAtOnce>("l02_a_lease_goes_from_hand_to_hand"),
        of::<ExpiresTooSoon>("l03_a_lease_that_is_not_renewed_is_granted_to_another"),
        of::<NeverExpires>("l03_a_lease_that_is_not_renewed_is_granted_to_another"),
        of::<NamesTheFormerHolder>("l03_an_expired_lease_has_no_holder"),
        of::<ExpiresTooSoon>("l03_an_expired_lease_has_no_holder"),
        of::<GrantsWhatExpiredToAll>("l03_of_racing_claimants_of_an_expired_lease_one_is_granted"),
        of::<ForgetsRenewals>("l04_a_renewed_lease_lasts_from_then_on"),
        of::<NeverShortens>("l04_a_renewed_lease_lasts_from_then_on"),
        of::<RenewsUnderAnyEpoch>("l04_only_the_newest_epoch_can_be_renewed"),
        of::<RenewsTheReleased>("l04_only_the_newest_epoch_can_be_renewed"),
        of::<RenewsNothingExpired>("l04_an_expired_lease_that_nobody_has_claimed_can_be_renewed"),
        of::<LooksBeforeItRenews>("l04_of_a_renewal_and_a_claim_one_succeeds"),
        of::<KeepsTheReleased>("l05_a_released_lease_is_granted_at_once"),
        of::<ForgetsTheReleased>("l05_a_released_lease_is_granted_at_once"),
        of::<ReleasesUnderAnyEpoch>("l05_a_release_under_an_older_epoch_changes_nothing"),
    ]
}

fn checkpoint_mutants() -> Vec<RowMutant> {
    vec![
        of::<FencesByTheCheckpointAlone>("l06_a_commit_under_another_epoch_is_refused"),
        of::<WritesRowsOfTheFenced>("l06_a_commit_under_another_epoch_is_refused"),
        of::<WritesEventsOfTheFenced>("l06_a_commit_under_another_epoch_is_refused"),
        of::<HandlesWhatItFenced>("l06_a_commit_under_another_epoch_is_refused"),
        of::<HidesWhereTheLeaseIs>("l06_a_commit_under_another_epoch_is_refused"),
        of::<FencesByTheEpochAlone>("l06_a_commit_from_elsewhere_is_refused"),
        of::<WritesRowsOfTheFenced>("l06_a_commit_from_elsewhere_is_refused"),
        of::<HidesWhereTheLeaseIs>("l06_a_commit_from_elsewhere_is_refused"),
        of::<FencesByTime>("l06_an_expired_lease_moves_its_checkpoint_until_it_is_granted"),
        of::<LooksBeforeItAdvances>("l06_of_racing_advances_one_happens"),
        of::<LooksAtTheEpochTooEarly>("l06_nothing_is_written_under_the_epoch_before"),
        of::<TakesAllLogsForOne>("l07_an_advance_moves_its_checkpoint_and_no_other"),
        of::<TellsCheckpointsBackward>("l07_an_advance_moves_its_checkpoint_and_no_other"),
        forgetful("l07_checkpoints_are_there_after_reopening"),
        of::<PassesOverStepsBack>("l07_a_checkpoint_moves_forward_only"),
        of::<TakesGuardsForNothing>("l07_an_advance_that_goes_nowhere_only_guards"),
        of::<FencesRepeats>("l08_a_repeated_advance_changes_nothing"),
        of::<WritesRowsAgain>("l08_a_repeated_advance_changes_nothing"),
        of::<TakesRacingAdvancesForFirst>("l08_racing_repeats_happen_once"),
        of::<TakesAnyCommitForTheRepeated>(
            "l08_what_was_not_committed_with_the_advance_is_refused",
        ),
        of::<AdvancesBesideOldEvents>("l08_what_was_not_committed_with_the_advance_is_refused"),
        of::<HalvesRowsWhenDropped>("l08_a_dropped_commit_happens_once_when_repeated"),
    ]
}

fn kept_mutants() -> Vec<RowMutant> {
    vec![
        of::<TidiesRows>("r01_a_row_holds_what_was_put_byte_for_byte"),
        of::<KeepsTheDeleted>("r01_a_deleted_row_is_gone"),
        of::<DeletesByPattern>("r01_a_deleted_row_is_gone"),
        of::<IgnoresTheCaseOfKeys>("r01_sets_and_keys_are_told_apart"),
        of::<CutsLongNames>("r01_sets_and_keys_are_told_apart"),
        forgetful("r01_rows_are_there_after_reopening"),
        of::<WritesRowsFirst>("r02_a_commit_with_rows_is_whole_or_absent"),
        of::<WritesRowsOfTheFenced>("r02_a_commit_with_rows_is_whole_or_absent"),
        of::<TearsRows>("r02_readers_never_see_half_a_commit_of_rows"),
        of::<TellsNoCheckpointsWithoutRows>("r04_a_page_holds_the_checkpoints_of_its_lease"),
        of::<ReadsCheckpointsAfterRows>("r04_rows_and_checkpoints_are_of_one_moment"),
        of::<EmptiesWhatItPrepares>("r05_a_set_that_was_prepared_is_there"),
        forgetful("r05_a_set_that_was_prepared_is_there"),
        of::<PreparesWhatIsWritten>("r05_a_set_that_was_not_prepared_is_missing"),
        of::<TakesTheMissingForEmpty>("r05_a_set_that_was_not_prepared_is_missing"),
        of::<FailsRacingPreparations>("r05_racing_preparations_succeed"),
        of::<EmptiesWhatItRemoves>("r06_a_set_that_was_removed_is_missing"),
        of::<RemovesByPrefix>("r06_a_set_that_was_removed_is_missing"),
        of::<TakesRowsTwice>("r07_a_commit_with_a_row_twice_is_refused"),
        of::<KeepsNoLimitsOnRows>("r07_rows_beyond_the_limits_are_refused"),
    ]
}

fn found_mutants() -> Vec<RowMutant> {
    vec![
        of::<AnswersInTheOrderAsked>("r03_rows_are_found_by_their_keys"),
        of::<TakesKeysForAPage>("r03_many_keys_are_found_at_once"),
        of::<TakesPrefixesForPatterns>("r03_rows_are_found_by_what_their_keys_begin_with"),
        of::<OrdersLikeALanguage>("r03_rows_are_found_by_what_their_keys_begin_with"),
        of::<OrdersLikeALanguage>("r03_pages_joined_are_all_rows"),
        of::<TakesAFullPageForOneBeforeTheLast>("r03_pages_joined_are_all_rows"),
        of::<NeverSaysMoreRows>("r03_pages_joined_are_all_rows"),
        of::<BeginsWithTheKeyBefore>("r03_a_page_begins_after_a_key"),
        of::<ForgetsThePrefixAfterAKey>("r03_a_page_begins_after_a_key"),
        of::<TakesZeroForNone>("r03_a_page_of_rows_is_bounded_by_the_limits"),
        of::<KeepsNoLimitOnPages>("r03_a_page_of_rows_is_bounded_by_the_limits"),
    ]
}
