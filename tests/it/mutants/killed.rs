//! Each clause passes on the good store and fails on its mutants.

use std::pin::Pin;
use std::thread;

use freehold::testkit::conformance::{
    self, ArchiveHarness, BrokerHarness, Harness, InlineHarness, OutboxHarness, RowHarness,
    SubjectKeysHarness,
};
use freehold::testkit::model;

use super::archive_roll::archive_mutants;
use super::broker_roll::{Whole, broker_mutants};
use super::fold_roll::fold_mutants;
use super::keys_roll::keys_mutants;
use super::outbox_roll::outbox_mutants;
use super::roll::{Mutant, mutants};
use super::row_roll::row_mutants;
use crate::testkit::harness::InMemory;

type Clause<H> = for<'a> fn(&'a H) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What the clause says against the store, if anything. Time is paused, so that a wait in vain ends at
/// once; one thread, so that tasks change places only where a mutant lets them.
fn verdict<H: ?Sized + 'static>(clause: Clause<H>, harness: fn() -> Box<H>) -> Result<(), String> {
    let run = move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(clause(&*harness()));
    };
    thread::spawn(run).join().map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without a text")
            .to_owned()
    })
}

fn sees<H: ?Sized + 'static>(
    name: &str,
    clause: Clause<H>,
    good: fn() -> Box<H>,
    mutants: Vec<Mutant<H>>,
) {
    assert_eq!(verdict(clause, good), Ok(()), "the good store");
    let victims: Vec<_> = mutants.into_iter().filter(|mutant| mutant.clause == name).collect();
    assert!(!victims.is_empty(), "no mutant shows that {name} can fail");
    for mutant in victims {
        match verdict(clause, mutant.harness) {
            Ok(()) => panic!("{name} does not see what is wrong with {}", mutant.name),
            Err(why) => println!("{} died of: {why}", mutant.name),
        }
    }
}

fn kills(name: &str, clause: Clause<dyn Harness>) {
    sees(name, clause, || Box::new(InMemory::default()), mutants());
}

fn kills_rows(name: &str, clause: Clause<dyn RowHarness>) {
    sees(name, clause, || Box::new(InMemory::default()), row_mutants());
}

fn kills_folds(name: &str, clause: Clause<dyn InlineHarness>) {
    sees(name, clause, || Box::new(InMemory::default()), fold_mutants());
}

fn kills_outboxes(name: &str, clause: Clause<dyn OutboxHarness>) {
    sees(name, clause, || Box::new(InMemory::default()), outbox_mutants());
}

fn kills_archives(name: &str, clause: Clause<dyn ArchiveHarness>) {
    sees(name, clause, || Box::new(InMemory::default()), archive_mutants());
}

fn kills_keys(name: &str, clause: Clause<dyn SubjectKeysHarness>) {
    sees(name, clause, || Box::new(InMemory::default()), keys_mutants());
}

fn kills_brokers(name: &str, clause: Clause<dyn BrokerHarness>) {
    sees(name, clause, || Box::new(Whole::default()), broker_mutants());
}

macro_rules! each_clause {
    ({ $list:ident $kills:ident } $($clause:ident)*) => {
        const $list: &[&str] = &[$(stringify!($clause)),*];

        $(#[test]
        fn $clause() {
            $kills(stringify!($clause), |harness| Box::pin(conformance::$clause(harness)));
        })*
    };
}

freehold::__event_store_clauses! { [each_clause] { CLAUSES kills } }
freehold::__row_store_clauses! { [each_clause] { ROW_CLAUSES kills_rows } }
freehold::__inline_store_clauses! { [each_clause] { FOLD_CLAUSES kills_folds } }
freehold::__outbox_clauses! { [each_clause] { OUTBOX_CLAUSES kills_outboxes } }
freehold::__archive_clauses! { [each_clause] { ARCHIVE_CLAUSES kills_archives } }
freehold::__subject_keys_clauses! { [each_clause] { KEYS_CLAUSES kills_keys } }
freehold::__broker_clauses! { [each_clause] { BROKER_CLAUSES kills_brokers } }

/// The clauses of all suites.
const SUITES: [&[&str]; 7] = [
    CLAUSES,
    ROW_CLAUSES,
    FOLD_CLAUSES,
    OUTBOX_CLAUSES,
    ARCHIVE_CLAUSES,
    KEYS_CLAUSES,
    BROKER_CLAUSES,
];

#[test]
fn every_mutant_belongs_to_a_clause_and_every_clause_has_one() {
    matches(CLAUSES, &mutants());
    matches(ROW_CLAUSES, &row_mutants());
    matches(FOLD_CLAUSES, &fold_mutants());
    matches(OUTBOX_CLAUSES, &outbox_mutants());
    matches(ARCHIVE_CLAUSES, &archive_mutants());
    matches(KEYS_CLAUSES, &keys_mutants());
    matches(BROKER_CLAUSES, &broker_mutants());
}

fn matches<H: ?Sized>(clauses: &[&str], mutants: &[Mutant<H>]) {
    for Mutant { clause, name, .. } in mutants {
        assert!(clauses.contains(clause), "{name} is of no clause: {clause}");
    }
    for clause in clauses {
        assert!(mutants.iter().any(|mutant| mutant.clause == *clause), "no mutant for {clause}");
    }
}

/// What calls one after the other can show, the model finds too; and it tells how to find it again.
#[test]
fn the_model_differs_from_mutants_and_says_how_to_see_it_again() {
    let found = [
        "TakesAnyStreamForOneThatExists",
        "HidesTheVersion",
        "ForgetsChecks",
        "AnswersRepeatsWithConflict",
        "RepeatsMustFit",
        "TrustsIds",
        "WritesTheRest",
        "DropsInboxKeys",
        "HandlesWhatItRefused",
        "TakesEmptyCommits",
        "ForgetsOnReopen",
        "CountsFromZero",
        "IncludesTheEdge",
        "TakesAFullPageForOneOfSeveral",
        "ReordersFeed",
        "FiltersByPrefix",
        "HeadCountsCommits",
        "WakesAtOnce",
        "FindsOddVersions",
        "AnswersMessagesFromNow",
        "RemembersRefusals",
        "TellsTheConflictFirst",
        "WritesBesideTheClosed",
        "IsClosedToChecks",
        "TakesTheRepeatedClosingForALateOne",
    ];
    let model: Clause<dyn Harness> = |harness| Box::pin(model::agrees_from(harness, 7, 40));
    assert_eq!(verdict(model, || Box::new(InMemory::default())), Ok(()), "the good store");
    for name in found {
        let mutant = mutants().into_iter().find(|mutant| mutant.name.ends_with(name)).unwrap();
        let Err(why) = verdict(model, mutant.harness) else {
            panic!("the model agrees with {name}")
        };
        assert!(why.contains("FREEHOLD_SEED="), "{name} died of {why}");
        let calls =
            why.lines().filter(|line| line.trim_start().starts_with(char::is_numeric)).count();
        assert!((1..10).contains(&calls), "{name} is not shrunk to the essence: {why}");
        println!("{name}: {why}");
    }
}

/// The lists that make the suites have every clause function there is.
#[test]
fn every_clause_function_is_in_the_suite() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testkit/conformance");
    let mut written = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for rest in text.split("\npub async fn ").skip(1) {
            let name = rest.split('(').next().unwrap();
            let stands_alone = name.starts_with("k01");
            let is_listed = SUITES.iter().any(|list| list.contains(&name));
            assert!(stands_alone || is_listed, "{name} is in no suite");
            written += usize::from(!stands_alone);
        }
    }
    let listed: usize = SUITES.iter().map(|list| list.len()).sum();
    assert_eq!(written, listed, "functions written, and functions in the list");
}
