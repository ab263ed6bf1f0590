//! A strong projection of what the tests write: the sum of the numbers of all events.

use freehold::Event;
use freehold::backend::postgres::PostgresStore;
use freehold::projection::{On, Projection, ReadSide, Recorded, Strong, View, Views};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) enum Account {
    Opened { n: u64 },
}

impl Event for Account {
    const CATEGORY: &'static str = "account";
}

pub(crate) struct Sum;

impl Projection for Sum {
    const NAME: &'static str = "sum";
    type View = u64;
    type Events = Account;
    type Level = Strong;
}

impl On<Account> for Sum {
    fn on(&self, event: &Recorded<'_, Account>, views: &mut Views<'_, u64>) {
        let Account::Opened { n } = event.event();
        views.update("sum", |sum| *sum += *n);
    }
}

/// From now on the store folds the sum within each of its commits.
pub(crate) async fn summed(store: &PostgresStore) -> View<Sum> {
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    reads.inline(Sum, store.clone()).await.unwrap()
}

/// What was folded so far.
pub(crate) async fn sum(view: &View<Sum>) -> u64 {
    view.get("sum").await.unwrap().value.unwrap_or_default()
}
