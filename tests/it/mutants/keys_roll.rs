//! Which clause of the keys of data subjects kills which mutant.

use std::any::type_name;

use freehold::testkit::conformance::SubjectKeysHarness;

use super::keys::*;
use super::keys_flaw::{FlawedKeys, KeysFlaw};
use super::roll::Mutant;

fn of<F: KeysFlaw>(clause: &'static str) -> Mutant<dyn SubjectKeysHarness> {
    Mutant { clause, name: type_name::<F>(), harness: || Box::new(FlawedKeys::<F>::default()) }
}

pub(super) fn keys_mutants() -> Vec<Mutant<dyn SubjectKeysHarness>> {
    vec![
        of::<TellsTheNewestFirst>("n01_a_ring_holds_the_keys_that_were_added"),
        of::<IgnoresTheCaseOfSubjects>("n01_subjects_are_told_apart"),
        of::<AnswersInItsOwnOrder>("n01_rings_come_in_the_order_of_asking"),
        of::<NumbersKeysItself>("n02_only_the_next_key_is_added"),
        of::<AnswersWithItsOwnKey>("n02_of_racing_keys_one_is_added"),
        Mutant {
            clause: "n03_a_key_is_there_after_reopening",
            name: type_name::<ForgetsKeysOnReopen>(),
            harness: || Box::new(ForgetsKeysOnReopen),
        },
        of::<ForgetsForItself>("n04_a_forgotten_ring_has_no_key"),
        of::<MeetsTheForgottenAgain>("n05_a_forgotten_subject_gets_no_key"),
        of::<ForgetsFirst>("n06_a_refused_commit_forgets_nothing"),
        of::<ForgetsTheCommit>("n06_forgetting_and_its_commit_happen_together"),
        of::<UndoesForgettingWithARepetition>("n06_a_repeated_commit_forgets"),
    ]
}
