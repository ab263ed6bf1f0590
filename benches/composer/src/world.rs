//! Three services in memory: what they know costs nothing, so that what is measured is how they are asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use freehold::source::{Answers, Call, Source};

#[derive(Clone, Copy)]
pub(crate) enum Latency {
    Ready,
    /// Each call lets others run once.
    Yields,
    Sleeps(Duration),
}

#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) user: u64,
    pub(crate) items: [u64; 3],
}

#[derive(Clone)]
#[allow(dead_code, reason = "it is moved, and not looked at")]
pub(crate) struct Entity(pub(crate) u64);

#[derive(Debug)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl Error for Down {}

#[derive(Clone, Copy)]
pub(crate) struct Orders(pub(crate) Latency);

#[derive(Clone, Copy)]
pub(crate) struct Users(pub(crate) Latency);

#[derive(Clone, Copy)]
pub(crate) struct Products(pub(crate) Latency);

impl Latency {
    async fn pass(self) {
        match self {
            Self::Ready => {}
            Self::Yields => tokio::task::yield_now().await,
            Self::Sleeps(time) => tokio::time::sleep(time).await,
        }
    }
}

impl Orders {
    pub(crate) async fn one(&self, id: u64) -> Result<Order, Down> {
        self.0.pass().await;
        Ok(Order { user: id, items: [id, id + 1, id + 2] })
    }
}

impl Users {
    pub(crate) async fn one(&self, id: u64) -> Result<Entity, Down> {
        self.0.pass().await;
        Ok(Entity(id))
    }
}

impl Products {
    pub(crate) async fn list(&self, ids: &[u64]) -> Result<Vec<Option<Entity>>, Down> {
        self.0.pass().await;
        Ok(ids.iter().map(|id| Some(Entity(*id))).collect())
    }
}

type Asked<V> = Result<Answers<u64, V>, Box<dyn Error + Send + Sync>>;

impl Source for Orders {
    type Key = u64;
    type Value = Order;

    fn name(&self) -> &'static str {
        "orders"
    }

    async fn fetch(&self, ids: &[u64], _: &Call) -> Asked<Order> {
        let mut orders = Vec::with_capacity(ids.len());
        for id in ids {
            orders.push(Some(self.one(*id).await?));
        }
        Ok(Answers::aligned(orders))
    }
}

impl Source for Users {
    type Key = u64;
    type Value = Entity;

    fn name(&self) -> &'static str {
        "users"
    }

    async fn fetch(&self, ids: &[u64], _: &Call) -> Asked<Entity> {
        let mut users = Vec::with_capacity(ids.len());
        for id in ids {
            users.push(Some(self.one(*id).await?));
        }
        Ok(Answers::aligned(users))
    }
}

impl Source for Products {
    type Key = u64;
    type Value = Entity;

    fn name(&self) -> &'static str {
        "products"
    }

    async fn fetch(&self, ids: &[u64], _: &Call) -> Asked<Entity> {
        Ok(Answers::aligned(self.list(ids).await?))
    }
}
