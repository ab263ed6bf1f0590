//! The keys of data subjects: a row for each.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Connection, Executor, Postgres, Row};

use super::append::milliseconds;
use super::error::{BACKEND, backend, closed, of_commit};
use super::handle::{PostgresStore, Shared};
use crate::ports::{BackendError, CommitError, EventStore, Fault, SubjectKeys};
use crate::types::{Commit, Committed, DataSubject, KeyRing, NewKey, SubjectKey, Token};

/// What is read after a lock must be as it is then, whatever the pool says of transactions.
const AS_IT_IS: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
const ADD: &str = "add keys";
const FORGET: &str = "forget a data subject";

#[async_trait]
impl SubjectKeys for PostgresStore {
    async fn rings(&self, subjects: &[DataSubject]) -> Result<Vec<KeyRing>, BackendError> {
        let rings = self.shared.rings(&self.shared.pool, subjects).await;
        rings.map_err(|error| backend("read keys", error))?
    }

    async fn add(&self, keys: Vec<NewKey>) -> Result<Vec<KeyRing>, BackendError> {
        let shared = Arc::clone(&self.shared);
        // A task of its own: the driver can leave a connection within a transaction whose future is dropped.
        let adding = tokio::spawn(async move { shared.add_keys(&keys).await });
        let added = adding.await.map_err(|_| closed(ADD))?;
        added.map_err(|error| backend(ADD, error))?
    }

    async fn forget(&self, subject: &DataSubject, with: Commit) -> Result<Committed, CommitError> {
        let (store, subject) = (self.clone(), subject.clone());
        let forgetting = tokio::spawn(async move { store.forget_keys(&subject, with).await });
        forgetting.await.map_err(|_| CommitError::Unknown(closed(FORGET)))?
    }
}

impl PostgresStore {
    async fn forget_keys(
        &self,
        subject: &DataSubject,
        with: Commit,
    ) -> Result<Committed, CommitError> {
        // Nothing is certain to be written before the end.
        let failed = |error| CommitError::Backend(backend(FORGET, error));
        let mut conn = self.shared.outside().await.map_err(failed)?;
        let mut tx = conn.begin().await.map_err(failed)?;
        tx.execute(AS_IT_IS).await.map_err(failed)?;
        let forget = sqlx::query(self.shared.log.sql.forget_keys.clone())
            .bind(subject.as_str())
            .bind(milliseconds(self.shared.lock_timeout));
        forget.execute(&mut *tx).await.map_err(failed)?;
        let staged =
            if with.is_empty() { None } else { Some(self.commit_in(&mut tx, with).await?) };
        tx.commit().await.map_err(|error| of_commit(FORGET, error))?;
        if let Some(staged) = staged {
            return Ok(staged.committed());
        }
        // Whoever asks for the head takes a connection, which may be this one.
        drop(conn);
        let head = self.head().await.map_err(CommitError::Unknown)?;
        Ok(Committed::new(Vec::new(), None, Token::new(self.shared.log.id, head)))
    }
}

type Rings = Result<Vec<KeyRing>, BackendError>;

impl Shared {
    async fn add_keys(&self, keys: &[NewKey]) -> sqlx::Result<Rings> {
        let mut conn = self.outside().await?;
        let mut tx = conn.begin().await?;
        tx.execute(AS_IT_IS).await?;
        let subjects: Vec<&str> = keys.iter().map(|new| new.subject.as_str()).collect();
        let number = |new: &NewKey| i32::try_from(new.id.get()).unwrap_or(i32::MAX);
        sqlx::query(self.log.sql.add_keys.clone())
            .bind(&subjects)
            .bind(keys.iter().map(number).collect::<Vec<_>>())
            .bind(keys.iter().map(|new| new.key.bytes().as_slice()).collect::<Vec<_>>())
            .bind(milliseconds(self.lock_timeout))
            .execute(&mut *tx)
            .await?;
        let subjects: Vec<_> = keys.iter().map(|new| new.subject.clone()).collect();
        let rings = self.rings(&mut *tx, &subjects).await?;
        tx.commit().await?;
        Ok(rings)
    }

    async fn rings(
        &self,
        conn: impl Executor<'_, Database = Postgres>,
        subjects: &[DataSubject],
    ) -> sqlx::Result<Rings> {
        let names: Vec<&str> = subjects.iter().map(DataSubject::as_str).collect();
        let found = sqlx::query(self.log.sql.keys.clone()).bind(names).fetch_all(conn).await?;
        let mut rings: HashMap<String, KeyRing> = HashMap::new();
        for row in &found {
            let (subject, number): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
            let ring = rings.entry(subject).or_insert(KeyRing::EMPTY);
            match ring {
                _ if number == 0 => *ring = KeyRing::Forgotten,
                KeyRing::Forgotten => {}
                KeyRing::Keys(keys) => {
                    let Some(key) = SubjectKey::stored(row.try_get(2)?) else {
                        let why = "a key of another length";
                        let why = BackendError::new(BACKEND, "read keys", Fault::Corrupt, why);
                        return Ok(Err(why));
                    };
                    keys.push(key);
                }
            }
        }
        let ring = |subject: &DataSubject| rings.get(subject.as_str()).cloned();
        Ok(Ok(subjects.iter().map(|subject| ring(subject).unwrap_or(KeyRing::EMPTY)).collect()))
    }
}
