//! What another service knows, for the events of a batch.

use std::collections::HashMap;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::subscription::SinkError;
use crate::types::{RecordedEvent, RowValue};

/// What another service knows, for the events of a batch, by names that the projection and its [`Enrich`] agree on.
#[derive(Clone, Debug, Default)]
pub struct Facts(HashMap<String, RowValue>);

impl Facts {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    ///
    /// # Errors
    /// What `serde_json` says of a value that JSON cannot hold.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        fact: &impl Serialize,
    ) -> Result<(), serde_json::Error> {
        self.0.insert(name.into(), RowValue::of(fact)?);
        Ok(())
    }

    /// The one called `name`; `None` if there is none, or it is no `T`.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.0.get(name)?.read().ok()
    }
}

/// Asks another service, once a batch and before the fold, for what the fold will need. The fold itself asks nobody.
///
/// What it answers is as new as the call: a rebuild asks again, and may be told otherwise. What must be as it was at the
/// time belongs into the event.
#[async_trait]
pub trait Enrich: Send + Sync + 'static {
    /// What is needed for these events.
    ///
    /// # Errors
    /// [`SinkError`], which decides what happens to the batch.
    async fn enrich(&self, events: &[RecordedEvent]) -> Result<Facts, SinkError>;
}
