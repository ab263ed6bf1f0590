//! The arguments of the function that commits a group.

use super::row;
use super::value::Uuid;
use crate::types::{ExpectedVersion, NewEvent, Parts, StreamId};

/// The arguments of the function that commits.
pub(super) struct Arrays<'p> {
    pub(super) guards: Guards<'p>,
    pub(super) events: Events<'p>,
    pub(super) keys: Keys<'p>,
    /// Where the guards stand, commit by commit.
    pub(super) places: Vec<usize>,
}

pub(super) struct Guards<'p> {
    pub(super) commit: Vec<i32>,
    pub(super) category: Vec<&'p str>,
    pub(super) stream: Vec<&'p str>,
    pub(super) kind: Vec<i32>,
    pub(super) version: Vec<i64>,
    pub(super) newest: Vec<Option<Uuid>>,
}

pub(super) struct Events<'p> {
    pub(super) guard: Vec<i32>,
    pub(super) nth: Vec<i32>,
    pub(super) id: Vec<Uuid>,
    pub(super) name: Vec<&'p str>,
    pub(super) data: Vec<&'p [u8]>,
    pub(super) metadata: Vec<Option<String>>,
}

#[derive(Default)]
pub(super) struct Keys<'p> {
    pub(super) commit: Vec<i32>,
    pub(super) consumer: Vec<&'p str>,
    pub(super) message: Vec<&'p str>,
}

/// An expectation of a commit of the group.
type Guard<'p> = (i32, &'p StreamId, ExpectedVersion);

impl<'p> Arrays<'p> {
    pub(super) fn of(group: &[&'p Parts]) -> sqlx::Result<Self> {
        let (guards, places) = Guards::of(group);
        let all = group.iter().map(|parts| parts.events().count()).sum();
        let (mut events, mut keys) = (Events::with_room(all), Keys::default());
        let mut left = places.iter();
        for (no, parts) in (0_i32..).zip(group) {
            for (append, place) in parts.appends.iter().zip(left.by_ref()) {
                // Guards are counted from 1, as arrays are in SQL.
                let guard = i32::try_from(place + 1).unwrap_or(i32::MAX);
                for (nth, event) in (1_i32..).zip(&append.events) {
                    events.take(guard, nth, event)?;
                }
            }
            left.by_ref().take(parts.checks.len()).for_each(drop);
            if let Some(key) = &parts.inbox {
                keys.commit.push(no);
                keys.consumer.push(key.consumer());
                keys.message.push(key.message());
            }
        }
        Ok(Self { guards, events, keys, places })
    }
}

impl<'p> Guards<'p> {
    fn with_room(guards: usize) -> Self {
        Self {
            commit: Vec::with_capacity(guards),
            category: Vec::with_capacity(guards),
            stream: Vec::with_capacity(guards),
            kind: Vec::with_capacity(guards),
            version: Vec::with_capacity(guards),
            newest: Vec::with_capacity(guards),
        }
    }

    /// All of a group in the order of their streams, in which they are locked; and where each of them stands.
    fn of(group: &[&'p Parts]) -> (Self, Vec<usize>) {
        let guards = |(no, parts): (i32, &&'p Parts)| {
            parts.guards().map(move |(stream, expected)| (no, stream, expected))
        };
        let all = group.iter().map(|parts| parts.appends.len() + parts.checks.len()).sum();
        let mut order: Vec<(usize, Guard<'p>)> = Vec::with_capacity(all);
        order.extend((0_i32..).zip(group).flat_map(guards).enumerate());
        // As texts, which is the order of categories and ids too: no character of a category is before the `-` behind it.
        order.sort_unstable_by_key(|(_, (_, stream, _))| *stream);
        let (mut sorted, mut places) = (Self::with_room(all), vec![0; all]);
        for (place, (at, guard)) in order.into_iter().enumerate() {
            if let Some(found) = places.get_mut(at) {
                *found = place;
            }
            sorted.take(guard);
        }
        (sorted, places)
    }

    fn take(&mut self, (no, stream, expected): Guard<'p>) {
        let (kind, version, newest) = match expected {
            ExpectedVersion::Any => (0, 0, None),
            ExpectedVersion::NoStream => (1, 0, None),
            ExpectedVersion::StreamExists => (2, 0, None),
            ExpectedVersion::Exact(version) => (3, row::signed(version.get()), None),
            ExpectedVersion::After(event) => (4, 0, Some(Uuid(event.as_uuid()))),
        };
        self.commit.push(no);
        self.category.push(stream.category());
        self.stream.push(stream.id());
        self.kind.push(kind);
        self.version.push(version);
        self.newest.push(newest);
    }
}

impl<'p> Events<'p> {
    fn with_room(events: usize) -> Self {
        Self {
            guard: Vec::with_capacity(events),
            nth: Vec::with_capacity(events),
            id: Vec::with_capacity(events),
            name: Vec::with_capacity(events),
            data: Vec::with_capacity(events),
            metadata: Vec::with_capacity(events),
        }
    }

    fn take(&mut self, guard: i32, nth: i32, event: &'p NewEvent) -> sqlx::Result<()> {
        let metadata = event.metadata();
        let json = metadata.json().map_err(|why| sqlx::Error::Encode(why.into()))?;
        self.guard.push(guard);
        self.nth.push(nth);
        self.id.push(Uuid(event.id().as_uuid()));
        self.name.push(event.name().as_str());
        self.data.push(event.data());
        self.metadata.push(json);
        Ok(())
    }
}
