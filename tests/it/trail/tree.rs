//! Trees of causes, also of ids that are made up.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta};
use freehold::trail::{Branch, CausalTree, Evidence, Origin};
use freehold::{
    Envelope, EventId, EventName, MessageId, MessageType, Metadata, NewEvent, OrderingKey,
    Position, RecordedEvent, Recording, StreamVersion,
};
use proptest::prelude::*;
use uuid::Uuid;

/// The event `id`, at the position of that number, recorded so many microseconds after the epoch.
fn event(id: u128, says: Metadata, micros: i64) -> RecordedEvent {
    let name = EventName::from_static("Noted").unwrap();
    let position = u64::try_from(id).unwrap();
    NewEvent::new(EventId::new(Uuid::from_u128(id)), name, "{}").with_metadata(says).recorded(
        Recording {
            stream: "note-1".parse().unwrap(),
            version: StreamVersion::new(position),
            position: Position::new(position),
            recorded_at: DateTime::UNIX_EPOCH + TimeDelta::microseconds(micros),
        },
    )
}

/// In the flow `flow`, because of `cause`.
fn says(flow: u128, cause: u128) -> Metadata {
    Metadata::new().with_correlation(Uuid::from_u128(flow)).with_causation(Uuid::from_u128(cause))
}

/// The stems and the numbers of what is in the tree; of what is no event, its line.
fn shape(tree: &CausalTree) -> Vec<String> {
    let line = |branch: Branch<'_>| match branch.origin() {
        Origin::Event { .. } => {
            format!("{}{}", branch.stem(), branch.origin().id().as_u128())
        }
        _ => format!("{}{branch}", branch.stem()).replace("00000000-0000-0000-0000-000000000", ""),
    };
    tree.branches().map(line).collect()
}

#[test]
fn events_of_one_command_stand_together_below_it() {
    let tree = CausalTree::of([
        event(1, says(0x90, 0x90), 1),
        event(2, says(0x90, 0x91), 2),
        event(3, says(0x90, 0x90), 3),
        event(4, says(0x90, 0x91), 4),
    ]);
    let expected = ["flow 090", "├─ 1", "├─ cause 091", "│  ├─ 2", "│  └─ 4", "└─ 3"];
    assert_eq!(shape(&tree), expected);
}

#[test]
fn an_event_is_below_its_cause_whatever_log_and_clock_either_has() {
    let effect = Metadata::caused_by(&event(7, says(0x90, 0x90), 50));
    let tree = Evidence::new()
        .events("late", [event(9, effect, 1)])
        .events("early", [event(7, says(0x90, 0x90), 50)])
        .tree();
    assert_eq!(shape(&tree), ["flow 090", "└─ 7", "   └─ 9"]);
}

#[test]
fn an_event_without_a_flow_begins_one_and_one_without_a_cause_is_below_the_beginning() {
    let alone = event(1, Metadata::new(), 1);
    let caused = Metadata::caused_by(&alone);
    let of_flow = Metadata::new().with_correlation(Uuid::from_u128(1));
    let tree = CausalTree::of([event(3, of_flow, 3), event(2, caused, 2), alone]);
    assert_eq!(shape(&tree), ["1", "├─ 2", "└─ 3"]);
}

#[test]
fn events_of_one_log_stand_in_its_order_though_its_clock_goes_back() {
    let tree = CausalTree::of([
        event(1, says(0x90, 0x90), 30),
        event(2, says(0x90, 0x90), 10),
        event(3, says(0x90, 0x90), 20),
    ]);
    assert_eq!(shape(&tree), ["flow 090", "├─ 1", "├─ 2", "└─ 3"]);
}

#[test]
fn messages_and_commands_join_what_several_services_have_done() {
    let message = |id: u128, because: u128| {
        let (kind, key) = (MessageType::new("Said").unwrap(), OrderingKey::new("1").unwrap());
        Envelope::new(MessageId::new(Uuid::from_u128(id)), kind, key, "{}")
            .with_metadata(says(0x90, because))
    };
    // The second message answers the first, and no event was kept of that.
    let said = [message(0x70, 1), message(0x71, 0x70)];
    let tree = Evidence::new()
        .events("order", [event(1, says(0x90, 0x90), 1)])
        .events("payment", [event(5, says(0x90, 0x71), 2)])
        .messages(&said)
        .cause(Uuid::from_u128(0x90), "place\nit", None)
        .tree();
    let expected = ["place it 090", "└─ 1", "   └─ Said 070", "      └─ Said 071", "         └─ 5"];
    assert_eq!(shape(&tree), expected);
}

#[test]
fn each_line_says_when_where_what_and_by_whom_and_shows_no_payload() {
    let by = says(0x90, 0x90).with_actor("alice").unwrap();
    let tree = Evidence::new()
        .events("shop", [event(1, by, 1), event(2, Metadata::new(), 1_500_000)])
        .tree();
    let expected = "flow 00000000-0000-0000-0000-000000000090\n\
                    └─ 1970-01-01T00:00:00.000001Z shop note-1@1 Noted by alice\n\
                    1970-01-01T00:00:01.500000Z shop note-1@2 Noted\n";
    assert_eq!(tree.to_string(), expected);
}

#[test]
fn ids_in_a_circle_lose_no_event_and_the_first_of_them_is_on_top() {
    let itself = event(1, says(1, 1), 1);
    let circle = [event(2, says(9, 4), 2), event(3, says(9, 2), 3), event(4, says(9, 3), 4)];
    let tree = CausalTree::of(circle.into_iter().rev().chain([itself]));
    assert_eq!(shape(&tree), ["1", "2", "└─ 3", "   └─ 4"]);
    let told = |id, because| (Uuid::from_u128(id), Some(Uuid::from_u128(because)));
    let [(one, then), (other, back)] = [told(0x70, 0x71), told(0x71, 0x70)];
    let tree = Evidence::new()
        .events("", [event(5, says(0x90, 0x70), 1)])
        .cause(one, "one", then)
        .cause(other, "other", back)
        .tree();
    assert_eq!(shape(&tree), ["one 070", "└─ 5"]);
}

#[test]
fn an_id_that_two_events_have_loses_neither_and_an_event_that_is_given_twice_is_there_once() {
    let same = |log: &str| event(1, Metadata::new().with_actor(log).unwrap(), 1);
    let tree = Evidence::new()
        .events("a", [same("a"), same("a")])
        .events("b", [same("b")])
        .events("a", [same("a"), event(2, Metadata::caused_by(&same("b")), 2)])
        .tree();
    assert_eq!(shape(&tree), ["1", "└─ 2", "1"]);
}

#[test]
fn a_flow_deeper_than_a_stack_is_walked_and_its_innermost_levels_drawn() {
    let deep = (1..=100_000).map(|id| event(id, says(1, id - 1), 1));
    let tree = CausalTree::of(deep);
    assert_eq!(tree.branches().last().unwrap().depth(), 100_000);
    let drawn = tree.to_string();
    let last = drawn.lines().last().unwrap();
    assert!(
        last.starts_with("⋯  ") && last.contains("└─ ") && last.ends_with("note-1@100000 Noted")
    );
    assert!(last.len() < 300, "{last}");
}

/// Whether `above` is on the way up from `branch`, or is it.
fn is_below(branch: Branch<'_>, above: Uuid) -> bool {
    let mut at = Some(branch);
    while let Some(here) = at {
        if here.origin().id() == above {
            return true;
        }
        at = here.parent();
    }
    false
}

/// What an event says of its cause, or else of its flow.
fn told(event: &RecordedEvent) -> Option<Uuid> {
    let (id, metadata) = (event.id().as_uuid(), event.metadata());
    let cause = metadata.causation().filter(|cause| *cause != id);
    cause.or(metadata.correlation().filter(|flow| *flow != id))
}

/// A log's name, an event's flow and cause, and when it was recorded.
fn facts() -> impl Strategy<Value = Vec<(bool, Option<u128>, Option<u128>, i64)>> {
    let id = || proptest::option::of(1u128..24);
    proptest::collection::vec((any::<bool>(), id(), id(), 0i64..12), 0..16)
}

/// `causes` are those of which it was told what they are.
fn check(events: &[(&'static str, RecordedEvent)], causes: &[Uuid], tree: &CausalTree) {
    let mut found = HashMap::new();
    for branch in tree.branches() {
        let above = branch.parent().map(|parent| parent.origin().id());
        assert_eq!(above.is_none(), branch.depth() == 0);
        // What is above was met before, once.
        assert!(above.is_none_or(|above| found.contains_key(&above)), "{tree}");
        assert!(found.insert(branch.origin().id(), branch).is_none(), "twice: {tree}");
    }
    assert_eq!(tree.events().count(), events.len());
    for (_, event) in events {
        let id = event.id().as_uuid();
        let branch = found[&id];
        let (above, expected) = (branch.parent().map(|parent| parent.origin().id()), told(event));
        // It is below what it says; or that is below it, and then it is at the top.
        if above != expected {
            let expected = expected.unwrap();
            // All that is known of a cause that is not there is that it comes back to this event: as was told, or by what began its
            // flow.
            let comes_back = |cause: Uuid| {
                let below = found.get(&cause).map(|branch| is_below(*branch, id));
                below.unwrap_or_else(|| causes.contains(&cause))
            };
            let flow = event.metadata().correlation().filter(|_| !found.contains_key(&expected));
            let is_above = comes_back(expected) || flow.is_some_and(comes_back);
            assert!(above.is_none() && is_above, "{id}: {tree}");
        }
    }
    check_order(events, tree);
}

/// Whether `above` is it, or is above it with no other event between.
fn is_next_below(branch: Branch<'_>, above: Uuid) -> bool {
    let mut at = branch;
    while at.origin().id() != above {
        match at.parent() {
            Some(parent) if parent.origin().id() == above || parent.origin().event().is_none() => {
                at = parent;
            }
            _ => return false,
        }
    }
    true
}

/// Side by side, all stand by the first event that is there or next below: by time, and within a log in its order.
fn check_order(events: &[(&'static str, RecordedEvent)], tree: &CausalTree) {
    let (mut latest, mut keys) = (HashMap::new(), HashMap::new());
    for (log, event) in events {
        let latest = latest.entry(log).or_insert(event.recorded_at());
        *latest = event.recorded_at().max(*latest);
        keys.insert(event.id().as_uuid(), (*latest, *log, event.position()));
    }
    let key = |branch: Branch<'_>| {
        if let Some(event) = branch.origin().event() {
            return keys[&event.id().as_uuid()];
        }
        let led_to = tree.events().filter(|event| {
            let effect = tree.branches().find(|other| other.origin().id() == event.id().as_uuid());
            is_next_below(effect.unwrap(), branch.origin().id())
        });
        led_to.map(|event| keys[&event.id().as_uuid()]).min().unwrap()
    };
    let mut before: HashMap<Option<Uuid>, _> = HashMap::new();
    for branch in tree.branches() {
        let above = branch.parent().map(|parent| parent.origin().id());
        let key = key(branch);
        assert!(before.insert(above, key).is_none_or(|before| before < key), "{tree}");
    }
}

proptest! {
    /// Whatever ids are in them, and in whatever order they are given.
    #[test]
    fn every_event_is_in_the_tree_once_below_its_cause(
        facts in facts(),
        links in proptest::collection::vec((1u128..24, proptest::option::of(1u128..24)), 0..6),
        seed: u64,
    ) {
        let mut events = Vec::new();
        for (id, (is_first, flow, cause, micros)) in (1..).zip(facts) {
            let mut says = Metadata::new();
            says = flow.into_iter().fold(says, |says, id| says.with_correlation(Uuid::from_u128(id)));
            says = cause.into_iter().fold(says, |says, id| says.with_causation(Uuid::from_u128(id)));
            events.push((if is_first { "a" } else { "b" }, event(id, says, micros)));
        }
        let mut given = events.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut given);
        let mut evidence = Evidence::new().events("a", []).events("b", []);
        let causes: Vec<_> = links.iter().map(|(id, _)| Uuid::from_u128(*id)).collect();
        for (id, because) in links {
            evidence = evidence.cause(Uuid::from_u128(id), "told", because.map(Uuid::from_u128));
        }
        for (log, event) in given {
            evidence = evidence.events(log, [event]);
        }
        let tree = evidence.tree();
        check(&events, &causes, &tree);
        prop_assert_eq!(tree.to_string().lines().count(), tree.branches().len());
    }

    /// One flow is one tree, whatever else its events say, as long as they do not say that it was caused by what it has caused.
    #[test]
    fn a_flow_is_one_tree(causes in proptest::collection::vec((any::<bool>(), 0u128..20), 1..20)) {
        let events = (1u128..).zip(causes).map(|(id, (is_known, cause))| {
            // What came before, or something that nobody knows.
            event(id, says(0x90, if is_known { cause % id } else { 0x100 + cause }), 0)
        });
        let tree = CausalTree::of(events);
        let tops = tree.branches().filter(|branch| branch.parent().is_none());
        prop_assert_eq!(tops.count(), 1);
    }
}
