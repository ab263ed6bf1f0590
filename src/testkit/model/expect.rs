//! The model: what was written and tried, and the commits that are made of it.

use std::collections::HashMap;

use uuid::Uuid;

use super::calls::{Change, Expect, NewCommit, STREAMS};
use super::plan::Plan;
use crate::types::{
    Closing, Committed, EventId, EventName, ExpectedVersion, InboxKey, Metadata, NewEvent,
    Position, RecordedEvent, StreamId, StreamVersion,
};

/// All that was written, and what was tried.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) feed: Vec<RecordedEvent>,
    /// Where each recorded event is in the feed, and which commit wrote it.
    pub(super) places: HashMap<EventId, (usize, usize)>,
    pub(super) answers: Vec<(Vec<EventId>, Committed)>,
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

    /// Whether the newest event of a stream has closed it.
    pub(super) fn is_closed(&self, stream: &StreamId) -> bool {
        self.stream(stream).last().is_some_and(RecordedEvent::closes)
    }

    fn fresh_event(&mut self) -> NewEvent {
        self.fresh(|id, drawn| {
            NewEvent::new(id, event_name("Drawn"), format!(r#"{{"n":{drawn}}}"#))
        })
    }

    fn fresh_closing(&mut self) -> NewEvent {
        self.fresh(|id, drawn| Closing::because(&format!("drawn as {drawn}")).event(id))
    }

    fn fresh(&mut self, make: impl FnOnce(EventId, u128) -> NewEvent) -> NewEvent {
        self.drawn += 1;
        let event = make(EventId::new(Uuid::from_u128(self.drawn)), self.drawn);
        if self.drawn.is_multiple_of(2) {
            return event;
        }
        event.with_metadata(Metadata::new().with_correlation(Uuid::from_u128(self.drawn / 3)))
    }

    /// The commit that chance has drawn, with today's versions. A stream that was drawn twice counts once.
    pub(super) fn plan(&mut self, drawn: &NewCommit) -> Plan {
        let mut plan = Plan { inbox: drawn.inbox.map(message), ..Plan::default() };
        let mut taken = Vec::new();
        for append in &drawn.appends {
            let stream = stream(append.stream);
            if !taken.contains(&stream) {
                taken.push(stream.clone());
                let others = append.events - usize::from(append.closes);
                let mut events: Vec<_> = (0..others).map(|_| self.fresh_event()).collect();
                if append.closes {
                    events.push(self.fresh_closing());
                }
                let expected = self.expected(&stream, append.expect);
                plan.appends.push((stream, expected, events));
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
