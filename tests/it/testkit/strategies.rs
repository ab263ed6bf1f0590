//! The strategies reach what they should, and nothing that they should not.

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::catch_unwind;

use freehold::backend::memory::MemoryStore;
use freehold::testkit::proptest::prelude::*;
use freehold::testkit::proptest::strategy::ValueTree;
use freehold::testkit::proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use freehold::testkit::strategies::{self, assert_events_survive, histories};
use freehold::{
    Aggregate, CommitError, DedupKey, Event, ExpectedVersion, Limits, Metadata, PartKind, Store,
    StreamId,
};
use futures::FutureExt;
use serde::{Deserialize, Deserializer, Serialize};

/// `count` values of `strategy`, the same in every run.
fn samples<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

proptest! {
    #[test]
    fn stream_ids_read_back_from_their_text(stream in strategies::stream_ids()) {
        prop_assert_eq!(stream.as_str().parse::<StreamId>().unwrap(), stream);
    }

    #[test]
    fn metadata_reads_back_from_its_json(metadata in strategies::metadata()) {
        let json = serde_json::to_string(&metadata).unwrap();
        prop_assert_eq!(serde_json::from_str::<Metadata>(&json).unwrap(), metadata);
    }

    #[test]
    fn commits_are_well_formed_and_conflict_at_most(commit in strategies::commits()) {
        // A store in memory is done at the first poll.
        let answer = MemoryStore::new().commit(commit).now_or_never().unwrap();
        prop_assert!(matches!(answer, Ok(_) | Err(CommitError::Conflict(_))), "{:?}", answer);
    }
}

#[test]
fn stream_ids_and_names_reach_their_longest_and_any_script() {
    let streams = samples(strategies::stream_ids(), 2_000);
    assert!(streams.iter().any(|s| s.id().len() > 180), "no long id");
    assert!(streams.iter().any(|s| s.category().len() > 55), "no long category");
    assert!(streams.iter().any(|s| !s.as_str().is_ascii()), "no other script");
    assert!(streams.iter().any(|s| s.id().contains('-')), "no id with a hyphen");
    let names = samples(strategies::event_names(), 2_000);
    assert!(names.iter().any(|name| name.as_str().len() > 180), "no long name");
}

#[test]
fn commits_hold_every_kind_of_part_and_of_expectation() {
    let kinds = [PartKind::Appends, PartKind::Checks, PartKind::Inbox];
    let mut expected = HashSet::new();
    let (mut checks, mut keys, mut several) = (0, 0, 0);
    for commit in samples(strategies::commits(), 300) {
        keys += commit.dedup_keys().filter(|key| matches!(key, DedupKey::Inbox(_))).count();
        let parts = commit.into_parts(&kinds, &Limits::default()).unwrap();
        expected.extend(parts.guards().map(|(_, expected)| match expected {
            ExpectedVersion::Exact(_) => "exact".to_owned(),
            other => other.to_string(),
        }));
        checks += parts.checks.len();
        several += usize::from(parts.appends.len() > 1);
    }
    assert_eq!(expected.len(), 4, "{expected:?}");
    assert!(checks > 30 && keys > 30 && several > 30, "{checks} {keys} {several}");
}

#[test]
fn metadata_has_each_field_at_times() {
    let all = samples(strategies::metadata(), 300);
    let some = |has: fn(&Metadata) -> bool| all.iter().any(has) && !all.iter().all(has);
    assert!(some(|m| m.correlation().is_some()) && some(|m| m.causation().is_some()));
    assert!(some(|m| m.actor().is_some()) && some(|m| m.tenant().is_some()));
    assert!(some(|m| m.trace().is_some_and(|trace| trace.state().is_some())));
    assert!(some(|m| m.entries().count() > 1));
}

#[derive(Serialize, Deserialize)]
enum Turned {
    Up { by: u32 },
    Down { by: u32 },
}

impl Event for Turned {
    const CATEGORY: &'static str = "dial";
}

/// From 0 to 10.
#[derive(Clone, Default)]
struct Dial(u32);

impl Aggregate for Dial {
    type Event = Turned;

    fn apply(&mut self, event: &Turned) {
        match event {
            Turned::Up { by } => self.0 += by,
            Turned::Down { by } => self.0 -= by,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "commands are passed by reference")]
fn turn(dial: &Dial, by: &i32) -> Result<Vec<Turned>, String> {
    let size = by.unsigned_abs();
    match by {
        0 => Ok(vec![]),
        1.. if dial.0 + size <= 10 => Ok(vec![Turned::Up { by: size }]),
        ..0 if dial.0 >= size => Ok(vec![Turned::Down { by: size }]),
        _ => Err(format!("{} cannot turn by {by}", dial.0)),
    }
}

#[test]
fn histories_hold_only_what_the_aggregate_decides() {
    let seen = RefCell::new((HashSet::new(), 0, 0));
    for history in samples(histories(-6..=6, turn, 0..30_usize), 300) {
        let mut dial = Dial::default();
        for event in history.events() {
            // It would wrap, and so panic, if a refused command had left an event.
            dial.apply(event);
            assert!(dial.0 <= 10, "an unreachable state");
        }
        assert_eq!(dial.0, history.state().0, "the state is that of the events");
        assert_events_survive(history.events());
        let mut seen = seen.borrow_mut();
        seen.0.insert(dial.0);
        seen.1 += history.refused();
        seen.2 += history.into_events().len();
    }
    let (states, refused, events) = seen.into_inner();
    assert_eq!(states.len(), 11, "states reached: {states:?}");
    assert!(refused > 300 && events > 1_000, "{refused} refused, {events} events");
}

#[test]
fn a_failing_history_shrinks_to_a_short_one_and_shows_its_events() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let failure = runner.run(&histories(-6..=6, turn, 0..30_usize), |history| {
        prop_assert!(history.state().0 < 6);
        Ok(())
    });
    let text = failure.unwrap_err().to_string();
    let (_, shrunk) = text.split_once("minimal failing input").unwrap();
    assert!((1..=3).contains(&shrunk.matches("Up {\"by\":").count()), "{text}");
    assert!(!shrunk.contains("Down"), "{text}");
}

/// Reads back other than it was written.
#[derive(Serialize, Deserialize)]
enum Shouted {
    Word(#[serde(deserialize_with = "upper")] String),
    Number(f64),
}

fn upper<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|word| word.to_uppercase())
}

impl Event for Shouted {
    const CATEGORY: &'static str = "shout";
}

#[test]
fn events_that_change_or_cannot_be_read_do_not_survive() {
    assert_events_survive(&[Shouted::Word("LOUD".into()), Shouted::Number(1.5)]);
    let complaint = |event: fn() -> Shouted| {
        let panic = catch_unwind(|| assert_events_survive(&[event()])).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    let changed = complaint(|| Shouted::Word("soft".into()));
    assert!(changed.contains("- Word \"soft\"\n+ Word \"SOFT\""), "{changed}");
    // JSON has no such number: what would be written could not be read.
    let unreadable = complaint(|| Shouted::Number(f64::NAN));
    assert!(unreadable.contains("invalid type: null, expected f64"), "{unreadable}");
}
