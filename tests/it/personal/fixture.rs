//! A customer's account, as an aggregate with snapshots and as a view.

use freehold::aggregate::Snapshotted;
use freehold::personal::Forgetting;
use freehold::projection::{Eventual, On, Projection, Recorded, Strong, Views};
use freehold::{
    Aggregate, Commit, DataSubject, Event, EventId, ExpectedVersion, Personal, StreamId, event,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What must be found nowhere.
pub(super) const SECRET: &str = "Ada Lovelace of St James's Square";

pub(super) fn subject(n: u32) -> DataSubject {
    DataSubject::new(&format!("customer-{n}")).unwrap()
}

pub(super) fn secret(n: u32) -> Personal<String> {
    Personal::new(subject(n), SECRET.to_owned())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum AccountEvent {
    Opened { owner: Personal<String> },
    Paid { cents: i64, note: Option<Personal<String>> },
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) owner: Option<Personal<String>>,
    pub(super) cents: i64,
    pub(super) notes: Vec<Personal<String>>,
}

impl Aggregate for Account {
    type Event = AccountEvent;

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = Some(owner.clone()),
            AccountEvent::Paid { cents, note } => {
                self.cents += cents;
                self.notes.extend(note.clone());
            }
        }
    }
}

impl Snapshotted for Account {
    const STATE_VERSION: u32 = 1;
}

/// What is shown of an account, by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) owner: Option<Personal<String>>,
    pub(super) cents: i64,
    /// Who was forgotten, as the log says.
    pub(super) told: Vec<String>,
}

fn line(views: &mut Views<'_, Line>, event: &Recorded<'_, AccountEvent>) {
    views.fold(event.id(), |line| {
        let mut line = line.unwrap_or(Line { owner: None, cents: 0, told: Vec::new() });
        match event.event() {
            AccountEvent::Opened { owner } => line.owner = Some(owner.clone()),
            AccountEvent::Paid { cents, .. } => line.cents += cents,
        }
        Some(line)
    });
}

macro_rules! projection {
    ($name:ident, $text:literal, $level:ty) => {
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name;

        impl Projection for $name {
            const NAME: &'static str = $text;
            type View = Line;
            type Events = (AccountEvent, Forgetting);
            type Level = $level;
        }

        impl On<AccountEvent> for $name {
            fn on(&self, event: &Recorded<'_, AccountEvent>, views: &mut Views<'_, Line>) {
                line(views, event);
            }
        }

        impl On<Forgetting> for $name {
            fn on(&self, event: &Recorded<'_, Forgetting>, views: &mut Views<'_, Line>) {
                let Forgetting::SubjectForgotten { subject } = event.event();
                let told = vec![subject.to_string()];
                views.set("forgotten", Line { owner: None, cents: 0, told });
            }
        }
    };
}

projection!(Accounts, "accounts", Eventual<5_000>);
projection!(AtOnce, "at_once", Strong);

pub(super) fn account(id: &str) -> StreamId {
    event::stream::<AccountEvent>(id).unwrap()
}

pub(super) fn appended(id: &str, n: u128, event: &AccountEvent) -> Commit {
    let new = event::encode(event, EventId::new(Uuid::from_u128(n))).unwrap();
    Commit::new().append(&account(id), ExpectedVersion::Any, [new])
}

pub(super) fn opened(id: &str, n: u128, of: u32) -> Commit {
    appended(id, n, &AccountEvent::Opened { owner: secret(of) })
}
