//! The same answers composed with this crate.

use freehold::composer::{ComposeError, Composed, Lookup, LookupOptions, Part, Parts};
use freehold::composer::{ask, compose, within};
use freehold::source::Deadline;
use futures::future::join_all;

use crate::by_hand::{ALL, CALL, Page};
use crate::world::{Entity, Latency, Order, Orders, Products, Users};

/// Policies on futures, without a scope.
pub(crate) struct Alone {
    orders: Orders,
    users: Users,
    products: Products,
}

/// An order with its user and its products, and where they came from.
pub(crate) type Parted = (Part<Order>, Part<Entity>, Vec<Entity>);

impl Alone {
    pub(crate) const fn new(latency: Latency) -> Self {
        let (orders, users) = (Orders(latency), Users(latency));
        Self { orders, users, products: Products(latency) }
    }

    pub(crate) async fn page(&self, id: u64) -> Result<Parted, ComposeError> {
        let all = Deadline::within(ALL);
        let order = ask("orders", self.orders.one(id)).within(CALL).by(all).required().await?;
        let user = ask("users", self.users.one(order.user)).within(CALL).by(all);
        let products = ask("products", self.products.list(&order.items)).within(CALL).by(all);
        let products = async { Ok(products.optional().await) };
        let (user, products) = tokio::try_join!(user.required(), products)?;
        let products = products.value.unwrap_or_default().into_iter().flatten().collect();
        Ok((order, user, products))
    }
}

/// Compositions with a scope.
pub(crate) struct Scoped {
    orders: Lookup<Orders>,
    users: Lookup<Users>,
    products: Lookup<Products>,
}

impl Scoped {
    pub(crate) fn new(latency: Latency) -> Self {
        // So that the optimum is one call, however many keys there are.
        let options = LookupOptions { keys_per_call_max: 1_000, ..LookupOptions::default() };
        Self {
            orders: Lookup::new(Orders(latency)),
            users: Lookup::new(Users(latency)),
            products: Lookup::builder(Products(latency)).options(options).build(),
        }
    }

    pub(crate) async fn page(&self, id: u64) -> Result<Composed<Page>, ComposeError> {
        let page = compose(within(ALL), async |cx| {
            let order = cx.get(&self.orders, id).await?.value;
            let user = cx.get(&self.users, order.user);
            let items = order.items.map(|item| cx.get(&self.products, item));
            let user = user.await?.value;
            let mut products = Vec::with_capacity(items.len());
            for item in items {
                products.push(item.await?.value);
            }
            Ok((order, user, products))
        });
        page.await
    }

    /// Each key asked for alone, all of them before the first is awaited.
    pub(crate) async fn hot(&self, count: u64) -> Composed<Vec<Part<Entity>>> {
        let keys = compose(within(ALL), async |cx| {
            let asked: Vec<_> = (0..count).map(|key| cx.get(&self.products, key)).collect();
            let mut found = Vec::with_capacity(asked.len());
            for key in asked {
                found.push(key.await?);
            }
            Ok(found)
        });
        keys.await.unwrap()
    }

    /// Each key asked for alone, and all awaited together.
    pub(crate) async fn joined(
        &self,
        count: u64,
    ) -> Composed<Vec<Result<Part<Entity>, ComposeError>>> {
        let keys = compose(within(ALL), async |cx| {
            Ok(join_all((0..count).map(|key| cx.get(&self.products, key))).await)
        });
        keys.await.unwrap()
    }

    /// All keys asked for together.
    pub(crate) async fn all(&self, count: u64) -> Composed<Parts<Entity>> {
        let keys = compose(within(ALL), async |cx| cx.all(&self.products, 0..count).await);
        keys.await.unwrap()
    }
}
