//! The turns that a unit of work holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::lane::Turn;
use super::work::Streams;
use crate::types::StreamId;

/// Where the units of one process that share it queue up, one turn for all of their streams. Without it, each
/// would wait for its streams one by one, holding those it has, and wake all who wait for them.
pub(super) type Entrance = Arc<Mutex<()>>;

/// The rights to decide on some streams.
#[derive(Default)]
pub(super) struct Turns {
    streams: BTreeMap<StreamId, Turn>,
    /// Held until the unit's commit has its place in the order of commits.
    entrance: Option<Turn>,
}

impl Turns {
    pub(super) fn hold(&self, stream: &StreamId) -> bool {
        self.streams.contains_key(stream)
    }

    /// The turns of all streams, taken in their order. If some are held and others not, all are given back
    /// first: whoever holds one and waits for a smaller one could wait for ever.
    pub(super) async fn take(mut self, streams: &Streams, entrance: Option<&Entrance>) -> Self {
        // A turn is good as long as somebody is in its lane.
        self.streams.retain(|stream, _| streams.contains_key(stream));
        if streams.keys().all(|stream| self.hold(stream)) {
            return self;
        }
        drop(self);
        let mut turns = Self::default();
        if let Some(entrance) = entrance {
            turns.entrance = Some(Arc::clone(entrance).lock_owned().await);
        }
        for (stream, touched) in streams {
            turns.streams.insert(stream.clone(), touched.turn().await);
        }
        turns
    }

    /// Gives all of them on.
    pub(super) fn release(&mut self) {
        *self = Self::default();
    }

    /// Gives those on that are not to be kept.
    pub(super) fn release_all_but(&mut self, keep: impl Fn(&StreamId) -> bool) {
        self.entrance = None;
        self.streams.retain(|stream, _| keep(stream));
    }
}
