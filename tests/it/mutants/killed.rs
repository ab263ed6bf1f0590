//! Each clause passes on the good store and fails on its mutants.

use std::pin::Pin;
use std::thread;

use freehold::testkit::conformance::{self, Harness};
use freehold::testkit::model;

use super::roll::mutants;
use crate::testkit::harness::InMemory;

type Clause = for<'a> fn(&'a dyn Harness) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What the clause says against the store, if anything. Time is paused, so that a wait in vain ends at
/// once; one thread, so that tasks change places only where a mutant lets them.
fn verdict(clause: Clause, harness: fn() -> Box<dyn Harness>) -> Result<(), String> {
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

fn kills(name: &str, clause: Clause) {
    assert_eq!(verdict(clause, || Box::new(InMemory::default())), Ok(()), "the good store");
    let victims: Vec<_> = mutants().into_iter().filter(|mutant| mutant.clause == name).collect();
    assert!(!victims.is_empty(), "no mutant shows that {name} can fail");
    for mutant in victims {
        match verdict(clause, mutant.harness) {
            Ok(()) => panic!("{name} does not see what is wrong with {}", mutant.name),
            Err(why) => println!("{} died of: {why}", mutant.name),
        }
    }
}

macro_rules! each_clause {
    ({} $($clause:ident)*) => {
        const CLAUSES: &[&str] = &[$(stringify!($clause)),*];

        $(#[test]
        fn $clause() {
            kills(stringify!($clause), |harness| Box::pin(conformance::$clause(harness)));
        })*
    };
}

freehold::__event_store_clauses! { [each_clause] {} }

#[test]
fn every_mutant_belongs_to_a_clause_and_every_clause_has_one() {
    let mutants = mutants();
    for mutant in &mutants {
        assert!(
            CLAUSES.contains(&mutant.clause),
            "{} is of no clause: {}",
            mutant.name,
            mutant.clause
        );
    }
    for clause in CLAUSES {
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
    ];
    let model: Clause = |harness| Box::pin(model::agrees_from(harness, 7, 40));
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

/// The list that makes the suite has every clause function there is.
#[test]
fn every_clause_function_is_in_the_suite() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testkit/conformance");
    let mut written = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for rest in text.split("\npub async fn ").skip(1) {
            let name = rest.split('(').next().unwrap();
            let stands_alone = name.starts_with("k01");
            assert!(stands_alone || CLAUSES.contains(&name), "{name} is in no suite");
            written += usize::from(!stands_alone);
        }
    }
    assert_eq!(written, CLAUSES.len(), "functions written, and functions in the list");
}
