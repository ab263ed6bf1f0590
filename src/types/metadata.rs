//! What travels beside an event's payload: who, why, in which flow, for whom, on which trace.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{Envelope, RecordedEvent, TraceContext};

/// The longest actor, tenant or key of an entry, in bytes.
const NAME_BYTES_MAX: usize = 190;
/// The longest value of an entry, in bytes.
const VALUE_BYTES_MAX: usize = 1024;
/// The most entries.
const ENTRIES_MAX: usize = 32;
/// What stands before and behind the flow, if a JSON says nothing else.
const FLOW: (&str, &str) = (r#"{"correlation":""#, r#""}"#);

/// What travels beside an event's payload. Empty metadata costs nothing; cloning shares it.
///
/// - *correlation*: the flow that the event belongs to; the same in all that one request sets off.
/// - *causation*: what caused it, a command or another event.
/// - *actor*: who asked for it. *tenant*: on whose behalf.
/// - *trace*: the W3C trace context of the request.
/// - up to 32 entries of the service's own, keys of 1 to 190 bytes, values of up to 1,024 bytes.
///
/// ```
/// use freehold::Metadata;
/// use uuid::Uuid;
///
/// let metadata = Metadata::new()
///     .with_correlation(Uuid::from_u128(1))
///     .with_actor("alice@example.org")?
///     .with_entry("channel", "web")?;
/// assert_eq!(metadata.actor(), Some("alice@example.org"));
/// assert_eq!(metadata.entry("channel"), Some("web"));
/// # Ok::<(), freehold::InvalidMetadata>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Fields")]
pub struct Metadata(Option<Arc<Fields>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceContext>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    entries: BTreeMap<Arc<str>, Arc<str>>,
}

/// Metadata that does not fit its bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMetadata {
    /// The actor, the tenant or a key is not 1 to 190 bytes without control characters.
    #[error("metadata's {field} is 1 to 190 bytes without control characters")]
    Name {
        /// `actor`, `tenant` or `key`.
        field: &'static str,
    },
    /// The value of an entry is longer than 1,024 bytes.
    #[error("a metadata value is at most 1024 bytes")]
    Value,
    /// There are 32 entries already.
    #[error("metadata has at most 32 entries")]
    TooMany,
}

impl Metadata {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Sets the flow that the event belongs to.
    #[must_use]
    pub fn with_correlation(mut self, flow: Uuid) -> Self {
        self.edit().correlation = Some(flow);
        self
    }

    /// Sets what caused the event: a command or another event.
    #[must_use]
    pub fn with_causation(mut self, cause: Uuid) -> Self {
        self.edit().causation = Some(cause);
        self
    }

    /// Sets who asked for it.
    ///
    /// # Errors
    /// [`InvalidMetadata::Name`] if it is empty, too long, or holds a control character.
    pub fn with_actor(mut self, actor: &str) -> Result<Self, InvalidMetadata> {
        self.edit().actor = Some(name("actor", actor)?);
        Ok(self)
    }

    /// Sets on whose behalf it happens.
    ///
    /// # Errors
    /// [`InvalidMetadata::Name`] if it is empty, too long, or holds a control character.
    pub fn with_tenant(mut self, tenant: &str) -> Result<Self, InvalidMetadata> {
        self.edit().tenant = Some(name("tenant", tenant)?);
        Ok(self)
    }

    /// Sets the trace it belongs to.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.edit().trace = Some(trace);
        self
    }

    /// Sets an entry of the service's own, or replaces it.
    ///
    /// # Errors
    /// [`InvalidMetadata`] if the key or the value is out of bounds, or there are 32 entries.
    pub fn with_entry(mut self, key: &str, value: &str) -> Result<Self, InvalidMetadata> {
        let key = name("key", key)?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(InvalidMetadata::Value);
        }
        let entries = &mut self.edit().entries;
        if entries.len() == ENTRIES_MAX && !entries.contains_key(&key) {
            return Err(InvalidMetadata::TooMany);
        }
        entries.insert(key, value.into());
        Ok(self)
    }

    /// The metadata of what `event` causes: in the same flow, for the same tenant, on the same trace,
    /// with the event as its cause. An event without a flow begins one.
    #[must_use]
    pub fn caused_by(event: &RecordedEvent) -> Self {
        event.metadata().going_on(event.id().as_uuid())
    }

    /// The metadata of what `message` leads to, as that of what an event [causes](Self::caused_by).
    #[must_use]
    pub fn answering(message: &Envelope) -> Self {
        message.metadata().going_on(message.id().as_uuid())
    }

    fn going_on(&self, cause: Uuid) -> Self {
        Self(Some(Arc::new(Fields {
            correlation: self.correlation().or(Some(cause)),
            causation: Some(cause),
            tenant: self.fields().and_then(|f| f.tenant.clone()),
            trace: self.trace().cloned(),
            ..Fields::default()
        })))
    }

    /// What `self` says, and where it says nothing, what `fallback` says.
    #[must_use]
    pub fn or(self, fallback: &Self) -> Self {
        let (Some(mine), Some(theirs)) = (&self.0, &fallback.0) else {
            return if self.0.is_some() { self } else { fallback.clone() };
        };
        if !mine.lacks(theirs) {
            return self;
        }
        let mut both = Fields::clone(mine);
        both.correlation = both.correlation.or(theirs.correlation);
        both.causation = both.causation.or(theirs.causation);
        both.actor = both.actor.or_else(|| theirs.actor.clone());
        both.tenant = both.tenant.or_else(|| theirs.tenant.clone());
        both.trace = both.trace.or_else(|| theirs.trace.clone());
        for (key, value) in &theirs.entries {
            if both.entries.len() < ENTRIES_MAX && !both.entries.contains_key(key) {
                both.entries.insert(key.clone(), value.clone());
            }
        }
        Self(Some(Arc::new(both)))
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields().is_none_or(|fields| *fields == Fields::default())
    }

    /// The flow that the event belongs to.
    #[must_use]
    pub fn correlation(&self) -> Option<Uuid> {
        self.fields().and_then(|f| f.correlation)
    }

    /// What caused the event.
    #[must_use]
    pub fn causation(&self) -> Option<Uuid> {
        self.fields().and_then(|f| f.causation)
    }

    /// Who asked for it.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.fields().and_then(|f| f.actor.as_deref())
    }

    /// On whose behalf it happened.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.fields().and_then(|f| f.tenant.as_deref())
    }

    /// The trace it belongs to.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        self.fields().and_then(|f| f.trace.as_ref())
    }

    /// The value of an entry.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&str> {
        self.fields().and_then(|f| f.entries.get(key)).map(|value| &**value)
    }

    /// All entries, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields().into_iter().flat_map(|f| f.entries.iter().map(|(k, v)| (&**k, &**v)))
    }

    /// For backends: what it says as JSON; nothing if it says nothing.
    ///
    /// # Errors
    /// What `serde_json` says.
    pub fn json(&self) -> serde_json::Result<Option<String>> {
        match self.fields() {
            None => Ok(None),
            // Most say which flow an event is of, and no more.
            Some(fields) if let Some(flow) = fields.flow_alone() => {
                let mut json = String::with_capacity(FLOW.0.len() + 36 + FLOW.1.len());
                json.push_str(FLOW.0);
                json.push_str(flow.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
                json.push_str(FLOW.1);
                Ok(Some(json))
            }
            Some(_) if self.is_empty() => Ok(None),
            Some(_) => serde_json::to_string(self).map(Some),
        }
    }

    /// What such a JSON says.
    pub(super) fn of_json(json: &str) -> serde_json::Result<Self> {
        let flow = json.strip_prefix(FLOW.0).and_then(|rest| rest.strip_suffix(FLOW.1));
        match flow.map(Uuid::try_parse) {
            Some(Ok(flow)) => Ok(Self::new().with_correlation(flow)),
            _ => serde_json::from_str(json),
        }
    }

    fn fields(&self) -> Option<&Fields> {
        self.0.as_deref()
    }

    fn edit(&mut self) -> &mut Fields {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("correlation", &self.correlation())
            .field("causation", &self.causation())
            .finish_non_exhaustive()
    }
}

impl TryFrom<Fields> for Metadata {
    type Error = InvalidMetadata;

    // What another program wrote is held to the same bounds as what is built here.
    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        if fields == Fields::default() {
            return Ok(Self(None));
        }
        for (field, text) in [("actor", &fields.actor), ("tenant", &fields.tenant)] {
            if let Some(text) = text {
                check_name(field, text)?;
            }
        }
        if fields.entries.len() > ENTRIES_MAX {
            return Err(InvalidMetadata::TooMany);
        }
        for (key, value) in &fields.entries {
            check_name("key", key)?;
            if value.len() > VALUE_BYTES_MAX {
                return Err(InvalidMetadata::Value);
            }
        }
        Ok(Self(Some(Arc::new(fields))))
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(fields) => fields.serialize(serializer),
            None => Fields::default().serialize(serializer),
        }
    }
}

impl Fields {
    /// The flow, if nothing else is said.
    fn flow_alone(&self) -> Option<Uuid> {
        let Self { correlation, causation, actor, tenant, trace, entries } = self;
        let is_alone = causation.is_none() && actor.is_none() && tenant.is_none();
        correlation.filter(|_| is_alone && trace.is_none() && entries.is_empty())
    }

    /// Whether `other` says something that is not said here.
    fn lacks(&self, other: &Self) -> bool {
        (self.correlation.is_none() && other.correlation.is_some())
            || (self.causation.is_none() && other.causation.is_some())
            || (self.actor.is_none() && other.actor.is_some())
            || (self.tenant.is_none() && other.tenant.is_some())
            || (self.trace.is_none() && other.trace.is_some())
            || other.entries.keys().any(|key| !self.entries.contains_key(key))
    }
}

fn name(field: &'static str, text: &str) -> Result<Arc<str>, InvalidMetadata> {
    check_name(field, text).map(|()| text.into())
}

fn check_name(field: &'static str, text: &str) -> Result<(), InvalidMetadata> {
    let fits = (1..=NAME_BYTES_MAX).contains(&text.len());
    if fits && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(InvalidMetadata::Name { field })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_hold_however_metadata_is_made() {
        let actor = InvalidMetadata::Name { field: "actor" };
        assert_eq!(Metadata::new().with_actor(""), Err(actor.clone()));
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        assert_eq!(Metadata::new().with_entry("k", &long), Err(InvalidMetadata::Value));
        let mut full = Metadata::new();
        for i in 0..ENTRIES_MAX {
            full = full.with_entry(&format!("k{i}"), "v").unwrap();
        }
        assert!(full.clone().with_entry("k0", "other").is_ok());
        assert_eq!(full.with_entry("one more", "v"), Err(InvalidMetadata::TooMany));
        let wire = serde_json::from_str::<Metadata>(r#"{"actor":""}"#);
        assert!(wire.unwrap_err().to_string().contains("actor"));
    }

    #[test]
    fn metadata_reads_back_as_it_was_written() {
        let metadata = Metadata::new()
            .with_correlation(Uuid::from_u128(7))
            .with_tenant("acme")
            .unwrap()
            .with_entry("channel", "web")
            .unwrap();
        let wire = serde_json::to_string(&metadata).unwrap();
        assert_eq!(serde_json::from_str::<Metadata>(&wire).unwrap(), metadata);
        assert_eq!(serde_json::to_string(&Metadata::new()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Metadata>("{}").unwrap(), Metadata::new());
    }

    #[test]
    fn a_flow_alone_is_written_and_read_as_all_metadata_is() {
        let alone = Metadata::new().with_correlation(Uuid::from_u128((0xFEED << 64) | 7));
        let more = alone.clone().with_actor("alice").unwrap();
        for metadata in [alone.clone(), more] {
            let json = metadata.json().unwrap().unwrap();
            assert_eq!(json, serde_json::to_string(&metadata).unwrap());
            assert_eq!(Metadata::of_json(&json).unwrap(), metadata);
            assert_eq!(Metadata::of_json(&format!(" {json}")).unwrap(), metadata);
        }
        assert_eq!(Metadata::new().json().unwrap(), None);
        let mut nothing = Metadata::new();
        nothing.edit();
        assert_eq!(nothing.json().unwrap(), None);
        for wrong in [r#"{"correlation":"x"}"#, r#"{"correlation":""}"#, r#"{"correlation":"#] {
            assert!(Metadata::of_json(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn or_fills_only_what_is_missing() {
        let mine = Metadata::new().with_actor("alice").unwrap();
        let theirs = Metadata::new().with_actor("bob").unwrap().with_tenant("acme").unwrap();
        let both = mine.or(&theirs);
        assert_eq!((both.actor(), both.tenant()), (Some("alice"), Some("acme")));
    }
}
