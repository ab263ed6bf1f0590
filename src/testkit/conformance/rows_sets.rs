//! R5, R6 and R7: sets are prepared and removed, and commits bounded.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::RowHarness;
use super::kit::{advance, all, key, lease_name, rounds, row, set, value, within};
use super::row_kit::{RowLog, is_missing, keys, page};
use crate::ports::{CommitError, Fault};
use crate::types::{Commit, InvalidCommit, RowWrite};

/// Limits beyond these are too large to be tried.
const COUNT_MAX: usize = 20_000;
const BYTES_MAX: usize = 64 << 20;

/// R5: a set that was prepared is there, for every handle, and empty; preparing it again keeps what is in it.
pub async fn r05_a_set_that_was_prepared_is_there(h: &dyn RowHarness) {
    let log = RowLog::open(h, "r05_there").await;
    let other = RowLog::open(h, "r05_there").await;
    let longest = "s".repeat(48);
    let names = ["views", "s", "table", "user", "freehold_own", "view_views", "a_1_", &longest];
    for name in names {
        log.prepare(name).await;
        other.holds(name, &[]).await;
        for n in ["1", "2"] {
            other.commit(Commit::new().rows([row(name, "a", n)])).await;
            log.prepare(name).await;
            other.prepare(name).await;
            log.holds(name, &[("a", n)]).await;
        }
    }
    drop((log, other));
    let log = RowLog::open(h, "r05_there").await;
    for name in names {
        log.holds(name, &[("a", "2")]).await;
        log.commit(Commit::new().rows([row(name, "a", "3")])).await;
        log.prepare(name).await;
        log.holds(name, &[("a", "3")]).await;
    }
}

/// R5: to read or write a set that was not prepared fails as missing and changes nothing; once it is prepared, the same
/// succeeds.
pub async fn r05_a_set_that_was_not_prepared_is_missing(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r05_missing", &["views"]).await;
    let (name, lease) = (lease_name("job"), log.lease("job").await);
    for wanted in [page("", None, 10), keys(&["a"]), keys(&[])] {
        let missing = set("missing");
        for of in [None, Some(&name)] {
            let answer = within("reading rows", log.store.rows(&missing, &wanted, of)).await;
            let fault = answer.as_ref().map_err(crate::ports::BackendError::fault);
            assert_eq!(fault.err(), Some(Fault::Missing), "{wanted:?} was answered {answer:?}");
        }
    }
    let good = || Commit::new().rows([row("views", "a", "1")]).advance(advance(&lease, 0, 1));
    let put = row("missing", "a", "1");
    let delete = RowWrite::delete(&set("missing"), &key("a"));
    for write in [put.clone(), delete] {
        is_missing(&log.refused(Commit::new().rows([write.clone()]), &["views"], &[&name]).await);
        let commit = log.laden(good().rows([write]), "beside");
        is_missing(&log.refused(commit, &["views"], &[&name]).await);
    }
    log.prepare("missing").await;
    log.holds("missing", &[]).await;
    log.commit(log.laden(good().rows([put]), "beside")).await;
    log.holds("missing", &[("a", "1")]).await;
}

/// R5: many prepare the same sets at once, by several handles and while others write, and all succeed.
pub async fn r05_racing_preparations_succeed(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r05_race", &["busy"]).await;
    let second = RowLog::open(h, "r05_race").await;
    for round in 0..rounds(5, 50) {
        let names = [0, 1].map(|n| format!("views_{round}_{n}"));
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for n in 0..8 {
            let log = if n % 2 == 0 { log.clone() } else { second.clone() };
            let (mut names, together) = (names.clone(), together.clone());
            if n % 4 > 1 {
                names.reverse();
            }
            tasks.spawn(async move {
                together.wait().await;
                let at = n.to_string();
                for name in &names {
                    log.prepare(name).await;
                    log.commit(Commit::new().rows([row(name, &at, &at), row("busy", &at, "1")]))
                        .await;
                }
            });
        }
        all("racing preparations", tasks).await;
        let wanted: Vec<_> = (0..8).map(|n| n.to_string()).collect();
        let wanted: Vec<(&str, &str)> = wanted.iter().map(|n| (&**n, &**n)).collect();
        for name in &names {
            log.holds(name, &wanted).await;
        }
    }
}

async fn invalid(log: &RowLog, commit: Commit) -> InvalidCommit {
    match log.refused(commit, &["views", "others"], &[&lease_name("job")]).await {
        CommitError::Invalid(why) => why,
        other => panic!("expected an invalid commit, not {other:?}"),
    }
}

/// R6: a set that was removed is missing and, prepared again, empty; others stay, and so do checkpoints.
pub async fn r06_a_set_that_was_removed_is_missing(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r06", &["views", "view", "others"]).await;
    let (name, lease) = (lease_name("job"), log.lease("job").await);
    let rows = ["views", "view", "others"].map(|set| row(set, "a", "1"));
    log.commit(Commit::new().rows(rows).advance(advance(&lease, 0, 1))).await;
    // What is not there can be removed as well, and as often as one likes.
    for _ in 0..2 {
        for name in ["views", "never_prepared"] {
            within("removing a set", log.store.remove(&set(name)))
                .await
                .expect("it can be removed");
        }
    }
    let answer = within("reading", log.store.rows(&set("views"), &keys(&["a"]), None)).await;
    let fault = answer.as_ref().map_err(crate::ports::BackendError::fault);
    assert_eq!(fault.err(), Some(Fault::Missing), "a removed set was answered {answer:?}");
    let put = Commit::new().rows([row("views", "b", "2")]);
    is_missing(&log.refused(put, &["view", "others"], &[&name]).await);
    for other in ["view", "others"] {
        log.holds(other, &[("a", "1")]).await;
    }
    log.stands(&name, 1).await;
    log.prepare("views").await;
    log.holds("views", &[]).await;
}

/// R7: a commit that holds a row twice is refused, however it came in and whatever it does with it; the same key of
/// another set is another row.
pub async fn r07_a_commit_with_a_row_twice_is_refused(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r06_twice", &["views", "others"]).await;
    let lease = log.lease("job").await;
    let delete = || RowWrite::delete(&set("views"), &key("a"));
    let put = |json| row("views", "a", json);
    for rows in [
        vec![put("1"), put("1")],
        vec![put("1"), row("views", "b", "1"), put("2")],
        vec![put("1"), delete()],
        vec![delete(), put("1")],
        vec![delete(), delete()],
    ] {
        let why = InvalidCommit::RowTwice(set("views"), key("a"));
        let commit = Commit::new().rows(rows.clone()).advance(advance(&lease, 0, 1));
        assert_eq!(invalid(&log, log.laden(commit, "beside")).await, why, "{rows:?}");
        let merged = rows.into_iter().map(|row| Commit::new().rows([row]));
        assert_eq!(invalid(&log, merged.fold(Commit::new(), Commit::and)).await, why, "merged");
    }
    log.never_laden("beside").await;
    log.commit(Commit::new().rows([put("1"), row("others", "a", "1"), row("views", "A", "1")]))
        .await;
    log.holds("views", &[("A", "1"), ("a", "1")]).await;
    log.holds("others", &[("a", "1")]).await;
}

/// R7: a commit with as many rows, and rows as long, as the limits allow is kept, and one that is larger by one is
/// refused, for each limit that a test can reach.
pub async fn r07_rows_beyond_the_limits_are_refused(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r06_limits", &["views", "others"]).await;
    let limits = *log.store.limits();
    let lease = log.lease("job").await;
    let mut at = 0;
    let mut too_large = async |what: &str, limit: usize, good: Commit, beyond: Commit| {
        let moved = advance(&lease, at, at + 1);
        at += 1;
        let error = invalid(&log, beyond.advance(moved.clone())).await;
        let InvalidCommit::TooLarge { actual, limit: said, .. } = error else {
            panic!("too many {what} were answered {error:?}");
        };
        assert_eq!((actual, said), (limit + 1, limit), "what is said of too many {what}");
        log.commit(good.advance(moved)).await;
    };
    let max = limits.rows_per_commit_max;
    if max < COUNT_MAX {
        let of = |count| Commit::new().rows((0..count).map(|n| row("views", &n.to_string(), "1")));
        too_large("rows", max, of(max), of(max + 1)).await;
    }
    let max = limits.bytes_per_row_max.min(limits.bytes_per_commit_max);
    if (2..BYTES_MAX).contains(&max) {
        let of = |bytes| Commit::new().rows([sized("large", bytes)]);
        too_large("bytes in one row", max, of(max), of(max + 1)).await;
    }
    let (max, share) = (limits.bytes_per_commit_max, limits.bytes_per_row_max.min(BYTES_MAX));
    if (2..BYTES_MAX).contains(&max)
        && share > 2
        && max.div_ceil(share) < limits.rows_per_commit_max.min(COUNT_MAX)
    {
        let of = |bytes| Commit::new().rows(shared_out(bytes, share));
        too_large("bytes", max, of(max), of(max + 1)).await;
    }
    log.commit(Commit::new().rows([row("others", "after", "1")])).await;
    log.holds("others", &[("after", "1")]).await;
}

/// A row whose JSON is `bytes` long.
fn sized(at: &str, bytes: usize) -> RowWrite {
    let json = if bytes == 1 { "1".to_owned() } else { format!("\"{}\"", "x".repeat(bytes - 2)) };
    RowWrite::put(&set("views"), &key(at), value(&json))
}

/// Rows that are `bytes` long together, none longer than `share`.
fn shared_out(bytes: usize, share: usize) -> Vec<RowWrite> {
    let mut rest = bytes;
    let mut rows = Vec::new();
    while rest > 0 {
        let next = rest.min(share);
        rows.push(sized(&format!("share {}", rows.len()), next));
        rest -= next;
    }
    rows
}
