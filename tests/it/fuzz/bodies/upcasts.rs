//! Steps from old events: any chain is flawed, or leads where a walk by hand leads.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use freehold::event::{self, EventError, Misfit, Upcasts, UpcastsBuilder};
use freehold::{Closing, Event, RecordedEvent};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::place::{id, misfit, record, recorded};
use super::verdict::Verdict;

/// Today's events, and a name that is only read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Note {
    #[serde(alias = "Put")]
    Added(Form),
    Taken(Form),
    Emptied,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Form {
    n: i64,
}

/// Old events that others become.
#[derive(Serialize, Deserialize)]
enum Lowest {
    O0(Form),
    O1(Form),
}

std::thread_local! {
    /// The chain that this input is about.
    static CHAIN: Cell<&'static Upcasts<Note>> = const { Cell::new(Upcasts::none()) };
}
/// All chains so far: there are some ten thousand, and each lives as long as the program.
static CHAINS: LazyLock<Mutex<HashMap<[u8; 4], &'static Upcasts<Note>>>> =
    LazyLock::new(Mutex::default);

impl Event for Note {
    const CATEGORY: &'static str = "any";

    fn upcasts() -> &'static Upcasts<Self> {
        CHAIN.get()
    }
}

const OLD: [&str; 4] = ["O0", "O1", "O2", "O3"];
const TODAY: [&str; 4] = ["Added", "Put", "Taken", "Emptied"];
const KINDS: u8 = 14;

/// A byte for the step that begins at each of the old names; then a name and a payload, as an event has them.
pub(crate) fn holds(bytes: &[u8]) -> Verdict {
    let Some((plan, rest)) = bytes.split_first_chunk::<4>() else { return Verdict::Refused };
    let plan = plan.map(|byte| byte % KINDS);
    let chain = *CHAINS.lock().unwrap().entry(plan).or_insert_with(|| built(plan));
    CHAIN.set(chain);
    assert_eq!(chain.flaw().is_some(), is_flawed(plan), "{plan:?}: {:?}", chain.flaw());
    let Some(record) = record(rest) else { return Verdict::Refused };
    if chain.flaw().is_some() {
        let [read, written] = [
            event::decode_all::<Note>(&record).map(drop),
            event::encode(&Note::Emptied, id()).map(drop),
        ];
        for outcome in [read, written] {
            assert!(matches!(outcome, Err(EventError::Upcasts { .. })), "{outcome:?}");
        }
        return Verdict::Refused;
    }
    compare(plan, &record)
}

/// What becomes of a record, with what a walk by hand says.
fn compare(plan: [u8; 4], record: &RecordedEvent) -> Verdict {
    let mut by_hand = Vec::new();
    let led = walk(plan, record.name().as_str(), record.data(), &mut by_hand);
    match event::decode_all::<Note>(record) {
        Ok(notes) => {
            assert_eq!((led, notes.as_slice()), (Ok(()), &*by_hand), "{plan:?}");
            for note in notes {
                let again = recorded(event::encode(&note, id()).unwrap());
                assert_eq!(event::decode::<Note>(&again).unwrap(), note);
            }
        }
        Err(error) => {
            let found = misfit(&error, record);
            let is_payload = |misfit| matches!(misfit, Misfit::Json | Misfit::Content);
            let is_same =
                led.is_err_and(|misfit| misfit == found || is_payload(misfit) && is_payload(found));
            assert!(is_same, "{plan:?}: {led:?}, but {error}");
        }
    }
    match (event::decode::<Note>(record), &*by_hand, led) {
        (Ok(note), [only], Ok(())) => assert_eq!(note, *only),
        (Err(error), [], Ok(())) => assert_eq!(misfit(&error, record), Misfit::Dropped),
        (Err(error), [_, _, ..], Ok(())) => assert_eq!(misfit(&error, record), Misfit::Several),
        (Err(_), _, Err(_)) => return Verdict::Refused,
        (read, ..) => panic!("{plan:?}: {read:?}"),
    }
    Verdict::Taken
}

/// The steps as the crate builds them.
fn built(plan: [u8; 4]) -> &'static Upcasts<Note> {
    let mut steps = Upcasts::builder();
    for (from, kind) in OLD.into_iter().zip(plan) {
        steps = step(steps, from, kind);
    }
    Box::leak(Box::new(steps.build()))
}

fn step(steps: UpcastsBuilder<Note>, from: &'static str, kind: u8) -> UpcastsBuilder<Note> {
    let more = |old: &Form| old.n.checked_add(1).map(|n| Form { n }).ok_or("too many");
    match kind {
        1 => steps.rename(from, "O0"),
        2 => steps.rename(from, "O2"),
        3 => steps.rename(from, "Taken"),
        4 => steps.rename(from, "Nowhere"),
        5 => steps.reshape(from, "O1", move |old: Form| Ok(more(&old)?)),
        6 => steps.reshape(from, "Put", move |old: Form| Ok(more(&old)?)),
        7 => steps.replace(from, move |old: Form| Ok(Note::Added(more(&old)?))),
        8 => steps.split(from, |old: Form| Ok([Note::Taken(old), Note::Emptied])),
        9 => steps.split(from, |_: Form| Ok(Vec::<Note>::new())),
        10 => steps.split(from, move |old: Form| {
            let more = more(&old)?;
            Ok([Lowest::O0(old), Lowest::O1(more)])
        }),
        11 => steps.drop(from, "the test says so"),
        12 => steps.drop(from, ""),
        13 => steps.replace(from, |old: Form| Ok(Lowest::O1(old))),
        _ => steps,
    }
}

/// Where a step of a kind may lead, if it does not end in an event of today.
fn targets(kind: u8) -> &'static [&'static str] {
    match kind {
        1 => &["O0"],
        2 => &["O2"],
        3 => &["Taken"],
        4 => &["Nowhere"],
        5 => &["O1"],
        6 => &["Put"],
        10 | 13 => &["O0", "O1"],
        _ => &[],
    }
}

fn kind_at(plan: [u8; 4], name: &str) -> Option<u8> {
    let at = OLD.iter().position(|old| *old == name)?;
    Some(plan[at]).filter(|kind| *kind != 0)
}

/// Whether a step leads nowhere or around, or drops without a reason.
fn is_flawed(plan: [u8; 4]) -> bool {
    let leads_on = |name: &str| TODAY.contains(&name) || kind_at(plan, name).is_some();
    let mut targets_of_all = plan.iter().flat_map(|kind| targets(*kind));
    if plan.contains(&12) || !targets_of_all.all(|to| leads_on(to)) {
        return true;
    }
    // Whoever has taken as many steps as there are names has been somewhere twice.
    let mut reached: Vec<&str> = OLD.to_vec();
    for _ in OLD {
        reached = reached
            .iter()
            .filter_map(|name| kind_at(plan, name))
            .flat_map(|kind| targets(kind))
            .copied()
            .collect();
        reached.sort_unstable();
        reached.dedup();
    }
    reached.iter().any(|name| kind_at(plan, name).is_some())
}

/// The way of one event, by hand.
fn walk(plan: [u8; 4], name: &str, data: &[u8], notes: &mut Vec<Note>) -> Result<(), Misfit> {
    let Some(kind) = kind_at(plan, name) else { return arrive(name, data, notes) };
    match kind {
        1..=4 => return walk(plan, targets(kind)[0], data, notes),
        11 => return Ok(()),
        _ => {}
    }
    let old: Form = serde_json::from_slice(data).map_err(|_| Misfit::Upcast)?;
    let written = |form: &Form| serde_json::to_vec(form).unwrap();
    let more = || old.n.checked_add(1).map(|n| Form { n }).ok_or(Misfit::Upcast);
    match kind {
        5 | 6 => walk(plan, targets(kind)[0], &written(&more()?), notes)?,
        7 => notes.push(Note::Added(more()?)),
        8 => notes.extend([Note::Taken(old), Note::Emptied]),
        10 => {
            let more = more()?;
            walk(plan, "O0", &written(&old), notes)?;
            walk(plan, "O1", &written(&more), notes)?;
        }
        13 => walk(plan, "O1", &written(&old), notes)?,
        _ => {}
    }
    Ok(())
}

/// What is read under a name of today.
fn arrive(name: &str, data: &[u8], notes: &mut Vec<Note>) -> Result<(), Misfit> {
    let form = || serde_json::from_slice::<Form>(data).map_err(|_| Misfit::Content);
    notes.push(match name {
        "Added" | "Put" => Note::Added(form()?),
        "Taken" => Note::Taken(form()?),
        "Emptied" => {
            serde_json::from_slice::<IgnoredAny>(data).map_err(|_| Misfit::Json)?;
            Note::Emptied
        }
        // The end of a stream is passed over.
        Closing::NAME => return Ok(()),
        _ => return Err(Misfit::Name),
    });
    Ok(())
}
