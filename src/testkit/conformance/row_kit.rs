//! What the clauses of leases and rows share: a handle whose calls must not fail, and what can be seen through it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::RowHarness;
use super::kit::{advance, append, inbox, keeps, lease_name, row, set, stream, within};
use crate::ports::{CommitError, Fault, RowStore};
use crate::types::{
    Advance, Claim, Commit, Committed,
    ExpectedVersion::{Any, NoStream},
    Fenced, Lease, LeaseName, LeaseState, LogId, Owner, PartKind, Position, RowPage, RowsWanted,
};

/// A lease for so long does not expire while a test runs.
pub(super) const HOUR: Duration = Duration::from_hours(1);
/// A lease for so long can be waited for.
pub(super) const SHORT: Duration = Duration::from_millis(300);
/// By so much a store may be early that counts its time in milliseconds.
const GRAIN: Duration = Duration::from_millis(10);

pub(super) fn owner(n: u128) -> Owner {
    Owner::new(Uuid::from_u128(n))
}

/// Rows as text: what is compared is shown when it differs.
pub(super) type Texts = Vec<(String, String)>;

pub(super) fn texts(rows: &[(&str, &str)]) -> Texts {
    rows.iter().map(|(key, json)| ((*key).to_owned(), (*json).to_owned())).collect()
}

pub(super) fn texts_of(page: &RowPage) -> Texts {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    page.rows.iter().map(|row| (row.key.to_string(), text(row.value.json()))).collect()
}

/// A page of the rows whose keys begin with `prefix`.
pub(super) fn page(prefix: &str, after: Option<&str>, limit: usize) -> RowsWanted {
    RowsWanted::Page { prefix: prefix.into(), after: after.map(super::kit::key), limit }
}

pub(super) fn keys(keys: &[&str]) -> RowsWanted {
    RowsWanted::Keys(keys.iter().map(|key| super::kit::key(key)).collect())
}

/// The same advance, of another log.
pub(super) fn of_log(advance: Advance, log: LogId) -> Advance {
    Advance::new(advance.lease, log, advance.from, advance.to)
}

/// A commit that moves the checkpoint of `lease` and counts in the row `count` of `in_set`.
pub(super) fn count(lease: &Lease, in_set: &str, from: u64, to: u64) -> Commit {
    Commit::new().rows([row(in_set, "count", &to.to_string())]).advance(advance(lease, from, to))
}

/// Sees that a refusal says what it should of `refused`, with the lease at `at`.
pub(super) fn is_fenced(error: &CommitError, refused: &Advance, at: &LeaseState) {
    let CommitError::Fenced(fenced) = error else {
        panic!("expected a fenced commit, not {error:?}");
    };
    let wanted = Fenced::new(refused, at.epoch, at.checkpoint(refused.log));
    assert_eq!(fenced, &wanted, "what the refusal says");
}

pub(super) fn is_missing(error: &CommitError) {
    let missing = matches!(error, CommitError::Backend(why) if why.fault() == Fault::Missing);
    assert!(missing, "a set that was not prepared was answered {error:?}");
}

/// A handle, with calls that must not fail.
#[derive(Clone, Debug)]
pub(super) struct RowLog {
    pub(super) store: Arc<dyn RowStore>,
    /// Whether the store keeps events beside rows.
    pub(super) appends: bool,
    /// Whether it keeps inbox keys.
    pub(super) inbox: bool,
}

/// All that a reader can see of some sets and some leases.
#[derive(Debug, PartialEq)]
pub(super) struct RowsSeen {
    sets: Vec<Texts>,
    leases: Vec<LeaseState>,
}

impl RowLog {
    pub(super) async fn open(h: &dyn RowHarness, log: &str) -> Self {
        let store = within("opening the log", h.open(log)).await;
        let appends = keeps(&*store, PartKind::Appends).await;
        let inbox = keeps(&*store, PartKind::Inbox).await;
        Self { store, appends, inbox }
    }

    /// The log with these sets prepared.
    pub(super) async fn with_sets(h: &dyn RowHarness, log: &str, sets: &[&str]) -> Self {
        let log = Self::open(h, log).await;
        for name in sets {
            log.prepare(name).await;
        }
        log
    }

    pub(super) async fn prepare(&self, name: &str) {
        within("preparing a set", self.store.prepare(&set(name))).await.expect("a set can be made");
    }

    /// The answer, whatever it is.
    pub(super) async fn answer(&self, commit: Commit) -> Result<Committed, CommitError> {
        within("a commit", self.store.commit(commit)).await
    }

    /// Commits what must be accepted, as the first of its kind.
    pub(super) async fn commit(&self, commit: Commit) -> Committed {
        match self.answer(commit).await {
            Ok(done) if done.is_duplicate() => panic!("a new commit passed for a repetition"),
            Ok(done) => done,
            Err(error) => panic!("a good commit was refused: {error} ({error:?})"),
        }
    }

    /// Commits what must be refused, and sees that sets and leases are as before.
    pub(super) async fn refused(
        &self,
        commit: Commit,
        sets: &[&str],
        leases: &[&LeaseName],
    ) -> CommitError {
        let before = self.seen(sets, leases).await;
        let answer = self.answer(commit.clone()).await;
        let after = self.seen(sets, leases).await;
        assert_eq!(before, after, "a commit that was to be refused changed something ({answer:?})");
        match answer {
            Err(error) => error,
            Ok(done) => {
                panic!("a commit was to be refused, and was accepted: {done:?}, {commit:?}")
            }
        }
    }

    /// Commits what must be a repetition, and sees that sets and leases are as before.
    pub(super) async fn repeated(
        &self,
        commit: Commit,
        sets: &[&str],
        leases: &[&LeaseName],
    ) -> Committed {
        let before = self.seen(sets, leases).await;
        let answer = self.answer(commit).await;
        let after = self.seen(sets, leases).await;
        assert_eq!(before, after, "a repetition changed something ({answer:?})");
        let done = answer.unwrap_or_else(|error| panic!("a repetition was refused: {error:?}"));
        assert!(done.is_duplicate(), "a repetition passed for a new commit: {done:?}");
        done
    }

    /// The commit with an event and an inbox key of `tag`, if the store keeps them.
    pub(super) fn laden(&self, mut commit: Commit, tag: &str) -> Commit {
        if self.appends {
            commit = commit.and(append(&stream(tag), Any, &[tag]));
        }
        if self.inbox {
            commit = commit.inbox(inbox(tag));
        }
        commit
    }

    /// Sees that neither the event nor the inbox key of `tag` was written: they still can be.
    pub(super) async fn never_laden(&self, tag: &str) {
        if self.appends {
            self.commit(append(&stream(tag), NoStream, &[tag])).await;
        }
        if self.inbox {
            self.commit(Commit::new().inbox(inbox(tag))).await;
        }
    }

    pub(super) async fn claim(&self, name: &LeaseName, by: Owner, time: Duration) -> Claim {
        let claim = self.store.claim(name, by, time);
        within("claiming a lease", claim).await.expect("a lease can be asked for")
    }

    /// Claims a lease that must be granted.
    pub(super) async fn granted(&self, name: &LeaseName, by: Owner, time: Duration) -> Lease {
        match self.claim(name, by, time).await {
            Claim::Granted(lease) => {
                assert_eq!(lease.name(), name, "the lease that was granted");
                lease
            }
            other @ Claim::Held { .. } => panic!("{name} was to be granted to {by}, not {other:?}"),
        }
    }

    /// A lease of this name, held by `owner(1)` for as long as the test runs.
    pub(super) async fn lease(&self, name: &str) -> Lease {
        self.granted(&lease_name(name), owner(1), HOUR).await
    }

    /// Claims a lease that `holder` must hold, and says for how long it still does.
    pub(super) async fn held(&self, name: &LeaseName, holder: Owner) -> Duration {
        match self.claim(name, owner(99), HOUR).await {
            Claim::Held { by, expires_in } => {
                assert_eq!(by, holder, "who holds {name}");
                expires_in
            }
            Claim::Granted(lease) => panic!("{holder} holds {name}, and {lease:?} was granted"),
        }
    }

    /// Claims a lease until it is granted. `since` is before the call that made it last for `time`: it must not be
    /// granted sooner than that.
    pub(super) async fn taken_over(
        &self,
        name: &LeaseName,
        by: Owner,
        (since, time): (Instant, Duration),
    ) -> Lease {
        let taken = async {
            loop {
                match self.claim(name, by, HOUR).await {
                    Claim::Granted(lease) => return lease,
                    Claim::Held { expires_in, .. } => {
                        assert!(expires_in <= time, "a lease for {time:?} lasts {expires_in:?}");
                        sleep(expires_in.clamp(Duration::from_millis(1), SHORT / 4)).await;
                    }
                }
            }
        };
        let lease = within("waiting for a lease to expire", taken).await;
        let waited = since.elapsed();
        assert!(waited + GRAIN >= time, "a lease for {time:?} was over after {waited:?}");
        lease
    }

    /// Waits until nobody holds a lease. As with [`Self::taken_over`], that must not be sooner than it was asked for.
    pub(super) async fn expired(&self, name: &LeaseName, (since, time): (Instant, Duration)) {
        let over = async {
            while self.state(name).await.holder.is_some() {
                sleep(SHORT / 16).await;
            }
        };
        within("waiting for a lease to expire", over).await;
        let waited = since.elapsed();
        assert!(waited + GRAIN >= time, "a lease for {time:?} was over after {waited:?}");
    }

    pub(super) async fn renew(&self, lease: &Lease, time: Duration) -> bool {
        let renewing = self.store.renew(lease, time);
        within("renewing a lease", renewing).await.expect("a lease can be renewed")
    }

    pub(super) async fn release(&self, lease: &Lease) {
        let releasing = self.store.release(lease);
        within("releasing a lease", releasing).await.expect("a lease can be released");
    }

    pub(super) async fn state(&self, name: &LeaseName) -> LeaseState {
        within("reading a lease", self.store.lease(name)).await.expect("a lease is readable")
    }

    /// Sees that the checkpoint that [`advance`] moves is at `position`.
    pub(super) async fn stands(&self, name: &LeaseName, position: u64) {
        let checkpoint = self.state(name).await.checkpoint(super::kit::followed());
        assert_eq!(checkpoint, Position::new(position), "the checkpoint of {name}");
    }

    pub(super) async fn page(
        &self,
        in_set: &str,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> RowPage {
        let in_set = set(in_set);
        let reading = self.store.rows(&in_set, wanted, of);
        within("reading rows", reading).await.expect("rows are readable")
    }

    /// The rows of a set whose keys begin with `prefix`, in pages of `limit`. Each page must be as full as it can be,
    /// and say whether more follows.
    pub(super) async fn pages(&self, in_set: &str, prefix: &str, limit: usize) -> Texts {
        let mut all = Texts::new();
        let held = self.store.limits().row_page(limit);
        loop {
            let after = all.last().map(|(key, _)| key.clone());
            let found = self.page(in_set, &page(prefix, after.as_deref(), limit), None).await;
            let (rows, count) = (texts_of(&found), found.rows.len());
            assert!(count <= held, "a page of {count} rows, and {limit} were asked for");
            assert!(count == held || !found.has_more, "a page of {count} rows, and more follows");
            assert!(count > 0 || after.is_none(), "more was to follow {after:?}, and nothing does");
            let behind = rows.first().map(|(key, _)| key) > after.as_ref();
            assert!(behind || rows.is_empty(), "a page after {after:?} begins with {rows:?}");
            all.extend(rows);
            if !found.has_more {
                return all;
            }
        }
    }

    /// Sees that a set holds just these rows, given in the order of their keys.
    pub(super) async fn holds(&self, in_set: &str, rows: &[(&str, &str)]) {
        assert_eq!(self.pages(in_set, "", usize::MAX).await, texts(rows), "the rows of {in_set}");
    }

    pub(super) async fn seen(&self, sets: &[&str], leases: &[&LeaseName]) -> RowsSeen {
        let mut seen = RowsSeen { sets: vec![], leases: vec![] };
        for name in sets {
            seen.sets.push(self.pages(name, "", usize::MAX).await);
        }
        for name in leases {
            seen.leases.push(self.state(name).await);
        }
        seen
    }
}
