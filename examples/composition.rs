//! A page of what three services know: an order, its customer, its products. One service is slow and one goes down, and the page
//! comes all the same, in time, and says what it lacks.

#![allow(clippy::print_stdout, reason = "an example says what it did")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use freehold::composer::{
    ComposeError, Composer, ComposerExt, Lookup, LookupOptions, Remembered, Scope, within,
};
use freehold::retry::{BreakerOptions, RetryPolicy};
use freehold::source::{Answers, Call, Source};
use tokio::time::sleep;

/// A service with its data, as others see it: they ask for some keys, and wait for one answer.
struct Service<V> {
    name: &'static str,
    data: HashMap<u64, V>,
    takes: Duration,
    is_down: Arc<AtomicBool>,
}

impl<V: Clone + Send + Sync + 'static> Source for Service<V> {
    type Key = u64;
    type Value = V;

    fn name(&self) -> &'static str {
        self.name
    }

    async fn fetch(
        &self,
        keys: &[u64],
        _: &Call,
    ) -> Result<Answers<u64, V>, Box<dyn Error + Send + Sync>> {
        sleep(self.takes).await;
        if self.is_down.load(Ordering::Relaxed) {
            return Err("connection refused".into());
        }
        Ok(Answers::aligned(keys.iter().map(|key| self.data.get(key).cloned()).collect()))
    }
}

#[derive(Clone)]
struct Order {
    customer: u64,
    products: Vec<u64>,
}

/// What stands for a name that is missing.
const UNKNOWN: &str = "(not known now)";

/// What the page shows, and how each of its parts is asked for.
struct OrderPage {
    orders: Lookup<Service<Order>>,
    users: Lookup<Service<String>>,
    products: Lookup<Service<String>>,
}

impl Composer for OrderPage {
    const NAME: &'static str = "order_page";
    type Query = u64;
    type Answer = String;

    async fn compose(&self, cx: &Scope, number: u64) -> Result<String, ComposeError> {
        // Without the order there is no page.
        let order = cx.get(&self.orders, number).await?;
        // Both are asked for now, and looked up at the same time. A name of ten minutes ago will do.
        let customer = cx.get(&self.users, order.customer).or_stale(Duration::from_mins(10));
        let products = cx.all(&self.products, order.products.clone()).or(UNKNOWN.to_owned());
        let (customer, products) = tokio::join!(customer.optional(), products);
        let name = customer.value.unwrap_or_else(|| UNKNOWN.to_owned());
        Ok(format!("order {number} of {name}: {}", products.into_values().join(", ")))
    }
}

fn service<V>(
    name: &'static str,
    takes_millis: u64,
    is_down: &Arc<AtomicBool>,
    data: impl Into<HashMap<u64, V>>,
) -> Service<V> {
    let takes = Duration::from_millis(takes_millis);
    Service { name, data: data.into(), takes, is_down: Arc::clone(is_down) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ComposeError> {
    let (users_are_down, others) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let order = Order { customer: 17_850, products: vec![71_053, 22_752, 71_053] };
    let orders = service("orders", 5, &others, [(536_365, order)]);
    let users = service("users", 10, &users_are_down, [(17_850, "Ada".to_owned())]);
    let products = [(71_053, "a lantern"), (22_752, "nesting boxes")];
    let products = products.map(|(code, name)| (code, name.to_owned()));
    let products = service("products", 20, &others, products);

    let options = LookupOptions {
        retry: RetryPolicy { retries_max: 2, ..RetryPolicy::default() },
        breaker: Some(BreakerOptions::default()),
        ..LookupOptions::default()
    };
    let page = OrderPage {
        orders: Lookup::new(orders),
        users: Lookup::builder(users)
            .options(options)
            .remember_for_all(Remembered::new(1_000, Duration::from_mins(10)))
            .build(),
        products: Lookup::new(products),
    };

    println!("All is well:");
    let found = page.run(within(Duration::from_millis(200)), 536_365).await?;
    println!("{}\n{}\n", found.value, found.plan);
    assert_eq!((found.plan.rounds(), found.plan.keys("products")), (2, 2));

    println!("Users does not answer, and there is no time for Products:");
    users_are_down.store(true, Ordering::Relaxed);
    let found = page.run(within(Duration::from_millis(20)), 536_365).await?;
    println!("{}\n{}", found.value, found.plan);
    for lack in &found.degraded {
        println!("{lack}");
    }
    assert!(found.value.contains("of Ada") && found.value.contains("not known now"));
    Ok(())
}
