//! Which clause kills which mutant.

use std::any::type_name;

use freehold::testkit::conformance::Harness;

use super::flaw::{Flaw, Flawed};
use super::{closed::*, feed::*, reading::*, repeats::*, store::*};

/// A mutant, and the clause that must see what is wrong with it.
pub(super) struct Mutant<H: ?Sized> {
    pub(super) clause: &'static str,
    pub(super) name: &'static str,
    pub(super) harness: fn() -> Box<H>,
}

fn of<F: Flaw>(clause: &'static str) -> Mutant<dyn Harness> {
    Mutant { clause, name: type_name::<F>(), harness: || Box::new(Flawed::<F>::default()) }
}

pub(super) fn mutants() -> Vec<Mutant<dyn Harness>> {
    writers().into_iter().chain(readers()).collect()
}

/// Of the clauses of `Store`.
fn writers() -> Vec<Mutant<dyn Harness>> {
    vec![
        of::<AppendsOneByOne>("s01_a_commit_over_two_streams_is_whole_or_absent"),
        of::<TearsCommits>("s01_readers_never_see_half_a_commit"),
        of::<TakesAnyStreamForOneThatExists>(
            "s02_an_append_is_refused_unless_its_expectation_holds",
        ),
        of::<HidesTheVersion>("s02_an_append_is_refused_unless_its_expectation_holds"),
        of::<TakesAnyEventForTheNewest>(
            "s02_an_append_after_an_event_is_refused_unless_it_is_the_newest",
        ),
        of::<KeepsTheGoodHalf>("s02_one_wrong_expectation_refuses_all_appends"),
        of::<LooksBeforeItWrites>("s02_of_racing_appends_at_one_version_one_wins"),
        of::<ForgetsChecks>("s03_a_commit_is_refused_unless_its_checks_hold"),
        of::<SkipsLoneChecks>("s03_checks_guard_a_commit_without_events"),
        of::<LooksBeforeItChecks>("s03_of_racing_commits_that_check_each_other_one_wins"),
        of::<AnswersRepeatsWithConflict>("s04_a_repeat_is_answered_as_the_first_was"),
        of::<RepeatsMustFit>("s04_a_repeat_needs_no_expectation_to_hold"),
        of::<TakesRacingRepeatsForFirst>("s04_racing_repeats_happen_once"),
        of::<TrustsIds>("s05_an_id_with_other_content_is_refused"),
        of::<OverlooksTheStream>("s05_an_id_in_another_stream_is_refused"),
        of::<WritesTheRest>("s05_a_commit_recorded_in_part_is_refused"),
        of::<DropsInboxKeys>("s06_a_message_is_handled_once"),
        of::<DropsKeysWithoutEvents>("s06_a_message_without_events_is_handled_once"),
        of::<HandlesRacingDeliveriesTwice>("s06_of_racing_deliveries_one_is_handled"),
        of::<ConfusesConsumers>("s06_messages_are_told_apart"),
        of::<HandlesWhatItRefused>("s06_a_refused_message_is_not_handled"),
        of::<TakesEmptyCommits>("s07_a_malformed_commit_is_refused"),
        of::<DropsKeysBesideChecks>("s08_every_kind_of_part_is_kept_or_refused"),
        of::<ForgetsChecks>("s08_every_kind_of_part_is_kept_or_refused"),
        of::<KeepsNoLimits>("s09_a_commit_beyond_the_limits_is_refused"),
        Mutant {
            clause: "s10_an_acknowledged_commit_is_there_after_reopening",
            name: type_name::<ForgetsOnReopen>(),
            harness: || Box::new(ForgetsOnReopen),
        },
        of::<HalvesWhenDropped>("s11_a_dropped_commit_happens_once_when_repeated"),
        of::<RunsDroppedCommitsTwice>("s11_dropped_commits_among_others_happen_once"),
        of::<TellsVersionsFromZero>("s12_the_answer_says_where_the_commit_landed"),
        of::<StandsAtTheStartWithoutEvents>("s12_without_events_the_token_is_at_the_head"),
        of::<TellsTheNewestVersion>("s12_racing_commits_are_told_their_own_places"),
        of::<LetsCommitsOvertake>("s13_a_commit_may_build_on_one_that_is_not_acknowledged"),
        of::<KnowsNothingOfClosings>("s14_a_closed_stream_takes_no_more_events"),
        of::<TellsTheConflictFirst>("s14_a_closed_stream_takes_no_more_events"),
        of::<WritesBesideTheClosed>("s14_a_closed_stream_takes_no_more_events"),
        of::<IsClosedToChecks>("s14_a_check_on_a_closed_stream_holds_as_on_others"),
        of::<TakesTheRepeatedClosingForALateOne>(
            "s14_a_commit_that_closed_a_stream_is_repeated_as_any_other",
        ),
        of::<LooksWhetherItIsClosedBeforeItWrites>(
            "s14_nothing_stands_behind_a_closing_that_others_race_with",
        ),
        of::<RemembersTheClosedInTheHandle>("s14_a_closed_stream_is_closed_after_reopening"),
    ]
}

/// Of the clauses of `EventStore`.
fn readers() -> Vec<Mutant<dyn Harness>> {
    vec![
        of::<TidiesJson>("e01_an_event_comes_back_as_it_was_appended"),
        of::<IgnoresCase>("e01_streams_are_told_apart_byte_for_byte"),
        of::<CountsFromZero>("e01_versions_count_from_one"),
        of::<IncludesTheEdge>("e02_a_stream_reads_both_ways_from_any_version"),
        of::<PromisesMoreOfNothing>("e02_a_stream_without_events_is_an_empty_page"),
        of::<TakesAFullPageForOneOfSeveral>("e03_the_pages_of_a_stream_joined_are_the_stream"),
        of::<NeverSaysMore>("e03_the_pages_of_the_feed_joined_are_the_feed"),
        of::<KeepsNoPageLimit>("e03_a_page_is_bounded_by_the_limits"),
        of::<ReordersFeed>("e04_the_feed_is_in_commit_order"),
        of::<SkipsUnderLoad>("e05_a_reader_that_follows_the_feed_misses_nothing"),
        of::<SkipsWhatItFilters>("e05_a_reader_that_filters_misses_nothing"),
        of::<FiltersByPrefix>("e06_a_filter_leaves_out_other_categories_only"),
        of::<StaysAtTheLastWanted>("e06_upto_passes_over_what_was_left_out"),
        of::<HeadCountsCommits>("e07_the_head_is_the_newest_event"),
        of::<WaitsForTheNextOne>("e08_a_wait_behind_the_head_ends_at_once"),
        of::<WakesAtOnce>("e08_a_wait_at_the_head_ends_with_the_next_commit"),
        of::<LosesWakeUps>("e08_no_wake_up_is_lost_in_a_race"),
        of::<HearsOnlyItself>("e08_a_commit_by_another_handle_wakes"),
        of::<WakesOneOfMany>("e08_dropping_a_wait_loses_nothing"),
        of::<FindsOddVersions>("e09_an_outcome_is_found_by_each_event"),
        of::<AnswersMessagesFromNow>("e09_an_outcome_is_found_by_the_inbox_key"),
        of::<RemembersRefusals>("e09_no_outcome_is_found_of_what_was_not_committed"),
        of::<NamesTheHandle>("e10_the_identity_is_the_logs"),
        of::<SignsOutcomesWithNothing>("e10_every_token_names_the_log"),
    ]
}
