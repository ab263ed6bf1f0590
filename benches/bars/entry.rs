//! The event that is written and read.

use freehold::{Aggregate, Event, EventId, NewEvent, StreamId, event};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
pub(crate) enum Entry {
    Deposited { cents: i64, by: String, reference: String },
    Withdrawn { cents: i64, reason: String },
}

impl Event for Entry {
    const CATEGORY: &'static str = "account";
}

impl Entry {
    pub(crate) fn deposited(n: usize) -> Self {
        let (by, reference) =
            ("alice@example.org".into(), format!("invoice {n}, paid by transfer"));
        Self::Deposited { cents: 1_250, by, reference }
    }

    pub(crate) const fn cents(&self) -> i64 {
        match self {
            Self::Deposited { cents, .. } => *cents,
            Self::Withdrawn { cents, .. } => -*cents,
        }
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) cents: i64,
}

impl Aggregate for Account {
    type Event = Entry;

    fn apply(&mut self, event: &Entry) {
        self.cents += event.cents();
    }
}

pub(crate) fn new_event(n: usize) -> NewEvent {
    event::encode(&Entry::deposited(n), EventId::new(Uuid::now_v7())).unwrap()
}

pub(crate) fn account(id: impl std::fmt::Display) -> StreamId {
    StreamId::new(Entry::CATEGORY, id.to_string()).unwrap()
}

/// What one would write by hand for each variant.
pub(crate) fn read_entry(name: &str, data: &[u8]) -> Entry {
    #[derive(serde::Deserialize)]
    struct Deposited {
        cents: i64,
        by: String,
        reference: String,
    }
    #[derive(serde::Deserialize)]
    struct Withdrawn {
        cents: i64,
        reason: String,
    }
    match name {
        "Deposited" => {
            let Deposited { cents, by, reference } = serde_json::from_slice(data).unwrap();
            Entry::Deposited { cents, by, reference }
        }
        "Withdrawn" => {
            let Withdrawn { cents, reason } = serde_json::from_slice(data).unwrap();
            Entry::Withdrawn { cents, reason }
        }
        other => panic!("{other}"),
    }
}
