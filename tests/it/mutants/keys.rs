//! What can be wrong with the keys of data subjects.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use freehold::backend::memory::MemoryStore;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::SubjectKeysHarness;
use freehold::{Commit, DataSubject, EventStore, KeyId, KeyRing, NewKey, SubjectKeys};

use super::flaw::Answer;
use super::keys_flaw::KeysFlaw;
use super::row_flaw::Result;

fn reversed(ring: KeyRing) -> KeyRing {
    match ring {
        KeyRing::Keys(keys) => KeyRing::Keys(keys.into_iter().rev().collect()),
        KeyRing::Forgotten => KeyRing::Forgotten,
    }
}

fn lower(subject: &DataSubject) -> DataSubject {
    DataSubject::new(&subject.as_str().to_lowercase()).unwrap()
}

/// Reads a ring from its end.
#[derive(Debug, Default)]
pub(super) struct TellsTheNewestFirst;

#[async_trait]
impl KeysFlaw for TellsTheNewestFirst {
    async fn rings(&self, keys: &MemoryStore, subjects: &[DataSubject]) -> Result<Vec<KeyRing>> {
        Ok(keys.rings(subjects).await?.into_iter().map(reversed).collect())
    }
}

/// Has a collation that takes `A` for `a`.
#[derive(Debug, Default)]
pub(super) struct IgnoresTheCaseOfSubjects;

#[async_trait]
impl KeysFlaw for IgnoresTheCaseOfSubjects {
    async fn rings(&self, keys: &MemoryStore, subjects: &[DataSubject]) -> Result<Vec<KeyRing>> {
        keys.rings(&subjects.iter().map(lower).collect::<Vec<_>>()).await
    }

    async fn add(&self, keys: &MemoryStore, mut new: Vec<NewKey>) -> Result<Vec<KeyRing>> {
        for new in &mut new {
            new.subject = lower(&new.subject);
        }
        keys.add(new).await
    }
}

/// Answers as an index would: in its own order, each once.
#[derive(Debug, Default)]
pub(super) struct AnswersInItsOwnOrder;

#[async_trait]
impl KeysFlaw for AnswersInItsOwnOrder {
    async fn rings(&self, keys: &MemoryStore, subjects: &[DataSubject]) -> Result<Vec<KeyRing>> {
        let mut sorted = subjects.to_vec();
        sorted.sort();
        keys.rings(&sorted).await
    }
}

/// Gives a key the next id, whatever id it has.
#[derive(Debug, Default)]
pub(super) struct NumbersKeysItself;

#[async_trait]
impl KeysFlaw for NumbersKeysItself {
    async fn add(&self, keys: &MemoryStore, new: Vec<NewKey>) -> Result<Vec<KeyRing>> {
        let mut rings = Vec::new();
        for new in new {
            let subjects = [new.subject.clone()];
            let next = keys.rings(&subjects).await?[0].next_id().unwrap_or(KeyId::FIRST);
            rings.extend(keys.add(vec![NewKey { id: next, ..new }]).await?);
        }
        Ok(rings)
    }
}

/// Believes that a key was added because it has added it.
#[derive(Debug, Default)]
pub(super) struct AnswersWithItsOwnKey;

#[async_trait]
impl KeysFlaw for AnswersWithItsOwnKey {
    async fn add(&self, keys: &MemoryStore, new: Vec<NewKey>) -> Result<Vec<KeyRing>> {
        let own: Vec<_> = new.iter().map(|new| (new.id, new.key.clone())).collect();
        let with_own = |(ring, (id, key)): (KeyRing, (KeyId, freehold::SubjectKey))| match ring {
            KeyRing::Keys(mut keys) => {
                if keys.len() == usize::try_from(id.get()).unwrap() {
                    keys.pop();
                    keys.push(key);
                }
                KeyRing::Keys(keys)
            }
            KeyRing::Forgotten => KeyRing::Forgotten,
        };
        Ok(keys.add(new).await?.into_iter().zip(own).map(with_own).collect())
    }
}

/// Forgets for itself alone.
#[derive(Debug, Default)]
pub(super) struct ForgetsForItself(Mutex<HashSet<DataSubject>>);

#[async_trait]
impl KeysFlaw for ForgetsForItself {
    async fn rings(&self, keys: &MemoryStore, subjects: &[DataSubject]) -> Result<Vec<KeyRing>> {
        let mut rings = keys.rings(subjects).await?;
        for (subject, ring) in subjects.iter().zip(&mut rings) {
            if self.0.lock().unwrap().contains(subject) {
                *ring = KeyRing::Forgotten;
            }
        }
        Ok(rings)
    }

    async fn forget(&self, keys: &MemoryStore, subject: &DataSubject, with: Commit) -> Answer {
        self.0.lock().unwrap().insert(subject.clone());
        let nobody = DataSubject::new("nobody at all").unwrap();
        keys.forget(&nobody, with).await
    }
}

/// Removes keys, and remembers nothing of it: whoever was forgotten can be met again.
#[derive(Debug, Default)]
pub(super) struct MeetsTheForgottenAgain;

#[async_trait]
impl KeysFlaw for MeetsTheForgottenAgain {
    async fn add(&self, keys: &MemoryStore, new: Vec<NewKey>) -> Result<Vec<KeyRing>> {
        let again: Vec<_> = new.iter().map(|new| KeyRing::Keys(vec![new.key.clone()])).collect();
        let rings = keys.add(new).await?;
        let met = |(ring, again): (KeyRing, KeyRing)| match ring {
            KeyRing::Forgotten => again,
            KeyRing::Keys(_) => ring,
        };
        Ok(rings.into_iter().zip(again).map(met).collect())
    }
}

/// Forgets, and then commits.
#[derive(Debug, Default)]
pub(super) struct ForgetsFirst;

#[async_trait]
impl KeysFlaw for ForgetsFirst {
    async fn forget(&self, keys: &MemoryStore, subject: &DataSubject, with: Commit) -> Answer {
        let forgotten = keys.forget(subject, Commit::new()).await?;
        if with.is_empty() { Ok(forgotten) } else { keys.forget(subject, with).await }
    }
}

/// Forgets, and leaves the commit to others.
#[derive(Debug, Default)]
pub(super) struct ForgetsTheCommit;

#[async_trait]
impl KeysFlaw for ForgetsTheCommit {
    async fn forget(&self, keys: &MemoryStore, subject: &DataSubject, _: Commit) -> Answer {
        keys.forget(subject, Commit::new()).await
    }
}

/// Takes the keys for forgotten when the commit was there already.
#[derive(Debug, Default)]
pub(super) struct UndoesForgettingWithARepetition;

#[async_trait]
impl KeysFlaw for UndoesForgettingWithARepetition {
    async fn forget(&self, keys: &MemoryStore, subject: &DataSubject, with: Commit) -> Answer {
        for key in with.dedup_keys() {
            if let Ok(Some(before)) = keys.outcome(&key).await {
                return Ok(before.as_duplicate());
            }
        }
        keys.forget(subject, with).await
    }
}

/// Keeps keys in memory while it says that they are durable.
pub(super) struct ForgetsKeysOnReopen;

#[async_trait]
impl SubjectKeysHarness for ForgetsKeysOnReopen {
    async fn open(&self, _: &str) -> Arc<dyn SubjectKeys> {
        Arc::new(MemoryStore::new())
    }
}
