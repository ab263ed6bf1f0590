//! Accounts whose views show every event that was folded into them, and the fold that a test trusts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::projection::{
    Enrich, Eventual, Facts, On, Projection, ReadSide, Recorded, Strong, View, Views,
};
use freehold::subscription::SinkError;
use freehold::testkit::{Faults, FaultyStore, async_trait};
use freehold::{
    Aggregate, Event, EventStore, Fault, Filter, Position, RecordedEvent, Repository, RowSet,
    RowStore, RowsWanted, Token,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::subscription::fixture::TokioClock;

/// Concerns two accounts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Transfer {
    Moved { from: String, to: String, cents: i64 },
}

impl Event for Transfer {
    const CATEGORY: &'static str = "transfer";
}

/// Concerns the account of its stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum User {
    Named { name: String },
    Closed,
}

impl Event for User {
    const CATEGORY: &'static str = "user";
}

/// A log of such events that remembers nothing.
#[derive(Clone, Debug)]
pub(crate) struct Of<E>(std::marker::PhantomData<fn() -> E>);

impl<E> Default for Of<E> {
    fn default() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<E: Event + Clone + Send + Sync + 'static> Aggregate for Of<E> {
    type Event = E;

    fn apply(&mut self, _: &E) {}
}

/// Records one event.
pub(crate) async fn put<S, E>(store: &S, id: &str, event: E) -> Token
where
    S: EventStore + Clone,
    E: Event + Clone + Send + Sync + 'static,
{
    let log = Repository::<Of<E>>::new(store.clone());
    let done = log.execute(id, |_| Ok::<_, Infallible>(vec![event.clone()])).await.unwrap();
    done.token().unwrap()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) cents: i64,
    pub(crate) name: Option<String>,
    /// Where the events are that led to it.
    pub(crate) events: Vec<u64>,
}

fn on_transfer(event: &Recorded<'_, Transfer>, views: &mut Views<'_, Account>) {
    let Transfer::Moved { from, to, cents } = event.event();
    let at = event.record().position().get();
    for (key, cents) in [(from, -cents), (to, *cents)] {
        views.update(key, |account| {
            account.cents += cents;
            account.events.push(at);
        });
    }
}

fn on_user(event: &Recorded<'_, User>, views: &mut Views<'_, Account>) {
    let at = event.record().position().get();
    match event.event() {
        User::Named { name } => views.update(event.id(), |account| {
            account.name = Some(name.clone());
            account.events.push(at);
        }),
        User::Closed => views.remove(event.id()),
    }
}

/// Declares the projection under a name, over so many parts.
macro_rules! accounts {
    ($projection:ident, $name:literal, $parts:literal, $level:ty) => {
        pub(crate) struct $projection;

        impl Projection for $projection {
            const NAME: &'static str = $name;
            const PARTITIONS: u32 = $parts;
            type View = Account;
            type Events = (Transfer, User);
            type Level = $level;
        }

        impl On<Transfer> for $projection {
            fn on(&self, event: &Recorded<'_, Transfer>, views: &mut Views<'_, Account>) {
                on_transfer(event, views);
            }
        }

        impl On<User> for $projection {
            fn on(&self, event: &Recorded<'_, User>, views: &mut Views<'_, Account>) {
                on_user(event, views);
            }
        }
    };
}

accounts!(Accounts, "accounts", 1, Eventual<5_000>);
accounts!(SharedAccounts, "shared_accounts", 3, Eventual<5_000>);
// The same views as `Accounts`, by another level.
accounts!(StrongAccounts, "accounts", 1, Strong);

/// Records `n` events that a seed chooses.
pub(crate) async fn some<S: EventStore + Clone>(
    store: &S,
    chance: &mut fastrand::Rng,
    n: usize,
) -> Token {
    let mut token = None;
    for _ in 0..n {
        let account = |chance: &mut fastrand::Rng| format!("a{}", chance.u8(0..12));
        let id = account(chance);
        token = Some(match chance.u8(0..10) {
            0 => put(store, &id, User::Closed).await,
            1..4 => put(store, &id, User::Named { name: format!("n{}", chance.u8(..)) }).await,
            _ => {
                let (to, cents) = (account(chance), chance.i64(1..100));
                put(store, "1", Transfer::Moved { from: id, to, cents }).await
            }
        });
    }
    token.unwrap()
}

/// The log, folded by other code than the crate's.
pub(crate) async fn oracle(store: &impl EventStore) -> BTreeMap<String, Account> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    let mut after = Position::START;
    loop {
        let page = store.read_all(after, &Filter::all(), 100).await.unwrap();
        for event in &page.events {
            let at = event.position().get();
            let data: serde_json::Value = serde_json::from_slice(event.data()).unwrap();
            let mut touch = |key: &str, change: &dyn Fn(&mut Account)| {
                let account = accounts.entry(key.to_owned()).or_default();
                change(account);
                account.events.push(at);
            };
            match event.name().as_str() {
                "Moved" => {
                    let cents = data["cents"].as_i64().unwrap();
                    touch(data["from"].as_str().unwrap(), &|account| account.cents -= cents);
                    touch(data["to"].as_str().unwrap(), &|account| account.cents += cents);
                }
                "Named" => touch(event.stream().id(), &|account| {
                    account.name = data["name"].as_str().map(str::to_owned);
                }),
                _ => drop(accounts.remove(event.stream().id())),
            }
        }
        after = page.upto;
        if !page.has_more {
            return accounts;
        }
    }
}

/// All views of a projection.
pub(crate) async fn all<P: Projection>(view: &View<P>) -> BTreeMap<String, P::View>
where
    P::View: DeserializeOwned,
{
    let (mut all, mut after) = (BTreeMap::new(), None::<String>);
    loop {
        let page = view.page("", after.as_deref(), 7).await.unwrap().value;
        after = page.views.last().map(|(key, _)| key.as_str().to_owned());
        all.extend(page.views.into_iter().map(|(key, view)| (key.as_str().to_owned(), view)));
        if !page.has_more {
            return all;
        }
    }
}

/// The read side of a store that is its own log.
pub(crate) fn reads<S: RowStore + EventStore + Clone>(store: &S) -> ReadSide {
    ReadSide::new(store.clone()).follow(store.clone()).clock(TokioClock)
}

/// A store whose calls are counted.
pub(crate) fn counted(store: &MemoryStore) -> FaultyStore<MemoryStore> {
    FaultyStore::new(store.clone(), Faults::seeded(0))
}

/// Takes its time for each batch.
pub(crate) struct Slow(pub(crate) Duration);

#[async_trait]
impl Enrich for Slow {
    async fn enrich(&self, _: &[RecordedEvent]) -> Result<Facts, SinkError> {
        sleep(self.0).await;
        Ok(Facts::new())
    }
}

pub(crate) async fn set_is_there(store: &MemoryStore, set: &str) -> bool {
    let wanted = RowsWanted::Keys(vec![]);
    match store.rows(&RowSet::new(set).unwrap(), &wanted, None).await {
        Ok(_) => true,
        Err(error) if error.fault() == Fault::Missing => false,
        Err(error) => panic!("{error}"),
    }
}
