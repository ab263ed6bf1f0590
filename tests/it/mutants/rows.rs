//! Mutants of R1, R2, R4, R5, R6 and R7: what is kept, and when it is seen.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use freehold::backend::memory::MemoryStore;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::RowHarness;
use freehold::{
    BackendError, Commit, CommitError, Fault, InvalidCommit, LeaseName, Limits, RowKey, RowPage,
    RowSet, RowValue, RowWrite, RowsWanted,
};
use tokio::task::yield_now;

use super::flaw::Answer;
use super::row_flaw::{Result, RowFlaw, Rows, all_rows, commit_any, nothing, of_parts, parts};

/// L1, L2, L7, R1, R5: what was not flushed is gone.
#[derive(Default)]
pub(super) struct ForgetsRowsOnReopen;

#[async_trait]
impl RowHarness for ForgetsRowsOnReopen {
    async fn open(&self, _: &str) -> Rows {
        Arc::new(MemoryStore::new())
    }
}

/// Commits with each row changed.
async fn changed(store: &Rows, commit: Commit, change: impl Fn(&mut RowWrite)) -> Answer {
    let Ok(mut parts) = parts(&commit) else { return store.commit(commit).await };
    parts.rows.iter_mut().for_each(change);
    store.commit(of_parts(parts)).await
}

/// R1: JSON is parsed and written anew.
#[derive(Debug, Default)]
pub(super) struct TidiesRows;

#[async_trait]
impl RowFlaw for TidiesRows {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let tidy = |row: &mut RowWrite| {
            let json = row.value.as_ref().and_then(|value| value.read::<serde_json::Value>().ok());
            if let Some(json) = json {
                row.value = Some(RowValue::of(&json).unwrap());
            }
        };
        changed(store, commit, tidy).await
    }
}

/// R1: a row that is deleted keeps what it held.
#[derive(Debug, Default)]
pub(super) struct KeepsTheDeleted;

#[async_trait]
impl RowFlaw for KeepsTheDeleted {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        parts.rows.retain(|row| row.value.is_some());
        commit_any(store, parts).await
    }
}

/// R1: the key of a deleted row is a pattern.
#[derive(Debug, Default)]
pub(super) struct DeletesByPattern;

#[async_trait]
impl RowFlaw for DeletesByPattern {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        let deleted = |row: &&RowWrite| row.value.is_none() && row.key.as_str() == "%";
        if let Some(all) = parts.rows.iter().find(deleted).map(|row| row.set.clone()) {
            parts.rows.clear();
            for row in all_rows(store, &all).await? {
                parts.rows.push(RowWrite::delete(&all, &row.key));
            }
        }
        store.commit(of_parts(parts)).await
    }
}

/// R1: keys are compared as a language does.
#[derive(Debug, Default)]
pub(super) struct IgnoresTheCaseOfKeys;

fn lower(key: &RowKey) -> RowKey {
    RowKey::new(&key.as_str().to_ascii_lowercase()).unwrap()
}

#[async_trait]
impl RowFlaw for IgnoresTheCaseOfKeys {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let Ok(mut parts) = parts(&commit) else { return store.commit(commit).await };
        let mut seen = HashSet::new();
        parts.rows.iter_mut().for_each(|row| row.key = lower(&row.key));
        parts.rows.retain(|row| seen.insert((row.set.clone(), row.key.clone())));
        store.commit(of_parts(parts)).await
    }
}

/// R1: the names of sets are cut where the database cuts names.
#[derive(Debug, Default)]
pub(super) struct CutsLongNames;

fn cut(set: &RowSet) -> RowSet {
    RowSet::new(&set.as_str()[..set.as_str().len().min(47)]).unwrap()
}

#[async_trait]
impl RowFlaw for CutsLongNames {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        changed(store, commit, |row| row.set = cut(&row.set)).await
    }

    async fn prepare(&self, store: &Rows, set: &RowSet) -> Result<()> {
        store.prepare(&cut(set)).await
    }

    async fn rows(
        &self,
        store: &Rows,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage> {
        store.rows(&cut(set), wanted, of).await
    }
}

/// R2: rows are written before it is known whether the rest can be.
#[derive(Debug, Default)]
pub(super) struct WritesRowsFirst;

#[async_trait]
impl RowFlaw for WritesRowsFirst {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        if !parts.rows.is_empty() {
            store.commit(Commit::new().rows(parts.rows)).await?;
        }
        store.commit(commit).await
    }
}

/// R2: each row is a transaction of its own.
#[derive(Debug, Default)]
pub(super) struct TearsRows;

#[async_trait]
impl RowFlaw for TearsRows {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        while parts.rows.len() > 1 {
            store.commit(Commit::new().rows([parts.rows.remove(0)])).await?;
            yield_now().await;
        }
        store.commit(of_parts(parts)).await
    }
}

/// R4: the checkpoints are read when the rows have been.
#[derive(Debug, Default)]
pub(super) struct ReadsCheckpointsAfterRows;

#[async_trait]
impl RowFlaw for ReadsCheckpointsAfterRows {
    async fn rows(
        &self,
        store: &Rows,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage> {
        let mut page = store.rows(set, wanted, None).await?;
        // Twice, so that writers that take turns with readers get on in between.
        yield_now().await;
        yield_now().await;
        if let Some(of) = of {
            page.checkpoints = store.lease(of).await?.checkpoints;
        }
        Ok(page)
    }
}

/// R4: who finds no rows is told no checkpoints.
#[derive(Debug, Default)]
pub(super) struct TellsNoCheckpointsWithoutRows;

#[async_trait]
impl RowFlaw for TellsNoCheckpointsWithoutRows {
    async fn rows(
        &self,
        store: &Rows,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage> {
        let page = store.rows(set, wanted, of).await?;
        let checkpoints = if page.rows.is_empty() { vec![] } else { page.checkpoints };
        Ok(RowPage::new(page.rows, page.has_more, checkpoints))
    }
}

/// R5: a set that is prepared begins anew.
#[derive(Debug, Default)]
pub(super) struct EmptiesWhatItPrepares;

#[async_trait]
impl RowFlaw for EmptiesWhatItPrepares {
    async fn prepare(&self, store: &Rows, set: &RowSet) -> Result<()> {
        store.prepare(set).await?;
        let rows = all_rows(store, set).await?;
        let gone = rows.iter().map(|row| RowWrite::delete(set, &row.key));
        let commit = Commit::new().rows(gone);
        if !commit.is_empty() {
            store.commit(commit).await.unwrap();
        }
        Ok(())
    }
}

/// R5: a set that nobody has prepared is made when it is needed.
#[derive(Debug, Default)]
pub(super) struct PreparesWhatIsWritten;

#[async_trait]
impl RowFlaw for PreparesWhatIsWritten {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        for row in parts(&commit)?.rows {
            store.prepare(&row.set).await?;
        }
        store.commit(commit).await
    }
}

/// R5: a set that is not there has no rows.
#[derive(Debug, Default)]
pub(super) struct TakesTheMissingForEmpty;

#[async_trait]
impl RowFlaw for TakesTheMissingForEmpty {
    async fn rows(
        &self,
        store: &Rows,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage> {
        match store.rows(set, wanted, of).await {
            Err(error) if error.fault() == Fault::Missing => Ok(RowPage::default()),
            answer => answer,
        }
    }
}

/// R5: one of two who prepare a set at once finds that it is there.
#[derive(Debug, Default)]
pub(super) struct FailsRacingPreparations(Mutex<HashSet<RowSet>>);

#[async_trait]
impl RowFlaw for FailsRacingPreparations {
    async fn prepare(&self, store: &Rows, set: &RowSet) -> Result<()> {
        if !self.0.lock().unwrap().insert(set.clone()) {
            return Err(BackendError::new("mutant", "prepare", Fault::Other, "it is there"));
        }
        yield_now().await;
        self.0.lock().unwrap().remove(set);
        store.prepare(set).await
    }
}

/// R6: a set is emptied, and still there.
#[derive(Debug, Default)]
pub(super) struct EmptiesWhatItRemoves;

#[async_trait]
impl RowFlaw for EmptiesWhatItRemoves {
    async fn remove(&self, store: &Rows, set: &RowSet) -> Result<()> {
        store.remove(set).await?;
        store.prepare(set).await
    }
}

/// R6: sets with a name that begins alike go with it.
#[derive(Debug, Default)]
pub(super) struct RemovesByPrefix;

#[async_trait]
impl RowFlaw for RemovesByPrefix {
    async fn remove(&self, store: &Rows, set: &RowSet) -> Result<()> {
        store.remove(set).await?;
        let alike = set.as_str().strip_suffix('s').and_then(|name| RowSet::new(name).ok());
        match alike {
            Some(alike) => store.remove(&alike).await,
            None => Ok(()),
        }
    }
}

/// R7: of two that are one row, one is enough.
#[derive(Debug, Default)]
pub(super) struct TakesRowsTwice;

#[async_trait]
impl RowFlaw for TakesRowsTwice {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        match store.commit(commit).await {
            Err(CommitError::Invalid(InvalidCommit::RowTwice(..))) => Ok(nothing(store)),
            answer => answer,
        }
    }
}

/// R7: limits are told, and not kept.
#[derive(Debug, Default)]
pub(super) struct KeepsNoLimitsOnRows;

static TIGHT: Limits = Limits {
    streams_per_commit_max: 10_000,
    events_per_commit_max: 10_000,
    bytes_per_event_max: 1 << 20,
    messages_per_commit_max: 10_000,
    bytes_per_message_max: 1 << 20,
    bytes_per_commit_max: 128,
    events_per_page_max: 1_000,
    rows_per_commit_max: 7,
    bytes_per_row_max: 64,
    rows_per_page_max: 1_000,
};

impl RowFlaw for KeepsNoLimitsOnRows {
    fn limits<'a>(&'a self, _: &'a Rows) -> &'a Limits {
        &TIGHT
    }
}
