//! The same answers composed by hand.

use std::time::Duration;

use tokio::time::timeout;

use crate::world::{Down, Entity, Latency, Order, Orders, Products, Users};

pub(crate) struct Hand {
    orders: Orders,
    users: Users,
    products: Products,
}

/// An order with its user and its products.
pub(crate) type Page = (Order, Entity, Vec<Entity>);

/// How long one call may take.
pub(crate) const CALL: Duration = Duration::from_millis(300);
/// How long all of them may take.
pub(crate) const ALL: Duration = Duration::from_secs(1);

impl Hand {
    pub(crate) const fn new(latency: Latency) -> Self {
        let (orders, users) = (Orders(latency), Users(latency));
        Self { orders, users, products: Products(latency) }
    }

    /// Without policies.
    pub(crate) async fn plain(&self, id: u64) -> Result<Page, Down> {
        let order = self.orders.one(id).await?;
        let (user, products) =
            tokio::try_join!(self.users.one(order.user), self.products.list(&order.items))?;
        Ok((order, user, products.into_iter().flatten().collect()))
    }

    /// With a time limit for each call and for all, and an answer without products if there are none.
    pub(crate) async fn with_policies(&self, id: u64) -> Result<Page, Down> {
        let page = async {
            let order = timeout(CALL, self.orders.one(id)).await.map_err(|_| Down)??;
            let user = async { timeout(CALL, self.users.one(order.user)).await.map_err(|_| Down)? };
            let products = async {
                let products = timeout(CALL, self.products.list(&order.items)).await;
                Ok::<_, Down>(products.ok().and_then(Result::ok))
            };
            let (user, products) = tokio::try_join!(user, products)?;
            Ok((order, user, products.unwrap_or_default().into_iter().flatten().collect()))
        };
        timeout(ALL, page).await.map_err(|_| Down)?
    }

    /// Many keys in one call.
    pub(crate) async fn keys(&self, count: u64) -> Vec<Option<Entity>> {
        let keys: Vec<u64> = (0..count).collect();
        self.products.list(&keys).await.unwrap()
    }
}
