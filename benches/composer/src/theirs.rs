//! Many keys through `async-graphql`'s `DataLoader`, which waits for no time: a request's loader is made for it, as is ours.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use futures::future::join_all;

use crate::world::{Down, Entity, Latency, Products};

struct Loads {
    products: Products,
    calls: Arc<AtomicUsize>,
}

impl Loader<u64> for Loads {
    type Value = Entity;
    type Error = Arc<Down>;

    async fn load(&self, keys: &[u64]) -> Result<HashMap<u64, Entity>, Arc<Down>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let found = self.products.list(keys).await?;
        let found = keys.iter().copied().zip(found);
        Ok(found.filter_map(|(key, value)| Some((key, value?))).collect())
    }
}

pub(crate) struct Theirs {
    products: Products,
    calls: Arc<AtomicUsize>,
}

impl Theirs {
    pub(crate) fn new(latency: Latency) -> Self {
        Self { products: Products(latency), calls: Arc::default() }
    }

    /// How many calls there were since this was asked last.
    pub(crate) fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }

    fn loader(&self) -> DataLoader<Loads> {
        let loads = Loads { products: self.products, calls: Arc::clone(&self.calls) };
        DataLoader::new(loads, tokio::spawn).delay(Duration::ZERO).max_batch_size(1_000)
    }

    /// Each key asked for alone, and all awaited together: it asks when it is awaited.
    pub(crate) async fn joined(&self, count: u64) -> Vec<Result<Option<Entity>, Arc<Down>>> {
        let loader = &self.loader();
        join_all((0..count).map(|key| async move { loader.load_one(key).await })).await
    }

    /// All keys asked for together.
    pub(crate) async fn all(&self, count: u64) -> HashMap<u64, Entity> {
        self.loader().load_many(0..count).await.unwrap()
    }
}
