//! L6: who is not the holder any more writes nothing.

use std::sync::Arc;

use tokio::sync::{Barrier, oneshot};
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use super::RowHarness;
use super::kit::{advance, all, followed, lease_name, never_granted, rounds, row, within};
use super::row_kit::{HOUR, RowLog, SHORT, count, is_fenced, of_log, owner};
use crate::ports::CommitError;
use crate::types::{Commit, Epoch, Lease, LogId};

/// L6: a commit under any other epoch than the newest is refused with all that it holds, and the refusal says where
/// the lease is.
pub async fn l06_a_commit_under_another_epoch_is_refused(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l06_epoch", &["views"]).await;
    let name = lease_name("job");
    let older = log.lease("job").await;
    log.commit(count(&older, "views", 0, 10)).await;
    log.release(&older).await;
    let newest = log.granted(&name, owner(2), HOUR).await;
    let unheard = Lease::new(name.clone(), Epoch::new(newest.epoch().get() + 1));
    let none = Lease::new(name.clone(), Epoch::NONE);
    for (n, wrong) in [older, unheard, none, never_granted()].into_iter().enumerate() {
        let from = if wrong.name() == &name { 10 } else { 0 };
        let moved = advance(&wrong, from, 20);
        let tag = format!("wrong {n}");
        let commit = log.laden(Commit::new().rows([row("views", "late", "1")]), &tag);
        let watched = [&name, wrong.name()];
        let error = log.refused(commit.advance(moved.clone()), &["views"], &watched).await;
        is_fenced(&error, &moved, &log.state(wrong.name()).await);
        log.never_laden(&tag).await;
    }
    log.commit(count(&newest, "views", 10, 20)).await;
    log.holds("views", &[("count", "20")]).await;
}

/// L6: a commit that expects the checkpoint elsewhere, before or behind where it is, is refused with all that it
/// holds; also under the newest epoch.
pub async fn l06_a_commit_from_elsewhere_is_refused(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l06_from", &["views"]).await;
    let name = lease_name("job");
    let lease = log.lease("job").await;
    let early = advance(&lease, 3, 10);
    let error = log.refused(Commit::new().advance(early.clone()), &["views"], &[&name]).await;
    is_fenced(&error, &early, &log.state(&name).await);
    log.commit(count(&lease, "views", 0, 10)).await;
    for (n, (from, to)) in [(0, 5), (0, 20), (9, 11), (11, 12), (20, 30)].into_iter().enumerate() {
        let wrong = advance(&lease, from, to);
        let tag = format!("elsewhere {n}");
        let commit = log.laden(Commit::new().rows([row("views", "late", "1")]), &tag);
        let error = log.refused(commit.advance(wrong.clone()), &["views"], &[&name]).await;
        is_fenced(&error, &wrong, &log.state(&name).await);
        log.never_laden(&tag).await;
    }
    let other = LogId::new(uuid::Uuid::from_u128(8));
    let wrong = of_log(advance(&lease, 10, 20), other);
    let error = log.refused(Commit::new().advance(wrong.clone()), &["views"], &[&name]).await;
    is_fenced(&error, &wrong, &log.state(&name).await);
    log.commit(count(&lease, "views", 10, 20)).await;
    log.stands(&name, 20).await;
}

/// L6: the time alone guards nothing: an expired lease that nobody has claimed is still the newest.
pub async fn l06_an_expired_lease_moves_its_checkpoint_until_it_is_granted(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l06_expired", &["views"]).await;
    let name = lease_name("job");
    let since = Instant::now();
    let lease = log.granted(&name, owner(1), SHORT).await;
    log.expired(&name, (since, SHORT)).await;
    log.commit(count(&lease, "views", 0, 10)).await;
    log.granted(&name, owner(2), HOUR).await;
    let late = advance(&lease, 10, 20);
    let error = log.refused(Commit::new().advance(late.clone()), &["views"], &[&name]).await;
    is_fenced(&error, &late, &log.state(&name).await);
    log.holds("views", &[("count", "10")]).await;
}

/// L6: of many commits that move one checkpoint from one place to several others at once, one happens, and the others
/// are told where it is now.
pub async fn l06_of_racing_advances_one_happens(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l06_race", &["views"]).await;
    for round in 0..rounds(10, 200) {
        let lease = log.lease(&format!("round/{round}")).await;
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for n in 1..=8 {
            let (log, lease, together) = (log.clone(), lease.clone(), together.clone());
            tasks.spawn(async move {
                let commit = log.laden(count(&lease, "views", 0, n), &format!("{round} {n}"));
                together.wait().await;
                (n, log.answer(commit).await)
            });
        }
        let answers = all("racing advances", tasks).await;
        let winners: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_ok()).collect();
        let [(winner, Ok(done))] = winners[..] else { panic!("what happened: {winners:?}") };
        assert!(!done.is_duplicate(), "the only one was taken for a repetition: {done:?}");
        let state = log.state(lease.name()).await;
        assert_eq!(state.checkpoint(followed()).get(), *winner, "where the winner went");
        for (n, answer) in &answers {
            if let Err(error) = answer {
                is_fenced(error, &advance(&lease, 0, *n), &state);
                log.never_laden(&format!("{round} {n}")).await;
            }
        }
        log.holds("views", &[("count", &winner.to_string())]).await;
    }
}

/// L6: once a lease is granted to another, nothing is written under the epoch before, however late it comes: the new
/// holder finds the checkpoint where it stays until that holder moves it.
pub async fn l06_nothing_is_written_under_the_epoch_before(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "l06_frozen", &["views"]).await;
    for round in 0..rounds(10, 200) {
        let name = lease_name(&format!("round/{round}"));
        let frozen = log.granted(&name, owner(1), HOUR).await;
        let (writing, lease) = (log.clone(), frozen.clone());
        let (begins, begun) = oneshot::channel();
        let mut begins = Some(begins);
        let mut writer = JoinSet::new();
        writer.spawn(async move {
            let mut at = 0;
            loop {
                match writing.answer(count(&lease, "views", at, at + 1)).await {
                    Ok(_) => at += 1,
                    Err(CommitError::Fenced(_)) => return at,
                    Err(other) => panic!("a late commit was answered {other:?}"),
                }
                if let Some(begins) = begins.take() {
                    begins.send(()).expect("the test waits for the first commit");
                }
                yield_now().await;
            }
        });
        within("the first commit", begun).await.expect("the writer begins");
        // The lease changes hands at another step of the writer each time.
        turns(round % 4).await;
        log.release(&frozen).await;
        let next = log.granted(&name, owner(2), HOUR).await;
        let found = log.state(&name).await.checkpoint(followed()).get();
        turns(4).await;
        log.commit(count(&next, "views", found, found + 1_000)).await;
        let written = all("a writer that was frozen", writer).await;
        assert_eq!(written, [found], "where the former holder came to");
        log.holds("views", &[("count", &(found + 1_000).to_string())]).await;
    }
}

/// Lets others get on.
async fn turns(count: u32) {
    for _ in 0..count {
        yield_now().await;
    }
}
