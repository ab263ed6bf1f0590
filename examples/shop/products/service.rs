//! The face of the service: commands, each of which may be repeated.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freehold::aggregate::{Loaded, Options, Work, WorkError};
use freehold::{BackendError, Commit, Limits, Repository, Service, UnitOfWork};

use super::aggregate::{Product, Refusal};
use super::contracts::{
    Article, Command, Database, Failure, Feed, Handle, Published, ServiceStore, StockCode,
};

/// How many products are kept in memory, so that what is known costs no reading.
const CACHED_PRODUCTS_MAX: usize = 65_536;

/// The proof of being the Products service; nothing outside this file can make one.
#[derive(Debug)]
pub struct ProductsOwner(());

impl Service for ProductsOwner {
    const NAME: &'static str = "products";
}

/// The database of the Products service, in nobody else's hands.
pub type ProductsStore = Handle<ProductsOwner>;

/// The Products service.
#[derive(Debug)]
pub struct ProductsService {
    owner: ProductsOwner,
    store: ProductsStore,
    units: UnitOfWork,
    products: Repository<Product>,
    /// The newest states that were seen. One process at a time lists products, so what says nothing new to them need not
    /// be asked for.
    known: Mutex<HashMap<StockCode, Loaded<Product>>>,
}

impl ProductsService {
    /// Opens the service's database.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty database.
    pub async fn open(database: Database<ProductsOwner>) -> Result<ProductsStore, BackendError> {
        // What an invoice says is one commit, however many codes it has.
        let limits = Limits {
            streams_per_commit_max: 200_000,
            events_per_commit_max: 400_000,
            bytes_per_commit_max: 256 << 20,
            ..Limits::default()
        };
        database.open(&ProductsOwner(()), limits).await
    }

    /// The service on its database.
    #[must_use]
    pub fn new(store: ProductsStore) -> Self {
        let owner = ProductsOwner(());
        let handle = store.get(&owner);
        let options = Options { cached_states_max: CACHED_PRODUCTS_MAX, ..Options::default() };
        let products = Repository::with_options(handle.clone(), options);
        let units = UnitOfWork::new(handle.clone());
        Self { owner, store, units, products, known: Mutex::default() }
    }

    /// Takes over what an invoice says of its codes.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the service cannot.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once. So it is with every command here.
    pub async fn list(
        &self,
        command: &Command,
        articles: &BTreeMap<StockCode, Article>,
    ) -> Result<(), Failure> {
        let news = self.news(articles);
        if news.is_empty() {
            return Ok(());
        }
        let body = async |work: &mut Work| {
            let mut listed = Vec::with_capacity(news.len());
            for (code, article) in &news {
                let list = |product: &Product| Ok(product.list(article));
                let product = work.execute(&self.products, code.stream(), list).await?;
                listed.push(((*code).clone(), product));
            }
            Ok::<_, WorkError<Refusal>>(listed)
        };
        let unit = self.units.clone().command_id(command.id()).metadata(command.metadata());
        let failed = |error| Failure::work(ProductsOwner::NAME, "list products", error);
        let done = unit.run(body).await.map_err(failed)?;
        self.remember(done.into_value().unwrap_or_default());
        Ok(())
    }

    /// What takes over what an invoice says of its codes, when the commit is committed.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the service cannot.
    ///
    /// # Cancel safety
    /// Nothing happens before the commit.
    pub async fn to_list(
        &self,
        command: &Command,
        articles: &BTreeMap<StockCode, Article>,
    ) -> Result<Commit, Failure> {
        let body = async |work: &mut Work| {
            for (code, article) in articles {
                let list = |product: &Product| Ok::<_, Refusal>(product.list(article));
                work.execute(&self.products, code.stream(), list).await?;
            }
            Ok(())
        };
        let unit = self.units.clone().command_id(command.id()).metadata(command.metadata());
        let failed = |error| Failure::work(ProductsOwner::NAME, "list products", error);
        Ok(unit.prepare(body).await.map_err(failed)?.1)
    }

    /// What is new of what an invoice says.
    fn news<'a>(
        &self,
        articles: &'a BTreeMap<StockCode, Article>,
    ) -> Vec<(&'a StockCode, &'a Article)> {
        let known = self.known();
        let is_known = |code: &StockCode, article: &Article| {
            known.get(code).is_some_and(|product| product.list(article).is_empty())
        };
        articles.iter().filter(|(code, article)| !is_known(code, article)).collect()
    }

    fn remember(&self, listed: Vec<(StockCode, Loaded<Product>)>) {
        let mut known = self.known();
        for (code, product) in listed {
            let has_room = known.len() < CACHED_PRODUCTS_MAX;
            // Answers arrive in any order; an older state must not replace a newer one.
            match known.get_mut(&code) {
                Some(before) if before.version() >= product.version() => {}
                Some(before) => *before = product,
                None if has_room => drop(known.insert(code, product)),
                None => {}
            }
        }
    }

    // Plain assignments only: whole whoever panicked.
    fn known(&self) -> MutexGuard<'_, HashMap<StockCode, Loaded<Product>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service's events, for others to follow.
    #[must_use]
    pub fn published(&self) -> Published {
        Published::new(ProductsOwner::NAME, self.store.get(&self.owner))
    }

    /// The service's own database.
    pub(super) fn handle(&self) -> Arc<dyn ServiceStore> {
        Arc::clone(self.store.get(&self.owner))
    }

    /// The service's own events.
    pub(super) fn feed(&self) -> Feed<'_> {
        Feed::new(ProductsOwner::NAME, self.store.get(&self.owner))
    }
}
