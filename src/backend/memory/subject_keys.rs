//! The keys of data subjects.

use std::collections::HashMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::ports::{BackendError, CommitError, Store, SubjectKeys};
use crate::types::{Commit, Committed, DataSubject, KeyRing, NewKey, Token};

/// What is behind the lock.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<DataSubject, KeyRing>);

impl Keys {
    fn ring(&self, subject: &DataSubject) -> KeyRing {
        self.0.get(subject).cloned().unwrap_or(KeyRing::EMPTY)
    }

    fn add(&mut self, NewKey { subject, id, key }: NewKey) {
        let ring = self.0.entry(subject).or_insert(KeyRing::EMPTY);
        if ring.next_id() == Some(id)
            && let KeyRing::Keys(keys) = ring
        {
            keys.push(key);
        }
    }

    fn forget(&mut self, subject: &DataSubject) {
        self.0.insert(subject.clone(), KeyRing::Forgotten);
    }
}

#[async_trait]
impl SubjectKeys for MemoryStore {
    async fn rings(&self, subjects: &[DataSubject]) -> Result<Vec<KeyRing>, BackendError> {
        let log = self.log();
        Ok(subjects.iter().map(|subject| log.keys.ring(subject)).collect())
    }

    async fn add(&self, keys: Vec<NewKey>) -> Result<Vec<KeyRing>, BackendError> {
        let subjects: Vec<DataSubject> = keys.iter().map(|new| new.subject.clone()).collect();
        let mut log = self.log();
        for new in keys {
            log.keys.add(new);
        }
        Ok(subjects.iter().map(|subject| log.keys.ring(subject)).collect())
    }

    async fn forget(&self, subject: &DataSubject, with: Commit) -> Result<Committed, CommitError> {
        if with.is_empty() {
            let mut log = self.log();
            log.keys.forget(subject);
            let token = Token::new(self.identity(), log.head());
            return Ok(Committed::new(Vec::new(), None, token));
        }
        self.write(with, |log| log.keys.forget(subject))
    }
}
