//! The model: what a store may answer, from nothing but the list of what was written.

use std::collections::HashMap;

use uuid::Uuid;

use super::calls::{Change, Expect, NewCommit, STREAMS};
use super::plan::Plan;
use crate::ports::CommitError;
use crate::types::{
    Committed, EventId, EventName, ExpectedVersion, InboxKey, InvalidCommit, Metadata, NewEvent,
    Position, RecordedEvent, StreamId, StreamVersion,
};

/// What a store may do with a plan.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Written,
    /// Nothing is written, and the answer is that one.
    Repeats(Committed),
    /// Nothing is written: all events are recorded, but not as one commit with just these parts.
    RepeatsInPart,
    Reused,
    Conflicts,
    Empty,
}

/// All that was written, and what was tried.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) feed: Vec<RecordedEvent>,
    /// Where each recorded event is in the feed, and which commit wrote it.
    places: HashMap<EventId, (usize, usize)>,
    answers: Vec<(Vec<EventId>, Committed)>,
    pub(super) inbox: HashMap<InboxKey, Committed>,
    pub(super) plans: Vec<Plan>,
    drawn: u128,
}

pub(super) fn stream(index: usize) -> StreamId {
    let (category, id) = STREAMS[index % STREAMS.len()];
    StreamId::new(category, id).expect("the model's streams are well formed")
}

pub(super) fn message(number: u8) -> InboxKey {
    InboxKey::new("model", &number.to_string()).expect("the model's keys are well formed")
}

fn event_name(name: &'static str) -> EventName {
    EventName::from_static(name).expect("the model's names are well formed")
}

impl Model {
    pub(super) fn head(&self) -> Position {
        self.feed.last().map_or(Position::START, RecordedEvent::position)
    }

    pub(super) fn stream<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> impl Iterator<Item = &'a RecordedEvent> {
        self.feed.iter().filter(move |event| event.stream() == stream)
    }

    pub(super) fn version(&self, stream: &StreamId) -> StreamVersion {
        StreamVersion::new(self.stream(stream).count() as u64)
    }

    pub(super) fn recorded(&self, id: EventId) -> Option<&RecordedEvent> {
        self.places.get(&id).map(|(place, _)| &self.feed[*place])
    }

    fn expected(&self, stream: &StreamId, expect: Expect) -> ExpectedVersion {
        let at = self.version(stream).get();
        match expect {
            Expect::Any => ExpectedVersion::Any,
            Expect::NoStream => ExpectedVersion::NoStream,
            Expect::StreamExists => ExpectedVersion::StreamExists,
            Expect::Right => StreamVersion::new(at).into(),
            Expect::Ahead(by) => StreamVersion::new(at + by).into(),
            Expect::Behind(by) => StreamVersion::new(at.saturating_sub(by)).into(),
        }
    }

    fn fresh_event(&mut self) -> NewEvent {
        self.drawn += 1;
        let id = EventId::new(Uuid::from_u128(self.drawn));
        let data = format!(r#"{{"n":{}}}"#, self.drawn);
        let event = NewEvent::new(id, event_name("Drawn"), data);
        if self.drawn.is_multiple_of(2) {
            return event;
        }
        event.with_metadata(Metadata::new().with_correlation(Uuid::from_u128(self.drawn / 3)))
    }

    /// The commit that chance has drawn, with today's versions. A stream that was drawn twice counts once.
    pub(super) fn plan(&mut self, drawn: &NewCommit) -> Plan {
        let mut plan = Plan { inbox: drawn.inbox.map(message), ..Plan::default() };
        let mut taken = Vec::new();
        for (index, expect, count) in &drawn.appends {
            let stream = stream(*index);
            if !taken.contains(&stream) {
                taken.push(stream.clone());
                let events = (0..*count).map(|_| self.fresh_event()).collect();
                plan.appends.push((stream.clone(), self.expected(&stream, *expect), events));
            }
        }
        for (index, expect) in &drawn.checks {
            let stream = stream(*index);
            if !taken.contains(&stream) {
                taken.push(stream.clone());
                plan.checks.push((stream.clone(), self.expected(&stream, *expect)));
            }
        }
        plan
    }

    /// An earlier plan with other expectations.
    pub(super) fn expecting(&self, mut plan: Plan, expect: Expect) -> Plan {
        for (stream, expected, _) in &mut plan.appends {
            *expected = self.expected(stream, expect);
        }
        plan
    }

    /// An earlier plan with something changed.
    pub(super) fn changed(&mut self, mut plan: Plan, change: Change) -> Plan {
        plan.inbox = None;
        let more = self.fresh_event();
        let Some((_, _, events)) = plan.appends.last_mut() else { return plan };
        let Some(last) = events.pop() else { return plan };
        match change {
            Change::Data => events.push(
                NewEvent::new(last.id(), last.name().clone(), "{}")
                    .with_metadata(last.metadata().clone()),
            ),
            Change::Name => events.push(
                NewEvent::new(last.id(), event_name("Other"), last.data().clone())
                    .with_metadata(last.metadata().clone()),
            ),
            Change::Metadata => {
                let metadata = Metadata::new().with_causation(Uuid::nil());
                events.push(last.with_metadata(metadata));
            }
            Change::More => events.extend([last, more]),
            Change::Fewer => {}
            Change::Stream | Change::EventsOnly => events.push(last),
        }
        if matches!(change, Change::Stream) {
            for (written, _, _) in &mut plan.appends {
                let place = (0..STREAMS.len()).find(|n| stream(*n) == *written).unwrap_or_default();
                *written = stream(place + 1);
            }
        }
        if matches!(change, Change::EventsOnly | Change::Stream) {
            plan.checks.clear();
        }
        plan.appends.retain(|(_, _, events)| !events.is_empty());
        plan
    }

    /// The expectations of `plan` that do not hold.
    fn failing<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> impl Iterator<Item = (&'a StreamId, ExpectedVersion)> {
        let appends = plan.appends.iter().map(|(stream, expected, _)| (stream, *expected));
        let guards =
            appends.chain(plan.checks.iter().map(|(stream, expected)| (stream, *expected)));
        guards.filter(|(stream, expected)| !expected.admits(self.version(stream), None))
    }

    /// What the contract lets a store do with `plan`. More than one where clauses meet and none has the
    /// last word: an id that is reused by a commit that conflicts as well.
    pub(super) fn verdicts(&self, plan: &Plan) -> Vec<Verdict> {
        if plan.is_empty() {
            return vec![Verdict::Empty];
        }
        if let Some(first) = plan.inbox.as_ref().and_then(|key| self.inbox.get(key)) {
            return vec![Verdict::Repeats(first.clone().as_duplicate())];
        }
        let conflicts = self.failing(plan).next().is_some();
        let recorded: Vec<_> =
            plan.events().filter_map(|(_, e)| self.places.get(&e.id())).collect();
        if recorded.is_empty() {
            return vec![if conflicts { Verdict::Conflicts } else { Verdict::Written }];
        }
        let same = plan.events().all(|(stream, event)| {
            self.recorded(event.id()).is_some_and(|r| r.stream() == stream && r.records(event))
        });
        if !same {
            let refused = [Verdict::Reused, Verdict::Conflicts];
            return refused.into_iter().take(if conflicts { 2 } else { 1 }).collect();
        }
        let ids: Vec<_> = plan.events().map(|(_, event)| event.id()).collect();
        let (of, answer) = &self.answers[recorded[0].1];
        if *of == ids && plan.inbox.is_none() {
            return vec![Verdict::Repeats(answer.clone().as_duplicate())];
        }
        // Events of several commits, a part of one, or old events with a new inbox key.
        vec![Verdict::RepeatsInPart, Verdict::Reused]
    }

    /// Whether `error` is what `verdict` says, with the right names in it.
    pub(super) fn fits(&self, plan: &Plan, verdict: &Verdict, error: &CommitError) -> bool {
        match (verdict, error) {
            (Verdict::Conflicts, CommitError::Conflict(conflict)) => {
                let named = (conflict.stream(), conflict.expected());
                conflict.actual() == self.version(conflict.stream())
                    && self.failing(plan).any(|failing| failing == named)
            }
            (Verdict::Reused, CommitError::IdReused(id)) => {
                self.places.contains_key(id) && plan.events().any(|(_, event)| event.id() == *id)
            }
            (Verdict::Empty, CommitError::Invalid(InvalidCommit::Empty)) => true,
            // S8 sees to it that this is said of all or none.
            (_, CommitError::Invalid(InvalidCommit::Unsupported(_))) => {
                !plan.checks.is_empty() || plan.inbox.is_some()
            }
            _ => false,
        }
    }

    /// Takes in what the store has written for `plan`, as it stands in the feed.
    pub(super) fn record(&mut self, plan: &Plan, written: Vec<RecordedEvent>, answer: &Committed) {
        for event in written {
            self.places.insert(event.id(), (self.feed.len(), self.answers.len()));
            self.feed.push(event);
        }
        let ids = plan.events().map(|(_, event)| event.id()).collect();
        self.answers.push((ids, answer.clone()));
        if let Some(key) = &plan.inbox {
            self.inbox.insert(key.clone(), answer.clone());
        }
    }
}
