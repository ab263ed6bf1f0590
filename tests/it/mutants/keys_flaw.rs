//! Keys with a flaw, made as [`flaw`](super::flaw) makes a store of events.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use freehold::backend::memory::MemoryStore;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::SubjectKeysHarness;
use freehold::{Commit, Committed, DataSubject, EventStore, KeyRing, NewKey, SubjectKeys};

use super::flaw::Answer;
use super::row_flaw::Result;
use crate::testkit::harness::InMemory;

/// What is wrong with the keys. What a flaw does not override is right.
#[async_trait]
pub(super) trait KeysFlaw: Debug + Default + Send + Sync + 'static {
    async fn rings(&self, keys: &MemoryStore, subjects: &[DataSubject]) -> Result<Vec<KeyRing>> {
        keys.rings(subjects).await
    }

    async fn add(&self, keys: &MemoryStore, new: Vec<NewKey>) -> Result<Vec<KeyRing>> {
        keys.add(new).await
    }

    async fn forget(&self, keys: &MemoryStore, subject: &DataSubject, with: Commit) -> Answer {
        keys.forget(subject, with).await
    }
}

#[derive(Debug)]
struct Mutant<F> {
    inner: MemoryStore,
    flaw: F,
}

#[async_trait]
impl<F: KeysFlaw> SubjectKeys for Mutant<F> {
    async fn rings(&self, subjects: &[DataSubject]) -> Result<Vec<KeyRing>> {
        self.flaw.rings(&self.inner, subjects).await
    }

    async fn add(&self, keys: Vec<NewKey>) -> Result<Vec<KeyRing>> {
        self.flaw.add(&self.inner, keys).await
    }

    async fn forget(
        &self,
        subject: &DataSubject,
        with: Commit,
    ) -> std::result::Result<Committed, freehold::CommitError> {
        self.flaw.forget(&self.inner, subject, with).await
    }
}

/// Opens keys with a flaw; each handle has its own.
pub(super) struct FlawedKeys<F>(InMemory, PhantomData<fn() -> F>);

impl<F> Default for FlawedKeys<F> {
    fn default() -> Self {
        Self(InMemory::default(), PhantomData)
    }
}

#[async_trait]
impl<F: KeysFlaw> SubjectKeysHarness for FlawedKeys<F> {
    async fn open(&self, log: &str) -> Arc<dyn SubjectKeys> {
        Arc::new(Mutant { inner: self.0.log(log), flaw: F::default() })
    }

    async fn events(&self, log: &str) -> Option<Arc<dyn EventStore>> {
        Some(Arc::new(self.0.log(log)))
    }
}
