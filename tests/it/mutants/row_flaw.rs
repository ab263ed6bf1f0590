//! A store of rows with a flaw, made as [`flaw`](super::flaw) makes a store of events.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use freehold::testkit::async_trait;
use freehold::testkit::conformance::RowHarness;
use freehold::{
    BackendError, Claim, Commit, Committed, InvalidCommit, Lease, LeaseName, LeaseState, Leases,
    Limits, LogId, Owner, PartKind, Parts, Position, RowPage, RowSet, RowStore, RowsWanted, Store,
    Token,
};

use super::flaw::{Answer, commit_of};
use crate::testkit::harness::InMemory;

pub(super) type Rows = Arc<dyn RowStore>;
pub(super) type Result<T> = std::result::Result<T, BackendError>;

/// What is wrong with a store of rows. What a flaw does not override is right.
#[async_trait]
pub(super) trait RowFlaw: Debug + Default + Send + Sync + 'static {
    fn limits<'a>(&'a self, store: &'a Rows) -> &'a Limits {
        store.limits()
    }

    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        store.commit(commit).await
    }

    async fn claim(
        &self,
        store: &Rows,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim> {
        store.claim(name, owner, time).await
    }

    async fn renew(&self, store: &Rows, lease: &Lease, time: Duration) -> Result<bool> {
        store.renew(lease, time).await
    }

    async fn release(&self, store: &Rows, lease: &Lease) -> Result<()> {
        store.release(lease).await
    }

    async fn lease(&self, store: &Rows, name: &LeaseName) -> Result<LeaseState> {
        store.lease(name).await
    }

    async fn prepare(&self, store: &Rows, set: &RowSet) -> Result<()> {
        store.prepare(set).await
    }

    async fn remove(&self, store: &Rows, set: &RowSet) -> Result<()> {
        store.remove(set).await
    }

    async fn rows(
        &self,
        store: &Rows,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage> {
        store.rows(set, wanted, of).await
    }
}

#[derive(Debug)]
struct Mutant<F> {
    inner: Rows,
    flaw: F,
}

#[async_trait]
impl<F: RowFlaw> Store for Mutant<F> {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        self.flaw.limits(&self.inner)
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    async fn commit(&self, commit: Commit) -> Answer {
        self.flaw.commit(&self.inner, commit).await
    }
}

#[async_trait]
impl<F: RowFlaw> Leases for Mutant<F> {
    async fn claim(&self, name: &LeaseName, owner: Owner, time: Duration) -> Result<Claim> {
        self.flaw.claim(&self.inner, name, owner, time).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool> {
        self.flaw.renew(&self.inner, lease, time).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.flaw.release(&self.inner, lease).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState> {
        self.flaw.lease(&self.inner, name).await
    }
}

#[async_trait]
impl<F: RowFlaw> RowStore for Mutant<F> {
    async fn prepare(&self, set: &RowSet) -> Result<()> {
        self.flaw.prepare(&self.inner, set).await
    }

    async fn remove(&self, set: &RowSet) -> Result<()> {
        self.flaw.remove(&self.inner, set).await
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage> {
        self.flaw.rows(&self.inner, set, wanted, of).await
    }
}

/// Opens good logs, each handle with a flaw of its own.
#[derive(Default)]
pub(super) struct FlawedRows<F> {
    logs: InMemory,
    flaw: PhantomData<fn() -> F>,
}

#[async_trait]
impl<F: RowFlaw> RowHarness for FlawedRows<F> {
    async fn open(&self, log: &str) -> Rows {
        Arc::new(Mutant { inner: Arc::new(self.logs.log(log)), flaw: F::default() })
    }
}

/// What is in a commit.
pub(super) fn parts(commit: &Commit) -> std::result::Result<Parts, InvalidCommit> {
    use PartKind::{Advance, Appends, Checks, Inbox, Rows};
    commit.clone().into_parts(&[Appends, Checks, Inbox, Rows, Advance], &Limits::default())
}

/// A commit of `parts`.
pub(super) fn of_parts(mut parts: Parts) -> Commit {
    let (rows, advance) = (std::mem::take(&mut parts.rows), parts.advance.take());
    let commit = commit_of(parts).rows(rows);
    match advance {
        Some(advance) => commit.advance(advance),
        None => commit,
    }
}

/// Commits `parts`, if there are any.
pub(super) async fn commit_any(store: &Rows, parts: Parts) -> Answer {
    let commit = of_parts(parts);
    if commit.is_empty() { Ok(nothing(store)) } else { store.commit(commit).await }
}

/// The answer to a commit that writes no events.
pub(super) fn nothing(store: &Rows) -> Committed {
    Committed::new(Vec::new(), None, Token::new(store.identity(), Position::START))
}

/// The newest epoch's lease, whoever holds it.
pub(super) async fn newest(store: &Rows, name: &LeaseName) -> Result<Lease> {
    Ok(Lease::new(name.clone(), store.lease(name).await?.epoch))
}

/// All rows of a set.
pub(super) async fn all_rows(store: &Rows, set: &RowSet) -> Result<Vec<freehold::Row>> {
    let mut all: Vec<freehold::Row> = Vec::new();
    loop {
        let after = all.last().map(|row| row.key.clone());
        let wanted = RowsWanted::Page { prefix: "".into(), after, limit: usize::MAX };
        let page = store.rows(set, &wanted, None).await?;
        all.extend(page.rows);
        if !page.has_more {
            return Ok(all);
        }
    }
}
