//! S7, S8 and S9: what a store must not take, and must not lose.

use std::iter::successors;

use super::Harness;
use super::kit::{
    Log, advance, append, event, events, id, inbox, message, name, never_granted, row, stream,
};
use super::store_closed::closing;
use crate::ports::{CommitError, Fault};
use crate::types::{
    Commit, DedupKey,
    ExpectedVersion::{Any, NoStream, StreamExists},
    InvalidCommit, Limits, NewEvent, PartKind, StreamVersion,
};

/// Limits beyond these are too large to be tried.
const COUNT_MAX: usize = 20_000;
const BYTES_MAX: usize = 64 << 20;

async fn invalid(log: &Log, commit: Commit) -> InvalidCommit {
    match log.refused(commit, &[&stream("a"), &stream("b")]).await {
        CommitError::Invalid(why) => why,
        other => panic!("expected an invalid commit, not {other:?}"),
    }
}

/// S7: a malformed commit is refused with the reason, also where its parts alone would be fine, and
/// before a repetition is looked for.
pub async fn s07_a_malformed_commit_is_refused(h: &dyn Harness) {
    let log = Log::open(h, "s07").await;
    let [a, b] = ["a", "b"].map(stream);
    let checks = log.keeps(PartKind::Checks).await;
    let keys = log.keeps(PartKind::Inbox).await;
    // Once on an empty log, and once where the streams and some of the events are there.
    for _ in 0..2 {
        assert_eq!(invalid(&log, Commit::new()).await, InvalidCommit::Empty);
        for commit in [append(&a, Any, &[]), append(&b, Any, &["x"]).and(append(&a, Any, &[]))] {
            assert_eq!(invalid(&log, commit).await, InvalidCommit::NoEvents(a.clone()));
        }
        let mut twice = vec![append(&a, Any, &["x"]).and(append(&a, Any, &["y"]))];
        if checks {
            twice.push(append(&a, Any, &["x"]).check(&a, Any));
            twice.push(Commit::new().check(&a, Any).append(&b, Any, [event("y")]).check(&a, Any));
        }
        for commit in twice {
            assert_eq!(invalid(&log, commit).await, InvalidCommit::StreamTwice(a.clone()));
        }
        for commit in [
            append(&a, Any, &["x", "x"]),
            append(&a, Any, &["x"]).and(append(&b, Any, &["y", "x"])),
            Commit::new().append(&a, Any, [event("x"), NewEvent::new(id("x"), name("Other"), "")]),
        ] {
            assert_eq!(invalid(&log, commit).await, InvalidCommit::EventTwice(id("x")));
        }
        let behind = Commit::new().append(&a, Any, [closing("x"), event("y")]);
        for commit in [behind.clone(), append(&b, Any, &["z"]).and(behind)] {
            assert_eq!(invalid(&log, commit).await, InvalidCommit::BehindClosing(a.clone()));
        }
        if keys {
            let merged = append(&a, Any, &["x"]).inbox(inbox("m1")).inbox(inbox("m2"));
            assert_eq!(invalid(&log, merged).await, InvalidCommit::Merged(PartKind::Inbox));
        }
        log.commit(append(&a, Any, &["x"])).await;
    }
}

/// Every kind of part. A new kind does not compile until it stands here.
fn kinds() -> impl Iterator<Item = PartKind> {
    successors(Some(PartKind::Appends), |kind| match kind {
        PartKind::Appends => Some(PartKind::Checks),
        PartKind::Checks => Some(PartKind::Inbox),
        PartKind::Inbox => Some(PartKind::Messages),
        PartKind::Messages => Some(PartKind::Rows),
        PartKind::Rows => Some(PartKind::Advance),
        PartKind::Advance => None,
    })
}

/// S8: each kind of part, alone and beside the others, either does what it is for or is refused as
/// unsupported.
pub async fn s08_every_kind_of_part_is_kept_or_refused(h: &dyn Harness) {
    let log = Log::open(h, "s08").await;
    let mut kept = Vec::new();
    for kind in kinds() {
        let n = kept.len();
        if is_kept(&log, kind, &[], &format!("alone {n}")).await {
            kept.push(kind);
        }
    }
    for kind in kept.clone() {
        let others: Vec<_> = kept.iter().copied().filter(|other| *other != kind).collect();
        let tag = format!("beside {kind:?}");
        assert!(
            is_kept(&log, kind, &others, &tag).await,
            "{kind} are kept alone, not beside others"
        );
    }
}

/// Commits a part of `kind` beside parts of the kinds in `beside`, and sees whether it did its work.
async fn is_kept(log: &Log, kind: PartKind, beside: &[PartKind], tag: &str) -> bool {
    let [mut good, mut wrong] = [Commit::new(), Commit::new()];
    for kind in beside.iter().chain([&kind]) {
        good = part(good, *kind, tag, true);
        wrong = part(wrong, *kind, tag, false);
    }
    if kind == PartKind::Checks {
        match log.refused(wrong, &[&stream(tag)]).await {
            CommitError::Conflict(_) => {}
            CommitError::Invalid(InvalidCommit::Unsupported(PartKind::Checks)) => return false,
            other => panic!("a check that does not hold was answered {other:?}"),
        }
    }
    // Rows without a set and a checkpoint without a lease are refused by who keeps them, too: what matters is that the
    // commit is not written without them. That they are kept is for the suite of stores of rows to say.
    if matches!(kind, PartKind::Rows | PartKind::Advance) {
        match log.refused(good.append(&stream(tag), Any, [event(tag)]), &[&stream(tag)]).await {
            CommitError::Fenced(_) if kind == PartKind::Advance => {}
            CommitError::Backend(why)
                if kind == PartKind::Rows && why.fault() == Fault::Missing => {}
            CommitError::Invalid(InvalidCommit::Unsupported(refused)) if refused == kind => {}
            other => panic!("{kind} were answered {other:?}"),
        }
        return false;
    }
    let first = match log.answer(good.clone()).await {
        Err(CommitError::Invalid(InvalidCommit::Unsupported(refused))) if refused == kind => {
            assert!(log.stream(&stream(tag)).await.is_empty(), "a refused commit was written");
            return false;
        }
        answer => answer.unwrap_or_else(|e| panic!("{kind} beside {beside:?}: {e:?}")),
    };
    match kind {
        PartKind::Appends => log.holds(&stream(tag), &[tag]).await,
        // What an outbox holds is for the suite of outboxes to say.
        PartKind::Checks | PartKind::Messages | PartKind::Rows | PartKind::Advance => {}
        PartKind::Inbox => {
            let known = log.outcome(&DedupKey::Inbox(inbox(tag))).await;
            assert!(known.is_some(), "the inbox key is not kept beside {beside:?}");
            log.repeated(Commit::new().inbox(inbox(tag)), &first).await;
        }
    }
    true
}

fn part(commit: Commit, kind: PartKind, tag: &str, holds: bool) -> Commit {
    match kind {
        PartKind::Appends => commit.append(&stream(tag), Any, [event(tag)]),
        PartKind::Checks => {
            let expected = if holds { NoStream } else { StreamExists };
            commit.check(&stream(&format!("checked {tag}")), expected)
        }
        PartKind::Inbox => commit.inbox(inbox(tag)),
        PartKind::Messages => commit.send(&message(tag, "of the suite")),
        PartKind::Rows => commit.rows([row("unprepared", tag, "1")]),
        PartKind::Advance => commit.advance(advance(&never_granted(), 0, 1)),
    }
}

/// S9: a commit as large as the limits allow is kept, and one that is larger by one is refused, for each
/// limit that a test can reach.
pub async fn s09_a_commit_beyond_the_limits_is_refused(h: &dyn Harness) {
    let log = Log::open(h, "s09").await;
    let limits = *log.0.limits();
    let checks = log.keeps(PartKind::Checks).await;
    let reachable = |limit, max| (limit < max).then_some(limit);
    let too_large = async |what: &str, limit: usize, at: Commit, beyond: Commit| {
        let error = invalid(&log, beyond).await;
        let InvalidCommit::TooLarge { actual, limit: said, .. } = error else {
            panic!("too many {what} were answered {error:?}");
        };
        assert_eq!((actual, said), (limit + 1, limit), "what is said of too many {what}");
        log.commit(at).await;
    };
    if let Some(max) = reachable(limits.streams_per_commit_max, COUNT_MAX)
        && checks
    {
        let over = |count: usize| {
            let written =
                append(&stream(&format!("of {count}")), Any, &[&format!("streams {count}")]);
            let guarded = (1..count).map(|n| stream(&format!("guarded {n}")));
            guarded.fold(written, |commit, stream| commit.check(&stream, Any))
        };
        too_large("streams", max, over(max), over(max + 1)).await;
    }
    if let Some(max) = reachable(limits.events_per_commit_max, COUNT_MAX) {
        let of = |count: usize| Commit::new().append(&stream("many"), Any, empty_events(count));
        too_large("events", max, of(max), of(max + 1)).await;
    }
    if let Some(max) =
        reachable(limits.bytes_per_event_max.min(limits.bytes_per_commit_max), BYTES_MAX)
    {
        let of = |bytes| Commit::new().append(&stream("large"), Any, [sized("large", bytes)]);
        too_large("bytes in one event", max, of(max), of(max + 1)).await;
    }
    if let Some(max) = reachable(limits.bytes_per_commit_max, BYTES_MAX)
        && max.div_ceil(limits.bytes_per_event_max.max(1))
            < limits.events_per_commit_max.min(COUNT_MAX)
    {
        let of = |bytes| Commit::new().append(&stream("heavy"), Any, shared_out(bytes, &limits));
        too_large("bytes", max, of(max), of(max + 1)).await;
    }
    let after = log.commit(append(&stream("after"), NoStream, &["after"])).await;
    assert_eq!(after.version_of(&stream("after")), Some(StreamVersion::new(1)));
}

fn empty_events(count: usize) -> Vec<NewEvent> {
    events("empty", count as u64)
        .into_iter()
        .map(|event| NewEvent::new(event.id(), event.name().clone(), ""))
        .collect()
}

fn sized(tag: &str, bytes: usize) -> NewEvent {
    NewEvent::new(id(tag), name("Tested"), vec![b'x'; bytes])
}

/// Events that are `bytes` long together, none beyond the limit for one.
fn shared_out(bytes: usize, limits: &Limits) -> Vec<NewEvent> {
    let mut rest = bytes;
    let mut events = Vec::new();
    while rest > 0 {
        let next = rest.min(limits.bytes_per_event_max);
        events.push(sized(&format!("share {}", events.len()), next));
        rest -= next;
    }
    events
}
