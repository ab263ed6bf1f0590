//! What is being committed, and what nobody else touches meanwhile.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};

use super::committer::Committer;
use super::group::Job;
use super::rows::goes_apart;
use crate::types::{LeaseName, Parts, RowKey, RowSet, StreamId};

/// What two commits can both touch, so that it matters which of them comes first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    Stream(StreamId),
    /// With its checkpoints.
    Lease(LeaseName),
    Row(RowSet, RowKey),
}

/// What a commit touches, and whether it writes it.
pub(super) fn things(parts: &Parts) -> impl Iterator<Item = (Thing, bool)> {
    let stream = |stream: &StreamId| Thing::Stream(stream.clone());
    let written = parts.appends.iter().map(move |append| (stream(&append.stream), true));
    let checked = parts.checks.iter().map(move |check| (stream(&check.stream), false));
    let leases = parts.advance.iter().map(|to| (Thing::Lease(to.lease.name().clone()), true));
    let rows = parts.rows.iter().map(|row| (Thing::Row(row.set.clone(), row.key.clone()), true));
    written.chain(checked).chain(leases).chain(rows)
}

/// The groups that are being committed. What one commit writes is written and checked by no other: two statements on two
/// connections would come in any order.
#[derive(Default)]
pub(super) struct UnderWay {
    /// Each ends with what it had.
    groups: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// How many of them are one commit that goes apart.
    apart: usize,
    things: HashMap<Thing, User>,
}

/// Who has a thing.
enum User {
    Writer,
    Checkers(usize),
}

/// A group that has ended.
struct Ended {
    taken: Vec<Thing>,
    was_apart: bool,
}

impl UnderWay {
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many groups of events there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len() - self.apart
    }

    /// How many commits go apart.
    pub(super) const fn apart(&self) -> usize {
        self.apart
    }

    /// Takes what a commit touches, if nobody is in the way.
    pub(super) fn take(&mut self, parts: &Parts) -> bool {
        // Nearly every commit writes one stream: it is looked up once.
        if let ([append], []) = (parts.appends.as_slice(), parts.checks.as_slice())
            && !goes_apart(parts)
        {
            return match self.things.entry(Thing::Stream(append.stream.clone())) {
                Entry::Occupied(_) => false,
                Entry::Vacant(free) => {
                    free.insert(User::Writer);
                    true
                }
            };
        }
        let is_free = |(thing, writes): (Thing, bool)| match self.things.get(&thing) {
            None => true,
            Some(User::Checkers(_)) => !writes,
            Some(User::Writer) => false,
        };
        if !things(parts).all(is_free) {
            return false;
        }
        for (thing, writes) in things(parts) {
            match self.things.entry(thing).or_insert(User::Checkers(0)) {
                user if writes => *user = User::Writer,
                User::Checkers(count) => *count += 1,
                User::Writer => {}
            }
        }
        true
    }

    /// Commits a group for which all is taken.
    pub(super) fn begin(&mut self, committer: &Arc<Committer>, group: Vec<Job>) {
        let taken =
            group.iter().flat_map(|job| things(&job.parts)).map(|(thing, _)| thing).collect();
        let was_apart = group.iter().any(|job| goes_apart(&job.parts));
        let committer = Arc::clone(committer);
        let commit = async move { committer.commit(group).await };
        // A panic is the end of a group, and not of all that come after it.
        let ended = move |_| Ended { taken, was_apart };
        self.groups.push(AssertUnwindSafe(commit).catch_unwind().map(ended).boxed());
        self.apart += usize::from(was_apart);
    }

    /// Works on the groups until one has ended; if there is none, it returns at once.
    pub(super) async fn end_one(&mut self) {
        let Some(Ended { taken, was_apart }) = self.groups.next().await else { return };
        self.apart -= usize::from(was_apart);
        for thing in taken {
            if let Entry::Occupied(mut user) = self.things.entry(thing) {
                match user.get_mut() {
                    User::Checkers(count) if *count > 1 => *count -= 1,
                    _ => drop(user.remove()),
                }
            }
        }
    }
}
