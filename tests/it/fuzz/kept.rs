//! The bodies, on what is kept and on what chance makes of it.

use std::fs;
use std::path::Path;

use fastrand::Rng;

use super::bodies::verdict::Verdict;
use super::bodies::{event, snapshot, token, upcasts};
use super::mutate::mutated;

const MUTATED: usize = 4_000;

/// Says what the body was given, if it panics.
struct Given<'a>(&'a [u8], u64);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("FREEHOLD_SEED={}: {}", self.1, self.0.escape_ascii());
        }
    }
}

/// What is kept for a target, in the order of the names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fuzz/corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs a body on all of it. It is about nothing if it does not take and refuse a good part.
fn run(target: &str, holds: fn(&[u8]) -> Verdict) {
    let seed = std::env::var("FREEHOLD_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    let (corpus, mut chance) = (corpus(target), Rng::with_seed(seed));
    let mut counts = [0, 0];
    let mut check = |bytes: &[u8]| {
        let _given = Given(bytes, seed);
        counts[usize::from(holds(bytes) == Verdict::Taken)] += 1;
    };
    for bytes in &corpus {
        check(bytes);
    }
    for _ in 0..MUTATED {
        check(&mutated(&corpus, &mut chance));
    }
    let [refused, taken] = counts;
    assert!(taken > MUTATED / 50 && refused > MUTATED / 50, "{taken} taken, {refused} refused");
}

#[test]
fn an_event_that_is_read_is_written_again_as_it_was_and_any_other_is_refused_by_its_place() {
    run("event", event::holds);
}

#[test]
fn any_steps_are_flawed_or_lead_where_a_walk_by_hand_leads() {
    run("upcasts", upcasts::holds);
}

#[test]
fn a_load_is_the_whole_history_whatever_lies_where_a_snapshot_should() {
    run("snapshot", snapshot::holds);
}

#[test]
fn a_token_has_one_text_and_a_damaged_one_is_never_taken_for_it() {
    run("token", token::holds);
}
