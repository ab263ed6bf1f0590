//! L7 and L8: checkpoints stay where they were moved, and are moved once.

use std::sync::Arc;

use futures::poll;
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};
use uuid::Uuid;

use super::RowHarness;
use super::kit::{advance, all, append, followed, id, inbox, lease_name, rounds, row, stream};
use super::row_kit::{HOUR, RowLog, count, is_fenced, keys, of_log, owner, texts_of};
use crate::ports::CommitError;
use crate::types::{
    Commit, ExpectedVersion::Any, InvalidCommit, Lease, LeaseName, LeaseState, LogId, PartKind,
    Position, Token,
};

const fn other_log() -> LogId {
    LogId::new(Uuid::from_u128(u128::MAX - 1))
}

/// L7: an advance moves the checkpoint of its lease in its log, and no other; they are told in the order of the logs.
pub async fn l07_an_advance_moves_its_checkpoint_and_no_other(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l07_apart").await;
    let names = ["job", "job/1", "jo"].map(lease_name);
    assert_eq!(log.state(&names[0]).await, LeaseState::default(), "what nobody asked for");
    let mut leases = Vec::new();
    for name in &names {
        leases.push(log.granted(name, owner(1), HOUR).await);
        assert_eq!(log.state(name).await.checkpoints, [], "the checkpoints of a new lease");
    }
    let first = LogId::new(Uuid::nil());
    let far = (1 << 53) + 1;
    for (lease, in_log, from, to) in [
        (0, other_log(), 0, far),
        (1, followed(), 0, 20),
        (0, followed(), 0, 30),
        (0, first, 0, 1),
        (0, followed(), 30, 31),
        (1, followed(), 20, 21),
    ] {
        let moved = of_log(advance(&leases[lease], from, to), in_log);
        log.commit(Commit::new().advance(moved)).await;
    }
    let token = |log, position| Token::new(log, Position::new(position));
    for (name, checkpoints) in [
        (&names[0], vec![token(first, 1), token(followed(), 31), token(other_log(), far)]),
        (&names[1], vec![token(followed(), 21)]),
        (&names[2], vec![]),
    ] {
        assert_eq!(log.state(name).await.checkpoints, checkpoints, "the checkpoints of {name}");
    }
}

/// L7: checkpoints and epochs are there after every handle was dropped and the log was opened again.
pub async fn l07_checkpoints_are_there_after_reopening(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l07_reopened").await;
    let name = lease_name("job");
    let lease = log.lease("job").await;
    log.commit(Commit::new().advance(advance(&lease, 0, 10))).await;
    log.commit(Commit::new().advance(of_log(advance(&lease, 0, 5), other_log()))).await;
    let before = log.state(&name).await;
    drop(log);
    for (from, to) in [(0, 10), (10, 11), (11, 12)] {
        let log = RowLog::open(h, "l07_reopened").await;
        if from == 0 {
            assert_eq!(log.state(&name).await, before, "the lease after reopening");
        }
        log.repeated(Commit::new().advance(advance(&lease, from, to)), &[], &[&name]).await;
        log.commit(Commit::new().advance(advance(&lease, to, to.max(10) + 1))).await;
    }
    let log = RowLog::open(h, "l07_reopened").await;
    log.stands(&name, 13).await;
}

/// L7: a checkpoint moves forward only, and a commit moves one.
pub async fn l07_a_checkpoint_moves_forward_only(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l07_forward", &["views"]).await;
    let name = lease_name("job");
    let lease = log.lease("job").await;
    log.commit(count(&lease, "views", 0, 10)).await;
    for (from, to) in [(10, 5), (10, 9), (10, 0)] {
        let (from, to) = (Position::new(from), Position::new(to));
        let commit = count(&lease, "views", from.get(), to.get());
        let error = log.refused(commit, &["views"], &[&name]).await;
        let why = InvalidCommit::Backward { from, to };
        assert!(matches!(&error, CommitError::Invalid(said) if said == &why), "{error:?}");
    }
    let twice = count(&lease, "views", 10, 20).advance(of_log(advance(&lease, 0, 20), other_log()));
    let error = log.refused(twice, &["views"], &[&name]).await;
    let merged = InvalidCommit::Merged(PartKind::Advance);
    assert!(matches!(&error, CommitError::Invalid(why) if why == &merged), "{error:?}");
}

/// L7: an advance that goes nowhere guards its commit, and moves nothing.
pub async fn l07_an_advance_that_goes_nowhere_only_guards(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l07_guard", &["views"]).await;
    let name = lease_name("job");
    let lease = log.lease("job").await;
    let before = log.state(&name).await;
    let guarded = |lease: &Lease, at, json: &str| {
        Commit::new().rows([row("views", "a", json)]).advance(advance(lease, at, at))
    };
    log.commit(guarded(&lease, 0, "1")).await;
    assert_eq!(log.state(&name).await, before, "the lease after a guard at the start");
    log.commit(Commit::new().advance(advance(&lease, 0, 10))).await;
    for json in ["2", "3"] {
        log.commit(guarded(&lease, 10, json)).await;
        log.holds("views", &[("a", json)]).await;
        log.stands(&name, 10).await;
    }
    let elsewhere = log.refused(guarded(&lease, 5, "4"), &["views"], &[&name]).await;
    is_fenced(&elsewhere, &advance(&lease, 5, 5), &log.state(&name).await);
    // The same owner, asking again, is granted the lease anew.
    let next = log.lease("job").await;
    let stale = log.refused(guarded(&lease, 10, "4"), &["views"], &[&name]).await;
    is_fenced(&stale, &advance(&lease, 10, 10), &log.state(&name).await);
    log.commit(guarded(&next, 10, "5")).await;
}

/// L8: the same commit again changes nothing, be it bare or with rows, events and an inbox key; and rows that were
/// written since stay as they are.
pub async fn l08_a_repeated_advance_changes_nothing(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l08_repeat", &["views"]).await;
    let name = lease_name("job");
    let lease = log.lease("job").await;
    let bare = |from: u64, to| Commit::new().advance(advance(&lease, from, to));
    let event = |commit: Commit, tag| {
        if log.appends { commit.and(append(&stream("written"), Any, &[tag])) } else { commit }
    };
    for (commit, told_alike) in [
        (bare(0, 10), false),
        (count(&lease, "views", 10, 20), false),
        (event(bare(20, 30), "e1"), log.appends),
        (event(count(&lease, "views", 30, 40), "e2"), log.appends),
        (log.laden(count(&lease, "views", 40, 50), "e3"), log.appends || log.inbox),
    ] {
        let first = log.commit(commit.clone()).await;
        for since in ["0", "1"] {
            log.answer(Commit::new().rows([row("views", "count", since)])).await.expect("a row");
            let answer = log.repeated(commit.clone(), &["views"], &[&name]).await;
            if told_alike {
                assert_eq!(answer, first.clone().as_duplicate(), "what a repetition was told");
            } else {
                assert_eq!((answer.versions(), answer.positions()), (&[][..], None));
                assert_eq!(answer.token().log(), log.store.identity(), "the log of the token");
            }
        }
    }
}

/// L8: when many commit the same at once, it happens once, and all are told so.
pub async fn l08_racing_repeats_happen_once(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l08_race", &["views"]).await;
    let lease = log.lease("job").await;
    for round in 0..u64::from(rounds(10, 200)) {
        let mut commit = count(&lease, "views", round, round + 1);
        if log.appends && round % 2 == 0 {
            commit = commit.and(append(&stream("written"), Any, &[&format!("round {round}")]));
        }
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (log, commit, together) = (log.clone(), commit.clone(), together.clone());
            tasks.spawn(async move {
                together.wait().await;
                log.answer(commit).await.expect("a repetition is no error").is_duplicate()
            });
        }
        let answers = all("racing repeats", tasks).await;
        let firsts = answers.iter().filter(|duplicate| !**duplicate).count();
        assert_eq!(firsts, 1, "answered as the first, in round {round}");
        log.stands(lease.name(), round + 1).await;
    }
}

/// L8: another commit with an advance that has happened is refused, and so is one that puts an advance beside events
/// that were recorded without it.
pub async fn l08_what_was_not_committed_with_the_advance_is_refused(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l08_other", &["views"]).await;
    let name = lease_name("job");
    let lease = log.lease("job").await;
    let written = stream("written");
    log.commit(count(&lease, "views", 0, 10)).await;
    let done = advance(&lease, 0, 10);
    if log.appends {
        let other = append(&written, Any, &["other"]).and(count(&lease, "views", 0, 10));
        let error = log.refused(other, &["views"], &[&name]).await;
        is_fenced(&error, &done, &log.state(&name).await);
        log.commit(append(&written, Any, &["other"])).await;
        let late = append(&written, Any, &["other"]).and(count(&lease, "views", 10, 20));
        let error = log.refused(late, &["views"], &[&name]).await;
        assert!(matches!(error, CommitError::IdReused(of) if of == id("other")), "{error:?}");
    }
    if log.inbox {
        let other = count(&lease, "views", 0, 10).inbox(inbox("other"));
        let error = log.refused(other, &["views"], &[&name]).await;
        is_fenced(&error, &done, &log.state(&name).await);
        log.commit(Commit::new().inbox(inbox("other"))).await;
    }
    log.commit(count(&lease, "views", 10, 20)).await;
}

/// L8: a commit that is dropped after any number of polls is whole or absent, and the same commit again tells which
/// and makes it happen once.
pub async fn l08_a_dropped_commit_happens_once_when_repeated(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l08_dropped", &["views"]).await;
    let lease = log.lease("job").await;
    // Early polls are where the code differs, late ones are where the disk is.
    for (n, polls) in (0..4).chain((2..14).map(|n| 1 << n)).enumerate() {
        let (from, to) = (n as u64, n as u64 + 1);
        let mut commit = count(&lease, "views", from, to);
        if log.appends {
            commit = commit.and(append(&stream("written"), Any, &[&format!("after {polls}")]));
        }
        let mut pending = log.store.commit(commit.clone());
        let mut ended = false;
        for _ in 0..polls {
            if poll!(pending.as_mut()).is_ready() {
                ended = true;
                break;
            }
            yield_now().await;
        }
        drop(pending);
        is_whole(&log, lease.name()).await;
        let again = loop {
            match log.answer(commit.clone()).await {
                Ok(done) => break done,
                Err(CommitError::Unknown(_)) => yield_now().await,
                Err(other) => panic!("a dropped commit was refused when repeated: {other:?}"),
            }
        };
        assert!(again.is_duplicate() || !ended, "what was acknowledged happened again");
        log.stands(lease.name(), to).await;
        log.holds("views", &[("count", &to.to_string())]).await;
        log.repeated(commit, &["views"], &[lease.name()]).await;
    }
}

/// Sees that the row that counts and the checkpoint are where the same commit has left them.
async fn is_whole(log: &RowLog, name: &LeaseName) {
    let found = log.page("views", &keys(&["count"]), Some(name)).await;
    let counted = texts_of(&found).pop().map_or("0".to_owned(), |(_, json)| json);
    let checkpoint = found.checkpoints.first().map_or(0, |token| token.position().get());
    assert_eq!(counted, checkpoint.to_string(), "half a dropped commit");
}
