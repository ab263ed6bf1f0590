//! W3C trace context: which distributed trace a write belongs to.

use std::fmt;
use std::sync::Arc;

/// The longest `tracestate` that is kept, in bytes, as the specification asks for.
const TRACESTATE_BYTES_MAX: usize = 512;

/// The W3C trace context of the request that caused a write: `traceparent`, and `tracestate` if there
/// was one.
///
/// The form is checked as <https://www.w3.org/TR/trace-context/> says for version 00: lower-case
/// hexadecimal, and neither the trace id nor the parent id all zero. A `tracestate` is 1 to 512 bytes
/// of printable ASCII.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct TraceContext {
    parent: Arc<str>,
    state: Option<Arc<str>>,
}

/// A header that is no W3C trace context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTraceContext {
    /// The `traceparent` is malformed.
    #[error("a traceparent is version-traceid-parentid-flags in lower-case hexadecimal")]
    Parent,
    /// The `tracestate` is malformed.
    #[error("a tracestate is 1 to 512 bytes of printable ASCII")]
    State,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Wire {
    parent: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Arc<str>>,
}

impl TraceContext {
    /// The context of a `traceparent` header.
    ///
    /// # Errors
    /// [`InvalidTraceContext::Parent`] if the header is malformed.
    pub fn new(parent: &str) -> Result<Self, InvalidTraceContext> {
        if is_trace_parent(parent) {
            Ok(Self { parent: parent.into(), state: None })
        } else {
            Err(InvalidTraceContext::Parent)
        }
    }

    /// The same with a `tracestate` header.
    ///
    /// # Errors
    /// [`InvalidTraceContext::State`] if the header is malformed.
    pub fn with_state(mut self, state: &str) -> Result<Self, InvalidTraceContext> {
        let fits = (1..=TRACESTATE_BYTES_MAX).contains(&state.len());
        if !fits || !state.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(InvalidTraceContext::State);
        }
        self.state = Some(state.into());
        Ok(self)
    }

    /// The `traceparent` header.
    #[must_use]
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// The `tracestate` header.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceContext({})", self.parent)
    }
}

impl TryFrom<Wire> for TraceContext {
    type Error = InvalidTraceContext;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let context = Self::new(&wire.parent)?;
        match wire.state {
            Some(state) => context.with_state(&state),
            None => Ok(context),
        }
    }
}

impl From<TraceContext> for Wire {
    fn from(context: TraceContext) -> Self {
        Self { parent: context.parent, state: context.state }
    }
}

fn is_trace_parent(text: &str) -> bool {
    let mut parts = text.split('-');
    let hex = |part: Option<&str>, digits: usize| {
        part.is_some_and(|p| {
            p.len() == digits && p.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let not_zero = |part: &str| part.bytes().any(|b| b != b'0');
    let (version, trace, parent, flags) = (parts.next(), parts.next(), parts.next(), parts.next());
    version == Some("00")
        && hex(trace, 32)
        && trace.is_some_and(not_zero)
        && hex(parent, 16)
        && parent.is_some_and(not_zero)
        && hex(flags, 2)
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_checked_as_the_specification_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::new(good).unwrap().parent(), good);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(TraceContext::new(bad), Err(InvalidTraceContext::Parent), "{bad}");
        }
    }

    #[test]
    fn a_tracestate_is_bounded() {
        let context =
            TraceContext::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert!(context.clone().with_state("rojo=00f067aa0ba902b7").is_ok());
        assert!(context.clone().with_state("").is_err());
        assert!(context.with_state(&"x".repeat(513)).is_err());
    }
}
