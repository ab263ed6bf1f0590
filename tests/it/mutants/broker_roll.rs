//! Which clause of brokers and deliveries kills which mutant.

use std::any::type_name;

use freehold::testkit::conformance::BrokerHarness;

use super::broker_flaw::{BrokerFlaw, FlawedBrokers};
use super::brokers::*;
use super::roll::Mutant;

type BrokerMutant = Mutant<dyn BrokerHarness>;

/// The wrapped broker without a flaw.
pub(super) type Whole = FlawedBrokers<Right>;

fn of<F: BrokerFlaw>(clause: &'static str) -> BrokerMutant {
    Mutant { clause, name: type_name::<F>(), harness: || Box::new(FlawedBrokers::<F>::default()) }
}

pub(super) fn broker_mutants() -> Vec<BrokerMutant> {
    vec![
        of::<AnswersBackwards>("b01_each_message_has_its_answer"),
        of::<LeavesOutTheKnown>("b01_each_message_has_its_answer"),
        of::<LosesHeaders>("b02_a_message_is_received_as_it_was_published"),
        of::<TakesPayloadsForText>("b02_a_message_is_received_as_it_was_published"),
        of::<TakesConsumersForOne>("b02_every_consumer_receives_what_is_for_its_destinations"),
        of::<DeliversToAll>("b02_every_consumer_receives_what_is_for_its_destinations"),
        of::<StoresTheRefused>("b03_a_refused_message_does_not_keep_others_from_being_stored"),
        of::<RefusesTheCall>("b03_a_refused_message_does_not_keep_others_from_being_stored"),
        of::<BlamesItself>("b03_a_refused_message_does_not_keep_others_from_being_stored"),
        of::<StoresForNobody>("b03_what_nobody_is_there_for_is_refused"),
        of::<StoresLater>("b04_calls_one_after_the_other_are_received_in_order"),
        of::<StoresBackwards>("b04_messages_of_one_call_are_received_in_order"),
        of::<GoesOnBehindTheRefused>("b04_nothing_is_stored_behind_one_of_its_key_that_was_not"),
        of::<KnowsNothing>("b05_a_message_published_again_is_stored_once"),
        of::<KeepsCopiesToItself>("b05_a_message_published_again_is_stored_once"),
        of::<LooksBeforeItStores>("b05_racing_copies_are_stored_once"),
        of::<KnowsNothing>("b05_racing_copies_are_stored_once"),
        of::<TakesIdsForAll>("b05_other_sources_and_destinations_are_no_copies"),
        of::<StoresByHalves>("b06_a_dropped_call_leaves_whole_messages"),
        of::<RoundsItsExtent>("b07_the_extent_names_the_newest_message"),
        of::<NamesTheLogAnew>("b07_every_handle_tells_the_same_extent"),
        of::<SettlesWhatItHandsOut>("d01_what_was_not_settled_comes_again"),
        of::<TakesDroppedForLater>("d01_what_was_settled_does_not_come_again"),
        of::<ComesAgainAtOnce>("d01_what_is_to_come_again_does_after_its_time"),
        of::<CountsNoDeliveries>("d01_what_is_to_come_again_does_after_its_time"),
        of::<SettlesWhatItHandsOut>("d01_what_is_to_come_again_does_after_its_time"),
        of::<DeliversTheNewestFirst>("d02_messages_come_in_the_order_in_which_they_were_stored"),
        of::<LosesWhatNobodyWaitsFor>("d02_a_wait_ends_with_the_next_message_and_loses_none"),
        of::<PassesOverGarbage>("d03_what_is_no_message_is_delivered_and_can_be_settled"),
    ]
}
