//! R2 and R4: rows, checkpoints and events never disagree.

use tokio::task::{JoinSet, yield_now};

use super::RowHarness;
use super::kit::{advance, all, append, followed, key, lease_name, rounds, row, set, stream};
use super::row_kit::{HOUR, RowLog, count, is_missing, keys, of_log, owner, page, texts_of};
use crate::ports::CommitError;
use crate::types::{
    Commit,
    ExpectedVersion::{Any, NoStream, StreamExists},
    LogId, Position, RowPage, RowWrite, RowsWanted, Token,
};

/// R2: rows, advance and events of a commit are all there after it; and whichever part is refused, none is.
pub async fn r02_a_commit_with_rows_is_whole_or_absent(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r02_whole", &["views", "others"]).await;
    let name = lease_name("job");
    let lease = log.lease("job").await;
    let both =
        |commit: Commit, json| commit.rows(["views", "others"].map(|set| row(set, "count", json)));
    let good = both(Commit::new().advance(advance(&lease, 0, 10)), "10");
    let done = log.commit(log.laden(good, "first")).await;
    log.holds("views", &[("count", "10")]).await;
    log.holds("others", &[("count", "10")]).await;
    log.stands(&name, 10).await;
    if log.appends {
        assert!(done.version_of(&stream("first")).is_some(), "the event beside the rows: {done:?}");
        let again = append(&stream("first"), NoStream, &["other"]);
        let conflict = both(again.advance(advance(&lease, 10, 20)), "20");
        let error = log.refused(conflict, &["views", "others"], &[&name]).await;
        assert!(matches!(error, CommitError::Conflict(_)), "{error:?}");
        let rows = both(append(&stream("absent"), StreamExists, &["other"]), "20");
        let error = log.refused(rows, &["views", "others"], &[&name]).await;
        assert!(matches!(error, CommitError::Conflict(_)), "{error:?}");
        log.commit(append(&stream("absent"), NoStream, &["other"])).await;
    }
    let missing = both(Commit::new().advance(advance(&lease, 10, 20)), "20");
    let missing = log.laden(missing.rows([row("missing", "count", "20")]), "second");
    is_missing(&log.refused(missing, &["views", "others"], &[&name]).await);
    let stale = both(Commit::new().advance(advance(&lease, 9, 20)), "20");
    let error = log.refused(log.laden(stale, "second"), &["views", "others"], &[&name]).await;
    assert!(matches!(error, CommitError::Fenced(_)), "{error:?}");
    log.never_laden("second").await;
    let next = both(Commit::new().advance(advance(&lease, 10, 20)), "20");
    log.commit(log.laden(next, "third")).await;
    log.holds("others", &[("count", "20")]).await;
}

/// R2: while commits write rows of two sets, no reader sees one of them in part.
pub async fn r02_readers_never_see_half_a_commit_of_rows(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r02_readers", &["views", "others"]).await;
    let parts = ["a", "b", "c"];
    let wrote = move |set: &'static str, n: u32| parts.map(|at| row(set, at, &n.to_string()));
    log.commit(Commit::new().rows(wrote("views", 0)).rows(wrote("others", 0))).await;
    let writing = RowLog::open(h, "r02_readers").await;
    let mut writer = JoinSet::new();
    writer.spawn(async move {
        for n in 1..=rounds(60, 1_000) {
            let rows = Commit::new().rows(wrote("views", n)).rows(wrote("others", n));
            // A row that comes and goes with the others: odd numbers have it.
            let guest = if n % 2 == 1 {
                row("views", "odd", &n.to_string())
            } else {
                RowWrite::delete(&set("views"), &key("odd"))
            };
            writing.commit(rows.rows([guest])).await;
            yield_now().await;
        }
    });
    loop {
        let over = writer.try_join_next().is_some();
        let earlier = numbers(&log.page("others", &page("", None, 10), None).await);
        let between = numbers(&log.page("views", &page("", None, 10), None).await);
        let later = numbers(&log.page("others", &keys(&parts), None).await);
        for seen in [&earlier, &between, &later] {
            assert!(seen.iter().all(|n| n == &seen[0]), "half a commit: {seen:?}");
        }
        let guests = usize::from(between[0] % 2 == 1);
        assert_eq!(between.len(), parts.len() + guests, "half a commit: {between:?}");
        // What was seen in one set must be in the one that is read after it.
        assert!(earlier[0] <= between[0] && between[0] <= later[0], "half a commit");
        if over {
            break;
        }
        yield_now().await;
    }
    all("the writer", writer).await;
}

fn numbers(page: &RowPage) -> Vec<u64> {
    let number = |json: String| json.parse().expect("the suite's rows are numbers");
    texts_of(page).into_iter().map(|(_, json)| number(json)).collect()
}

/// R4: an answer holds the checkpoints of the lease that was asked about, and of no other.
pub async fn r04_a_page_holds_the_checkpoints_of_its_lease(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r04_lease", &["views"]).await;
    let names = ["job", "job/1", "never"].map(lease_name);
    let first = log.granted(&names[0], owner(1), HOUR).await;
    let second = log.granted(&names[1], owner(1), HOUR).await;
    let other = LogId::new(uuid::Uuid::from_u128(8));
    log.commit(count(&first, "views", 0, 10)).await;
    log.commit(Commit::new().advance(of_log(advance(&first, 0, 5), other))).await;
    log.commit(Commit::new().advance(advance(&second, 0, 7))).await;
    let token = |log, position| Token::new(log, Position::new(position));
    for wanted in [page("", None, 10), page("x", None, 1), keys(&["count"]), keys(&[])] {
        for (of, checkpoints) in [
            (None, vec![]),
            (Some(&names[0]), vec![token(followed(), 10), token(other, 5)]),
            (Some(&names[1]), vec![token(followed(), 7)]),
            (Some(&names[2]), vec![]),
        ] {
            let found = log.page("views", &wanted, of).await;
            assert_eq!(found.checkpoints, checkpoints, "what {wanted:?} says of {of:?}");
        }
    }
}

/// R4: while commits count in a row and in the checkpoint, no reader sees them apart, however it reads.
pub async fn r04_rows_and_checkpoints_are_of_one_moment(h: &dyn RowHarness) {
    let log = RowLog::with_sets(h, "r04_moment", &["views"]).await;
    let lease = log.lease("job").await;
    let writing = RowLog::open(h, "r04_moment").await;
    let mut writer = JoinSet::new();
    writer.spawn(async move {
        let beside = stream("beside");
        for n in 0..u64::from(rounds(100, 2_000)) {
            let mut commit = count(&lease, "views", n, n + 1);
            // Commits with events may take another way through the store than those without.
            if writing.appends && n % 2 == 0 {
                commit = commit.and(append(&beside, Any, &[&format!("beside {n}")]));
            }
            writing.commit(commit).await;
            yield_now().await;
        }
    });
    let mut readers = JoinSet::new();
    let last = u64::from(rounds(100, 2_000));
    for wanted in [page("", None, 10), page("count", None, 1), keys(&["absent", "count"])] {
        readers.spawn(agreeing(log.clone(), wanted, last));
    }
    all("the writer", writer).await;
    all("the readers", readers).await;
}

/// Reads until the row counts to `last`, and sees that the checkpoint says the same each time.
async fn agreeing(log: RowLog, wanted: RowsWanted, last: u64) {
    let (name, mut before) = (lease_name("job"), 0);
    while before < last {
        let found = log.page("views", &wanted, Some(&name)).await;
        let counted = numbers(&found).first().copied().unwrap_or_default();
        let checkpoint = found.checkpoints.first().map_or(0, |token| token.position().get());
        assert_eq!(counted, checkpoint, "what the row and the checkpoint say at one moment");
        assert!(counted >= before, "the row counts backward, from {before} to {counted}");
        before = counted;
        yield_now().await;
    }
}
