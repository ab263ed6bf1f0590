//! A commit that the model can look into.

use crate::types::{Commit, ExpectedVersion, InboxKey, InvalidCommit, NewEvent, StreamId};

/// A commit that can be looked into.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) appends: Vec<(StreamId, ExpectedVersion, Vec<NewEvent>)>,
    pub(super) checks: Vec<(StreamId, ExpectedVersion)>,
    pub(super) inbox: Option<InboxKey>,
}

impl Plan {
    pub(super) fn commit(&self) -> Commit {
        let mut commit = Commit::new();
        for (stream, expected, events) in &self.appends {
            commit = commit.append(stream, *expected, events.clone());
        }
        for (stream, expected) in &self.checks {
            commit = commit.check(stream, *expected);
        }
        match &self.inbox {
            Some(key) => commit.inbox(key.clone()),
            None => commit,
        }
    }

    pub(super) fn events(&self) -> impl Iterator<Item = (&StreamId, &NewEvent)> {
        self.appends.iter().flat_map(|(stream, _, events)| events.iter().map(move |e| (stream, e)))
    }

    /// Why no store may take it (S7).
    pub(super) fn malformed(&self) -> Option<InvalidCommit> {
        if self.appends.is_empty() && self.checks.is_empty() && self.inbox.is_none() {
            return Some(InvalidCommit::Empty);
        }
        let goes_on = |events: &[NewEvent]| events.iter().rev().skip(1).any(NewEvent::closes);
        let behind = self.appends.iter().find(|(_, _, events)| goes_on(events));
        behind.map(|(stream, ..)| InvalidCommit::BehindClosing(stream.clone()))
    }
}
