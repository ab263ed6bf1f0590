//! Folding within the append.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use super::log::Log;
use super::store::BACKEND;
use crate::ports::{BackendError, CommitError, Fault, InlineFold, InlineStore, Inlined, Store};
use crate::types::{
    Filter, LeaseName, LogId, Parts, Position, RecordedEvent, Recording, Row, RowWrite, RowsWanted,
};

#[async_trait]
impl InlineStore for MemoryStore {
    async fn inline(&self, fold: Arc<dyn InlineFold>) -> Result<Inlined, CommitError> {
        let page_max = self.limits().events_per_page_max;
        self.log().inline(fold, self.identity(), page_max)
    }

    async fn detach(&self, fold: &LeaseName) -> Result<(), BackendError> {
        self.log().detach(fold);
        Ok(())
    }
}

impl Log {
    /// Folds what is behind the checkpoint, and then every commit.
    fn inline(
        &mut self,
        fold: Arc<dyn InlineFold>,
        identity: LogId,
        page_max: usize,
    ) -> Result<Inlined, CommitError> {
        let name = fold.name().clone();
        if let Some(known) = self.folds.iter_mut().find(|known| *known.name() == name) {
            *known = fold;
            return Ok(Inlined::Folds);
        }
        let at = self.rows.checkpoint(&name, identity);
        let behind = self.feed_page(at, &Filter::all(), page_max);
        if behind.has_more {
            return Ok(Inlined::Behind { at });
        }
        let rows = self.rows_of(&[Arc::clone(&fold)], &behind.events)?;
        self.rows.put(rows);
        self.rows.hold(&name);
        self.folds.push(fold);
        self.folds.sort_by(|a, b| a.name().cmp(b.name()));
        self.folded_up_to(identity);
        Ok(Inlined::Folds)
    }

    fn detach(&mut self, name: &LeaseName) {
        let folds = self.folds.len();
        self.folds.retain(|fold| fold.name() != name);
        if self.folds.len() < folds {
            self.rows.let_go(name);
        }
    }

    /// What the folds make of a commit that is about to be written.
    pub(super) fn fold(
        &self,
        parts: &Parts,
        recorded_at: DateTime<Utc>,
    ) -> Result<Vec<RowWrite>, CommitError> {
        if self.folds.is_empty() || parts.appends.is_empty() {
            return Ok(Vec::new());
        }
        let mut position = self.head();
        let mut events = Vec::new();
        for append in &parts.appends {
            let mut version = self.version(&append.stream);
            for event in &append.events {
                (position, version) = (Position::new(position.get() + 1), version.plus(1));
                let stream = append.stream.clone();
                let at = Recording { stream, version, position, recorded_at };
                events.push(event.clone().recorded(at));
            }
        }
        self.rows_of(&self.folds, &events)
    }

    /// All folds hold what the log holds.
    pub(super) fn folded_up_to(&mut self, identity: LogId) {
        let head = self.head();
        for fold in &self.folds {
            self.rows.move_checkpoint(fold.name(), identity, head);
        }
    }

    /// What the folds make of events.
    fn rows_of(
        &self,
        folds: &[Arc<dyn InlineFold>],
        events: &[RecordedEvent],
    ) -> Result<Vec<RowWrite>, CommitError> {
        let mut rows = Vec::new();
        for fold in folds {
            rows.extend(fold.rows_of(events, |wanted| self.rows_before(&**fold, wanted))?);
        }
        self.rows.have_sets_of(&rows).map_err(missing)?;
        Ok(rows)
    }

    fn rows_before(
        &self,
        fold: &dyn InlineFold,
        wanted: &[RowsWanted],
    ) -> Result<Vec<Row>, CommitError> {
        let mut rows = Vec::new();
        for wanted in wanted {
            let page = self.rows.page(fold.set(), wanted, None, |_| usize::MAX);
            rows.extend(page.map_err(missing)?.rows);
        }
        Ok(rows)
    }
}

fn missing(why: super::rows::Unprepared) -> CommitError {
    CommitError::from(BackendError::new(BACKEND, "fold", Fault::Missing, why))
}
