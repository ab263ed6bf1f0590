//! Bars in instructions, as `valgrind --tool=callgrind` counts them.

use std::process::Command;

use crate::ours::Scoped;
use crate::runtime;
use crate::theirs::Theirs;
use crate::world::Latency;

/// How often something is done, and then twice as often: the difference has nothing of what it takes to begin.
const PAGES: u64 = 1_000;
/// The same of many keys.
const LISTS: u64 = 20;

pub(crate) fn bars() -> bool {
    let mut holds = true;
    for (how, most) in [("ready", 1.25), ("yields", 1.10)] {
        holds &= alone(how, most);
    }
    for how in ["ready", "yields"] {
        holds &= scope(how, 10_000.0);
    }
    for subject in ["hot", "all"] {
        holds &= keys(subject, 600.0);
    }
    for count in [100, 1_000] {
        for (ours, theirs) in [("hot", "joined"), ("joined", "joined"), ("all", "all")] {
            holds &= against_theirs(ours, theirs, count, 3.0);
        }
    }
    holds
}

/// The instructions of doing a case once.
fn instructions(case: &str, times: u64) -> f64 {
    let (once, twice) = (collected(case, times), collected(case, 2 * times));
    (twice - once) as f64 / times as f64
}

fn collected(case: &str, times: u64) -> u64 {
    let program = std::env::current_exe().unwrap();
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    valgrind.args(["case", case, &times.to_string()]);
    let output = valgrind.output().expect("valgrind counts the instructions");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let line = said.lines().find_map(|line| line.split_once("Collected :")).unwrap();
    line.1.trim().parse().unwrap()
}

/// Policies on futures, against the same policies by hand.
fn alone(how: &str, most: f64) -> bool {
    let hand = instructions(&format!("policies {how}"), PAGES);
    let ours = instructions(&format!("alone {how}"), PAGES);
    print!(
        "`ask`, {how}: {ours:.0} instructions, by hand: {hand:.0}\n    ratio {:.2}",
        ours / hand
    );
    verdict(most, ours / hand <= most)
}

/// A scope, against `try_join!` without policies.
fn scope(how: &str, most: f64) -> bool {
    let hand = instructions(&format!("plain {how}"), PAGES);
    let ours = instructions(&format!("scope {how}"), PAGES);
    print!("scope, {how}: {ours:.0} instructions, by hand: {hand:.0}\n    {:.0} more", ours - hand);
    verdict(most, ours - hand <= most)
}

/// A key of a hundred, with its share of the composition.
fn keys(subject: &str, most: f64) -> bool {
    let hand = instructions("hand 100", LISTS) / 100.0;
    let ours = instructions(&format!("{subject} 100"), LISTS) / 100.0;
    print!(
        "a key of 100, {subject}: {ours:.0} instructions, one call by hand: {hand:.0}\n    {ours:.0}"
    );
    verdict(most, ours <= most)
}

fn against_theirs(ours: &str, theirs: &str, count: u64, least: f64) -> bool {
    let our = instructions(&format!("{ours} {count}"), LISTS) / count as f64;
    let their = instructions(&format!("their-{theirs} {count}"), LISTS) / count as f64;
    let (our_calls, their_calls) = runtime().block_on(calls(ours, theirs, count));
    print!(
        "a key of {count}, {ours}: {our:.0} instructions, {our_calls} call; DataLoader, {theirs}: {their:.0}, {their_calls} calls\n    ratio {:.1}",
        their / our
    );
    verdict(least, their / our >= least && our_calls == 1)
}

/// How many calls both make of so many keys.
async fn calls(ours: &str, theirs: &str, count: u64) -> (usize, usize) {
    let (scoped, loader) = (Scoped::new(Latency::Ready), Theirs::new(Latency::Ready));
    let plan = match ours {
        "hot" => scoped.hot(count).await.plan,
        "joined" => scoped.joined(count).await.plan,
        _ => scoped.all(count).await.plan,
    };
    if theirs == "joined" {
        loader.joined(count).await;
    } else {
        loader.all(count).await;
    }
    (plan.all_calls().len(), loader.calls())
}

fn verdict(bar: f64, holds: bool) -> bool {
    println!(", bar {bar}: {}", if holds { "pass" } else { "FAIL" });
    holds
}
