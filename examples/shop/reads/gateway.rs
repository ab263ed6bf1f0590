//! Keeps the views up, and hands them out.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use freehold::projection::search::{Search, SearchError};
use freehold::projection::{Asynchronous, Projection, ReadSide, View};
use freehold::subscription::{Running, SubscriptionOptions};
use freehold::{BackendError, Service};

use super::contracts::{Customer, Database, Failure, Published, RowHandle, ServiceStore, forget};
use super::order_details::OrderDetails;
use super::order_history::OrderHistory;
use super::order_summary::OrderSummary;
use super::product_search::ProductSearch;
use super::revenue::Revenue;
use super::stock::Stock;
use super::upheld::Upheld;

/// How long the views stand still after the process that kept them up was killed.
const LEASE_TIME: Duration = Duration::from_secs(3);
/// How often, at most, new products go into the index: a commit waits for the disk several times, and nobody searches for
/// what was listed a moment ago.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);

/// The proof of being the gateway; nothing outside this file can make one.
#[derive(Debug)]
pub struct ReadsOwner(());

impl Service for ReadsOwner {
    const NAME: &'static str = "reads";
}

/// The database of the views, in nobody else's hands.
pub type ReadsStore = RowHandle<ReadsOwner>;

/// What the views are made of.
#[derive(Debug)]
pub struct Logs {
    /// What Order publishes.
    pub orders: Published,
    /// What Inventory publishes.
    pub inventory: Published,
    /// What Users publishes.
    pub users: Published,
    /// What Products publishes.
    pub products: Published,
}

/// Keeps the views up, and hands them out. Each follows only the logs that it listens to.
#[derive(Debug)]
pub struct Gateway {
    store: Arc<dyn ServiceStore>,
    orders: ReadSide,
    orders_and_users: ReadSide,
    goods: ReadSide,
    products: Search<ProductSearch>,
}

/// Which view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// [`OrderSummary`].
    OrderSummary,
    /// [`OrderDetails`].
    OrderDetails,
    /// [`OrderHistory`].
    OrderHistory,
    /// [`Revenue`].
    Revenue,
    /// [`Stock`].
    Stock,
    /// [`ProductSearch`].
    ProductSearch,
}

impl Gateway {
    /// Opens the database of the views.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty database.
    pub async fn open(database: Database<ReadsOwner>) -> Result<ReadsStore, BackendError> {
        database.open_rows(&ReadsOwner(())).await
    }

    /// The gateway on its database, and with its index in a folder of this machine.
    ///
    /// # Errors
    /// [`SearchError`] if the folder holds something else, or cannot be used.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty index.
    pub async fn new(store: &ReadsStore, logs: Logs, index: PathBuf) -> Result<Self, SearchError> {
        let owner = ReadsOwner(());
        let side = || ReadSide::new(store.get(&owner).clone());
        let Logs { orders, inventory, users, products } = logs;
        Ok(Self {
            store: store.get(&owner).clone(),
            orders: side().follow(orders.clone()),
            orders_and_users: side().follow(orders).follow(users),
            products: side().follow(products.clone()).search(index).await?,
            goods: side().follow(inventory).follow(products),
        })
    }

    /// Forgets a customer: their name, on every line of theirs.
    ///
    /// # Errors
    /// [`Failure::Refused`] of a guest, who is nobody; [`Failure::Failed`] if the database cannot be written.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn forget(&self, customer: Customer) -> Result<(), Failure> {
        forget(ReadsOwner::NAME, &*self.store, customer).await
    }

    /// The line of every invoice.
    #[must_use]
    pub fn summaries(&self) -> View<OrderSummary> {
        self.orders_and_users.view()
    }

    /// What is on every invoice.
    #[must_use]
    pub fn details(&self) -> View<OrderDetails> {
        self.orders.view()
    }

    /// What has happened to the invoices of a customer.
    #[must_use]
    pub fn histories(&self) -> View<OrderHistory> {
        self.orders.view()
    }

    /// What was earned, by day and country.
    #[must_use]
    pub fn revenue(&self) -> View<Revenue> {
        self.orders.view()
    }

    /// How much there is of each code.
    #[must_use]
    pub fn stock(&self) -> View<Stock> {
        self.goods.view()
    }

    /// The products, to be searched.
    #[must_use]
    pub const fn products(&self) -> &Search<ProductSearch> {
        &self.products
    }

    /// Keeps the index up, as long as the handle lives; if `anew`, it is built anew beside the one that is read.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn keep_index_up(&self, anew: bool) -> Running {
        let options =
            SubscriptionOptions { lease_time: LEASE_TIME, ..SubscriptionOptions::default() };
        let indexing = self.products.indexing(ProductSearch).options(options);
        let indexing = indexing.commit_interval(COMMIT_INTERVAL);
        if anew { indexing.anew().start() } else { indexing.start() }
    }

    /// Keeps a view up, as long as the handle lives.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn keep_up(&self, name: Name) -> Upheld {
        match name {
            Name::OrderSummary => keep_up(&self.orders_and_users, OrderSummary),
            Name::OrderDetails => keep_up(&self.orders, OrderDetails),
            Name::OrderHistory => keep_up(&self.orders, OrderHistory),
            Name::Revenue => keep_up(&self.orders, Revenue),
            Name::Stock => keep_up(&self.goods, Stock),
            Name::ProductSearch => Upheld::Index(self.keep_index_up(false)),
        }
    }

    /// Keeps all views up, as long as the handles live.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn keep_all_up(&self) -> Vec<Upheld> {
        Name::ALL.map(|name| self.keep_up(name)).into()
    }
}

fn keep_up<P: Projection<Level: Asynchronous>>(side: &ReadSide, projection: P) -> Upheld {
    let late_after = <P::Level as Asynchronous>::LATE_AFTER;
    let lease_time = LEASE_TIME;
    let options = SubscriptionOptions { lease_time, late_after, ..SubscriptionOptions::default() };
    Upheld::Views(side.upkeep(projection).options(options).start())
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::OrderSummary,
        Self::OrderDetails,
        Self::OrderHistory,
        Self::Revenue,
        Self::Stock,
        Self::ProductSearch,
    ];
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OrderSummary => OrderSummary::NAME,
            Self::OrderDetails => OrderDetails::NAME,
            Self::OrderHistory => OrderHistory::NAME,
            Self::Revenue => Revenue::NAME,
            Self::Stock => Stock::NAME,
            Self::ProductSearch => ProductSearch::NAME,
        })
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Name::ALL.map(|name| name.to_string());
        let found = Name::ALL.into_iter().find(|name| name.to_string() == text);
        found.ok_or_else(|| format!("a view is one of {}", all.join(", ")))
    }
}
