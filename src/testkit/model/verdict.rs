//! What a store may answer, from nothing but the list of what was written.

use super::expect::Model;
use super::plan::Plan;
use crate::ports::CommitError;
use crate::types::{Committed, ExpectedVersion, InvalidCommit, StreamId};

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
    /// Something is appended to a stream that was closed.
    Closed,
    Invalid(InvalidCommit),
}

impl Model {
    /// The expectations of `plan` that do not hold. Nothing can be expected of a closed stream that is to be written.
    fn failing<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> impl Iterator<Item = (&'a StreamId, ExpectedVersion)> {
        let open = plan.appends.iter().filter(|(stream, ..)| !self.is_closed(stream));
        let appends = open.map(|(stream, expected, _)| (stream, *expected));
        let guards =
            appends.chain(plan.checks.iter().map(|(stream, expected)| (stream, *expected)));
        guards.filter(|(stream, expected)| !expected.admits(self.version(stream), None))
    }

    /// The streams that `plan` would append to though they are closed.
    fn late<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = &'a StreamId> {
        plan.appends.iter().map(|(stream, ..)| stream).filter(|stream| self.is_closed(stream))
    }

    /// What the contract lets a store do with `plan`. More than one where clauses meet and none has the
    /// last word: an id that is reused by a commit that conflicts as well, or one stream that is closed beside another at
    /// another version than expected.
    pub(super) fn verdicts(&self, plan: &Plan) -> Vec<Verdict> {
        if let Some(why) = plan.malformed() {
            return vec![Verdict::Invalid(why)];
        }
        if let Some(first) = plan.inbox.as_ref().and_then(|key| self.inbox.get(key)) {
            return vec![Verdict::Repeats(first.clone().as_duplicate())];
        }
        let closed = self.late(plan).next().map(|_| Verdict::Closed);
        let conflicts = self.failing(plan).next().map(|_| Verdict::Conflicts);
        let refused = closed.into_iter().chain(conflicts);
        let recorded: Vec<_> =
            plan.events().filter_map(|(_, e)| self.places.get(&e.id())).collect();
        if recorded.is_empty() {
            let refused: Vec<_> = refused.collect();
            return if refused.is_empty() { vec![Verdict::Written] } else { refused };
        }
        let same = plan.events().all(|(stream, event)| {
            self.recorded(event.id()).is_some_and(|r| r.stream() == stream && r.records(event))
        });
        if !same {
            return [Verdict::Reused].into_iter().chain(refused).collect();
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
            (Verdict::Closed, CommitError::Closed(closed)) => {
                closed.version() == self.version(closed.stream())
                    && self.late(plan).any(|late| late == closed.stream())
            }
            (Verdict::Reused, CommitError::IdReused(id)) => {
                self.places.contains_key(id) && plan.events().any(|(_, event)| event.id() == *id)
            }
            // S8 sees to it that this is said of all or none.
            (_, CommitError::Invalid(InvalidCommit::Unsupported(_))) => {
                !plan.checks.is_empty() || plan.inbox.is_some()
            }
            (Verdict::Invalid(why), CommitError::Invalid(said)) => said == why,
            _ => false,
        }
    }
}
