//! Who may know whom: `types ← ports ← mechanisms ← patterns ← testkit`, and backends on types and ports.

use super::paths::paths;
use super::source::{Problem, Source, assert_none, crate_files, test_modules};

/// What several patterns share.
const MECHANISMS: [&str; 6] =
    ["consistency", "event", "message", "retry", "source", "subscription"];
/// What a service is built of. None knows a sibling.
const PATTERNS: [&str; 9] = [
    "aggregate",
    "composer",
    "inbox",
    "outbox",
    "personal",
    "process",
    "projection",
    "saga",
    "trail",
];

const MEND_FLOOR: &str =
    "turn the arrow round, or move what both need to a lower floor; see ARCHITECTURE.md";
const MEND_SHORTCUT: &str = "name its floor, as in `crate::types::StreamId`";
const MEND_UNKNOWN: &str = "give it a floor in tests/it/tidy/floors.rs and in ARCHITECTURE.md";

#[derive(Debug, PartialEq, Eq)]
enum Floor {
    /// `lib.rs`, which re-exports from every floor.
    Root,
    Types,
    Ports,
    Mechanism(String),
    Pattern(String),
    /// One backend by name; without a name, what lists them.
    Backend(Option<String>),
    Testkit,
}

/// The floor of a path from the crate's root, if its first segment names one.
fn floor(path: &[String]) -> Option<Floor> {
    let Some(first) = path.first() else { return Some(Floor::Root) };
    match first.as_str() {
        "types" => Some(Floor::Types),
        "ports" => Some(Floor::Ports),
        "backend" => Some(Floor::Backend(path.get(1).cloned())),
        "testkit" => Some(Floor::Testkit),
        name if MECHANISMS.contains(&name) => Some(Floor::Mechanism(name.into())),
        name if PATTERNS.contains(&name) => Some(Floor::Pattern(name.into())),
        _ => None,
    }
}

fn may_know(from: &Floor, to: &Floor) -> bool {
    match (from, to) {
        (Floor::Root | Floor::Testkit, _) => *to != Floor::Root,
        (_, Floor::Types) | (Floor::Backend(None), Floor::Backend(_)) => true,
        (_, Floor::Root | Floor::Testkit) | (Floor::Types, _) => false,
        (_, Floor::Ports) | (Floor::Mechanism(_) | Floor::Pattern(_), Floor::Mechanism(_)) => true,
        (from, to) => from == to,
    }
}

/// Paths of `file` that lead to a floor it must not know, or to the root, whose shortcuts hide the floor.
fn check(file: &Source) -> Vec<Problem> {
    let Some(from) = floor(&file.module()) else {
        return vec![file.problem(1, "this module stands on no floor", MEND_UNKNOWN)];
    };
    // The root may use its shortcuts: it makes them.
    if from == Floor::Root {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for found in paths(file) {
        let path = found.path.join("::");
        match floor(&found.path) {
            Some(to) if may_know(&from, &to) => {}
            // A macro of the testkit is read in a user's crate, where only the public paths are.
            None if found.is_for_users && from == Floor::Testkit => {}
            None | Some(Floor::Root) => problems.push(file.problem(
                found.line,
                format!("`crate::{path}` does not name a floor"),
                MEND_SHORTCUT,
            )),
            Some(to) => problems.push(file.problem(
                found.line,
                format!("`crate::{path}`: {from:?} must not know {to:?}"),
                MEND_FLOOR,
            )),
        }
    }
    problems
}

#[test]
fn no_floor_knows_a_higher_one_or_a_sibling() {
    let files = crate_files();
    let tests = test_modules(&files);
    let tested = |file: &&Source| !tests.iter().any(|module| file.module().starts_with(module));
    assert_none(files.iter().filter(tested).flat_map(check));
}

#[test]
fn a_path_to_a_higher_floor_or_a_sibling_is_seen() {
    for (path, text) in [
        ("src/types/x.rs", "use crate::ports::Store;"),
        ("src/ports/x.rs", "use crate::retry::RetryPolicy;"),
        ("src/retry/x.rs", "fn f(_: crate::aggregate::Loaded<A>) {}"),
        ("src/aggregate/x.rs", "use super::super::saga::Saga;"),
        ("src/aggregate/x.rs", "use crate::backend::memory::MemoryStore;"),
        ("src/aggregate/x.rs", "fn f() { debug_assert!(crate::testkit::holds()); }"),
        ("src/backend/memory/x.rs", "use crate::{types::StreamId, event::Event};"),
        ("src/backend/memory/x.rs", "use super::super::sqlite::SqliteStore;"),
        ("src/backend/sqlite.rs", "use super::memory::MemoryStore;"),
        ("src/ports/x.rs", "use crate::StreamId;"),
        ("src/testkit/x.rs", "use crate::StreamId;"),
        ("src/testkit/x.rs", "use crate::*;"),
        ("src/event/x.rs", "macro_rules! m { () => { $crate::StreamId } }"),
        ("src/stray.rs", ""),
    ] {
        assert_eq!(check(&Source::new(path, text)).len(), 1, "{path}: {text}");
    }
}

#[test]
fn a_path_down_the_floors_is_allowed() {
    for (path, text) in [
        ("src/lib.rs", "pub use crate::types::StreamId; use crate::StreamId as S;"),
        ("src/ports/x.rs", "use crate::types::StreamId; use super::Store;"),
        ("src/retry/x.rs", "use crate::event::Event; use crate::ports::Clock;"),
        ("src/aggregate/x.rs", "use crate::{event::Event, ports::Store, types::StreamId};"),
        ("src/backend/mod.rs", "pub use self::memory::MemoryStore;"),
        ("src/backend/sqlite/x.rs", "use super::writer::Writer; use crate::ports::Store;"),
        ("src/testkit/x.rs", "use crate::{backend::memory::MemoryStore, aggregate::Aggregate};"),
        ("src/testkit/x.rs", "macro_rules! m { () => { $crate::StreamId } }"),
    ] {
        let problems = check(&Source::new(path, text));
        assert!(problems.is_empty(), "{path}: {text}: {}", problems[0]);
    }
}
