//! What an index says about itself, in the same commit as its documents.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::SearchError;
use super::searched::Searched;
use super::words::ANALYZER;
use crate::consistency::Session;
use crate::projection::events::Events;
use crate::types::{LogId, Position, Token};

/// What the payload of each commit of an index says: how far it is, and of what form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Which form the views and their texts have.
    pub(super) form: Form,
    /// How many commits there were: no two have one stamp.
    commit: u64,
    /// The checkpoint: up to where each log is in the documents.
    at: BTreeMap<Uuid, u64>,
}

/// Which form the views and their texts have. An index of another form is built anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Form {
    pub(super) version: u32,
    words: String,
    events: Vec<String>,
    fields: Vec<String>,
}

impl Form {
    /// That of nothing.
    pub(super) const fn none() -> Self {
        Self { version: 0, words: String::new(), events: Vec::new(), fields: Vec::new() }
    }

    /// That of the projection as it is now.
    pub(super) fn of<P: Searched>() -> Self {
        let categories = <P::Events as Events<P>>::CATEGORIES;
        Self {
            version: P::VERSION,
            words: ANALYZER.to_owned(),
            events: categories.iter().map(|&category| category.to_owned()).collect(),
            fields: P::FIELDS.iter().map(|field| field.name().to_owned()).collect(),
        }
    }
}

impl Stamp {
    /// That of an index with nothing in it.
    pub(super) const fn new(form: Form) -> Self {
        Self { form, commit: 0, at: BTreeMap::new() }
    }

    pub(super) fn position(&self, log: LogId) -> Position {
        Position::new(self.at.get(&log.as_uuid()).copied().unwrap_or_default())
    }

    /// Whether all that is in the documents is of these logs.
    pub(super) fn is_of(&self, logs: &[LogId]) -> bool {
        self.at.keys().all(|known| logs.iter().any(|log| log.as_uuid() == *known))
    }

    /// That of the next commit, which takes in `log` up to `upto`.
    pub(super) fn next(&self, log: LogId, upto: Position) -> Self {
        let mut next = self.clone();
        next.commit += 1;
        let at = next.at.entry(log.as_uuid()).or_default();
        *at = upto.get().max(*at);
        next
    }

    /// How far that is in these logs.
    pub(super) fn at(&self, logs: impl IntoIterator<Item = LogId>) -> Session {
        let mut at = Session::new();
        for log in logs {
            at.observe(Token::new(log, self.position(log)));
        }
        at
    }

    /// As the payload of a commit.
    pub(super) fn to_payload(&self, folder: &Path) -> Result<String, SearchError> {
        serde_json::to_string(self).map_err(|why| SearchError::damaged(folder, why))
    }

    /// From the payload of a commit.
    pub(super) fn of_payload(payload: Option<&str>, folder: &Path) -> Result<Self, SearchError> {
        let payload = payload.ok_or_else(|| SearchError::damaged(folder, NoStamp))?;
        serde_json::from_str(payload).map_err(|why| SearchError::damaged(folder, why))
    }
}

/// A commit that does not say how far it is.
#[derive(Debug, thiserror::Error)]
#[error("the index does not say up to where the logs are in it")]
pub(super) struct NoStamp;
