//! F4–F8: what a fold asks of writers, of jobs beside it, and how it ends.

use tokio::task::JoinSet;

use super::InlineHarness;
use super::inline_kit::{FoldLog, HOUR, POISON, one, unfoldable};
use super::kit::{advance, all, append, event, lease_name, row, stream};
use super::row_kit::{of_log, owner};
use crate::ports::{CommitError, Inlined, Unfoldable};
use crate::types::{Claim, Commit, ExpectedVersion::Any, Owner};

/// F4: a handle that was not given the fold cannot write events past it.
pub async fn f04_a_handle_without_the_fold_writes_nothing_past_it(h: &dyn InlineHarness) {
    let stranger = FoldLog::open(h, "stranger").await;
    stranger.events.commit(one("a", "1")).await;
    let log = FoldLog::folding(h, "stranger", "notes").await;
    match stranger.events.answer(one("a", "2")).await {
        // It is folded all the same, or it is not there.
        Ok(_) => {}
        Err(error) => {
            let Unfoldable::Missing(name) = unfoldable(&error) else { panic!("{error:?}") };
            assert_eq!(name, "notes", "which fold it lacks");
            assert!(!error.is_transient(), "somebody must mend it");
        }
    }
    log.is_noted("notes").await;
    // What has no events needs no fold.
    stranger.rows.prepare("beside").await;
    stranger.rows.commit(Commit::new().rows([row("beside", "a", "1")])).await;
    stranger.fold("notes").await;
    stranger.events.commit(one("a", "3")).await;
    log.is_noted("notes").await;
}

/// F5: a commit that the fold cannot take in is refused as a whole, and its events can be recorded otherwise.
pub async fn f05_a_commit_that_cannot_be_folded_is_refused(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "poisoned", "notes").await;
    log.events.commit(one("a", "1")).await;
    let poisoned = one("b", "2").and(append(&stream("c"), Any, &[POISON]));
    let error = log.events.refused(poisoned, &[&stream("b"), &stream("c")]).await;
    let Unfoldable::Failed { projection, why } = unfoldable(&error) else { panic!("{error:?}") };
    assert_eq!(projection, &lease_name("notes"), "which fold cannot take it in");
    assert_eq!(why.to_string(), "the event is poison", "why it cannot");
    assert!(!error.is_transient(), "the same again is refused again");
    log.events.commit(one("b", "2")).await;
    log.is_noted("notes").await;
}

/// F5: commits beside one that cannot be folded happen.
pub async fn f05_commits_beside_a_refused_one_happen(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "beside", "notes").await;
    let mut writers = JoinSet::new();
    for n in 0..24 {
        let log = log.clone();
        writers.spawn(async move {
            let tag = if n % 3 == 0 { format!("{POISON}{n}") } else { format!("good{n}") };
            let answer = log.events.answer(one(&format!("s{n}"), &tag)).await;
            (n % 3 == 0, answer)
        });
    }
    for (is_poison, answer) in all("the writers", writers).await {
        match answer {
            Ok(_) => assert!(!is_poison, "what cannot be folded was recorded"),
            Err(error) => {
                assert!(is_poison, "a good commit was refused: {error:?}");
                unfoldable(&error);
            }
        }
    }
    assert_eq!(log.noted("notes").await.len(), 16, "the good ones");
    log.is_noted("notes").await;
}

/// F6: the store holds the lease.
pub async fn f06_nobody_is_granted_the_lease_of_a_fold(h: &dyn InlineHarness) {
    let log = FoldLog::open(h, "held").await;
    let name = lease_name("notes");
    let job = log.rows.granted(&name, owner(1), HOUR).await;
    log.fold("notes").await;
    assert!(log.rows.held(&name, Owner::STORE).await >= HOUR, "the lease is held for long");
    assert!(!log.rows.renew(&job, HOUR).await, "the job before has lost its lease");
    log.rows.release(&job).await;
    let claim = log.rows.claim(&name, owner(2), HOUR).await;
    assert!(matches!(claim, Claim::Held { .. }), "the lease of a fold was granted: {claim:?}");
}

/// F6: a job that folded the same behind the append is fenced.
pub async fn f06_a_job_that_folded_behind_the_append_is_fenced(h: &dyn InlineHarness) {
    let log = FoldLog::open(h, "fenced").await;
    let job = log.rows.lease("notes").await;
    log.events.commit(one("a", "1")).await;
    log.fold("notes").await;
    for from in [0, 1] {
        let late = of_log(advance(&job, from, from + 1), log.store.identity());
        let late = Commit::new().rows([row("notes", "late", "1")]).advance(late);
        let answer = log.rows.refused(late, &["notes"], &[&lease_name("notes")]).await;
        assert!(matches!(answer, CommitError::Fenced(_)), "the job before wrote: {answer:?}");
    }
}

/// F6: the checkpoint of a fold is where the log ends, in every answer.
pub async fn f06_the_checkpoint_is_where_the_log_ends(h: &dyn InlineHarness) {
    let log = FoldLog::open(h, "reached").await;
    log.events.commit(one("a", "1")).await;
    log.fold("notes").await;
    let name = lease_name("notes");
    for n in 0..3 {
        // Also beyond what the fold does not want.
        let other = super::kit::stream_in("other", "a");
        let commit = match n {
            0 => None,
            1 => Some(Commit::new().append(&other, Any, [event("beside")])),
            _ => Some(one("a", "2")),
        };
        if let Some(commit) = commit {
            log.events.commit(commit).await;
        }
        let (identity, head) = (log.store.identity(), log.events.head().await);
        let state = log.rows.state(&name).await;
        assert_eq!(state.checkpoint(identity), head, "the checkpoint, by the lease");
        let page = log.rows.page("notes", &super::row_kit::page("", None, 1), Some(&name)).await;
        let stands = page.checkpoints.iter().find(|at| at.log() == identity);
        assert_eq!(stands.map(|at| at.position()), Some(head), "the checkpoint, beside rows");
    }
}

/// F7: nobody is held out for longer than a page.
pub async fn f07_a_fold_that_is_far_behind_is_not_begun(h: &dyn InlineHarness) {
    let log = FoldLog::open(h, "far").await;
    let page_max = log.store.limits().events_per_page_max;
    let commit_max = log.store.limits().events_per_commit_max;
    let mut written = 0;
    while written <= page_max {
        let next = commit_max.min(page_max + 1 - written).min(1_000);
        let events = (written..written + next).map(|n| event(&format!("{n}")));
        log.events.commit(Commit::new().append(&stream("a"), Any, events)).await;
        written += next;
    }
    let name = lease_name("notes");
    let before = log.rows.state(&name).await;
    let Inlined::Behind { at } = log.inline("notes").await else {
        panic!("a fold that is a page and more behind has begun")
    };
    assert_eq!(at, before.checkpoint(log.store.identity()), "where the rows are");
    assert_eq!(log.rows.state(&name).await, before, "the lease of what has not begun");
    log.rows.holds("notes", &[]).await;
    log.events.commit(one("b", "not folded")).await;
    log.rows.holds("notes", &[]).await;
}

/// F8: what was detached is folded no more, and goes on behind the append from there.
pub async fn f08_what_was_detached_is_folded_no_more(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "detached", "notes").await;
    let stranger = FoldLog::open(h, "detached").await;
    log.events.commit(one("a", "1")).await;
    let end = log.events.head().await;
    log.detach("notes").await;
    log.detach("never").await;
    log.events.commit(one("a", "2")).await;
    stranger.events.commit(one("a", "3")).await;
    assert_eq!(log.noted("notes").await, ["1"], "what was folded until then");
    let name = lease_name("notes");
    let stands = log.rows.state(&name).await.checkpoint(log.store.identity());
    assert_eq!(stands, end, "the checkpoint is where the log ended");
    log.rows.granted(&name, owner(1), HOUR).await;
    log.fold("notes").await;
    log.is_noted("notes").await;
}

/// F8: what is folded beside it goes on.
pub async fn f08_other_folds_go_on(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "beside_detached", "notes").await;
    log.fold("more").await;
    log.events.commit(one("a", "1")).await;
    log.detach("notes").await;
    log.events.commit(one("a", "2")).await;
    log.is_noted("more").await;
    assert_eq!(log.noted("notes").await, ["1"], "what was detached");
}
