//! Whatever write fails, and whether it was lost or only its answer: after it, the index holds every event once, and says so.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disk::{Plan, When};
use crate::event::{Event, encode};
use crate::projection::search::desk::{Desk, Part};
use crate::projection::search::folder::Folder;
use crate::projection::search::reader::Reader;
use crate::projection::search::{Field, Searched};
use crate::projection::{Eventual, On, Projection, Recorded, Views};
use crate::types::{EventId, LogId, Position, RecordedEvent, Recording, StreamId, StreamVersion};

#[derive(Serialize, Deserialize)]
enum Said {
    Word { word: String },
}

impl Event for Said {
    const CATEGORY: &'static str = "said";
}

/// Every word that was said, in order: a word twice is seen.
struct Talk;

impl Projection for Talk {
    const NAME: &'static str = "talk";
    type View = Vec<String>;
    type Events = Said;
    type Level = Eventual<1_000>;
}

impl On<Said> for Talk {
    fn on(&self, event: &Recorded<'_, Said>, views: &mut Views<'_, Vec<String>>) {
        let Said::Word { word } = event.event();
        views.update(event.id(), |words| words.push(word.clone()));
    }
}

impl Searched for Talk {
    const FIELDS: &'static [Field<Vec<String>>] =
        &[Field::new("words", |_, words| words.join(" ").into())];
}

const EVENTS: u64 = 4;
const STEP: u64 = 2;

fn log(n: u128) -> LogId {
    LogId::new(Uuid::from_u128(n))
}

fn logs() -> [LogId; 2] {
    [1, 2].map(log)
}

fn word(position: u64) -> RecordedEvent {
    let said = Said::Word { word: format!("w{position}") };
    let event = encode(&said, EventId::new(Uuid::from_u128(position.into()))).unwrap();
    event.recorded(Recording {
        stream: StreamId::new("said", (position % 2).to_string()).unwrap(),
        version: StreamVersion::new(position),
        position: Position::new(position),
        recorded_at: DateTime::UNIX_EPOCH,
    })
}

/// The batch behind `after`, of one of two logs with the same events.
fn batch(of: u128, after: Position) -> Option<Part> {
    let from = after.get() + 1;
    let upto = (after.get() + STEP).min(EVENTS);
    let events: Vec<_> = (from..=upto).map(word).collect();
    (!events.is_empty()).then(|| Part { log: log(of), events, upto: Position::new(upto) })
}

/// What must be there when the logs are in the index up to these places.
fn expected(at: [u64; 2]) -> BTreeMap<String, Vec<u64>> {
    let mut views = BTreeMap::<String, Vec<u64>>::new();
    for position in at.into_iter().flat_map(|at| 1..=at) {
        views.entry((position % 2).to_string()).or_default().push(position);
    }
    for words in views.values_mut() {
        words.sort_unstable();
    }
    views
}

/// Sees that the documents are what the stamp says.
fn agrees(folder: &Folder) -> [u64; 2] {
    let Some(snapshot) = Reader::new(folder.clone()).snapshot().unwrap() else { return [0, 0] };
    let at = [1, 2].map(|of| snapshot.stamp.position(log(of)).get());
    let mut found = BTreeMap::new();
    for key in snapshot.kept().keys_under("").unwrap() {
        let Some(row) = snapshot.kept().get(&key).unwrap() else { continue };
        let words: Vec<String> = row.value.read().unwrap();
        let mut places: Vec<u64> =
            words.iter().map(|word| word.trim_start_matches('w').parse().unwrap()).collect();
        places.sort_unstable();
        found.insert(key, places);
    }
    assert_eq!(found, expected(at), "at {at:?}");
    at
}

/// Takes both logs in by turns; after an error, the desk is opened anew, as by the next owner.
fn take_all_in(folder: &Folder) -> u64 {
    let mut failures = 0;
    let mut desk = None;
    loop {
        let opened = desk.take().map_or_else(|| Desk::open::<Talk>(folder, &logs(), 0, false), Ok);
        let Ok(mut open) = opened else {
            failures += 1;
            agrees(folder);
            continue;
        };
        if open.race().is_some() && open.swap().is_err() {
            failures += 1;
            continue;
        }
        let [one, two] = [1, 2].map(|of| open.position(log(of)));
        let next = if one <= two { batch(1, one) } else { batch(2, two) };
        let Some(next) = next.or_else(|| batch(2, two)) else {
            drop(open.close());
            return failures;
        };
        if open.take_in(&Talk, &next, || Ok(())).is_ok() {
            desk = Some(open);
        } else {
            failures += 1;
            drop(open.close());
            agrees(folder);
        }
    }
}

/// One run for each write that there is.
fn fail_at_every_write(when: When) {
    let mut failed_runs = 0;
    for nth in 1.. {
        let place = tempfile::tempdir().unwrap();
        let plan = Plan::new(nth, when);
        let folder = Folder::open(place.path().into(), "talk", Uuid::nil()).unwrap();
        let folder = folder.on(plan.disk());
        let failures = take_all_in(&folder);
        assert_eq!(agrees(&folder), [EVENTS, EVENTS], "{when:?} write {nth}");
        if !plan.has_failed() {
            break;
        }
        failed_runs += u64::from(failures > 0);
    }
    println!("{when:?}: {failed_runs} runs met a fault that was told");
    assert!(failed_runs > 20, "only {failed_runs} runs have failed");
}

#[test]
fn documents_and_checkpoint_agree_after_any_write_was_lost() {
    fail_at_every_write(When::Before);
}

#[test]
fn documents_and_checkpoint_agree_after_the_answer_of_any_write_was_lost() {
    fail_at_every_write(When::After);
}

#[test]
fn a_part_that_comes_again_is_passed_over() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path().into(), "talk", Uuid::nil()).unwrap();
    let mut desk = Desk::open::<Talk>(&folder, &logs(), 0, false).unwrap();
    desk.swap().unwrap();
    let first = batch(1, Position::START).unwrap();
    let longer = Part { events: (1..=7).map(word).collect(), upto: Position::new(9), ..first };
    for part in [&batch(1, Position::START).unwrap(), &longer, &longer] {
        desk.take_in(&Talk, part, || Ok(())).unwrap();
    }
    desk.close().unwrap();
    let snapshot = Reader::new(folder).snapshot().unwrap().unwrap();
    let words: Vec<String> = snapshot.kept().get("1").unwrap().unwrap().value.read().unwrap();
    assert_eq!(words, ["w1", "w3", "w5", "w7"]);
    assert_eq!(snapshot.stamp.position(log(1)), Position::new(9));
}

#[test]
fn what_nobody_waits_for_is_not_committed() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path().into(), "talk", Uuid::nil()).unwrap();
    let mut desk = Desk::open::<Talk>(&folder, &logs(), 0, false).unwrap();
    desk.swap().unwrap();
    let given_up = || Err(crate::subscription::SinkError::transient("given up"));
    desk.take_in(&Talk, &batch(1, Position::START).unwrap(), given_up).unwrap_err();
    desk.close().unwrap();
    assert_eq!(agrees(&folder), [0, 0]);
    // Nor when somebody goes on.
    let mut desk = Desk::open::<Talk>(&folder, &logs(), 0, false).unwrap();
    desk.take_in(&Talk, &batch(2, Position::START).unwrap(), || Ok(())).unwrap();
    desk.close().unwrap();
    assert_eq!(agrees(&folder), [0, STEP]);
}
