//! A read model: what the list of orders shows, folded behind the log, read by who wrote.
//!
//! Half-way through it is rebuilt, while orders keep coming.

#![allow(clippy::print_stdout, reason = "an example says what it did")]

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views, Want};
use freehold::{Aggregate, Event, Repository};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum OrderEvent {
    Placed { customer: String, cents: u64 },
    Shipped,
}

impl Event for OrderEvent {
    const CATEGORY: &'static str = "order";
}

#[derive(Clone, Default)]
struct Order;

impl Aggregate for Order {
    type Event = OrderEvent;
    fn apply(&mut self, _: &OrderEvent) {}
}

/// What each customer has spent, and what is under way to them.
struct Customers;

#[derive(Default, Serialize, Deserialize)]
struct Customer {
    orders: u32,
    cents: u64,
}

impl Projection for Customers {
    const NAME: &'static str = "customers";
    type View = Customer;
    type Events = OrderEvent;
    type Level = Eventual<1_000>;
}

impl On<OrderEvent> for Customers {
    fn on(&self, event: &Recorded<'_, OrderEvent>, views: &mut Views<'_, Customer>) {
        if let OrderEvent::Placed { customer, cents } = event.event() {
            views.update(customer, |known| {
                known.orders += 1;
                known.cents += cents;
            });
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let kept = reads.run(Customers);
    let customers = reads.view::<Customers>();
    let orders = Repository::<Order>::new(store);

    let names = ["ada", "bob", "eve"];
    for (n, customer) in (0..1_000_u64).zip(names.into_iter().cycle()) {
        let place = |_: &Order| {
            let placed = OrderEvent::Placed { customer: customer.to_owned(), cents: 100 + n };
            Ok::<_, Infallible>(vec![placed, OrderEvent::Shipped])
        };
        let done = orders.execute(n.to_string(), place).await?;
        if n == 500 {
            kept.rebuild().await?;
        }
        if n % 250 == 0 {
            // Whoever wrote sees it, whether the views are being rebuilt or not.
            customers.wait_for(done.token(), Duration::from_secs(5)).await?;
            let known = customers.get(customer).await?;
            let orders = known.value.as_ref().map_or(0, |known| known.orders);
            println!(
                "after {n}: {customer} has {orders} orders, {} events behind",
                known.lag.events
            );
        }
    }
    let all = customers.page("", None, 10).want(Want::Head).await?;
    for (name, customer) in &all.views {
        println!("{name}: {} orders, {} cents", customer.orders, customer.cents);
    }
    kept.stop().await;
    Ok(())
}
