//! A service of the shop does not take another service's database, and nobody can pretend to be one.

#![allow(warnings, reason = "only what does not compile is of interest")]

#[path = "../../examples/shop/contracts/mod.rs"]
mod contracts;
#[path = "../../examples/shop/inventory/mod.rs"]
mod inventory;
#[path = "../../examples/shop/order/mod.rs"]
mod order;

use contracts::Database;
use inventory::service::{InventoryOwner, InventoryService};
use order::service::{OrderOwner, OrderService};

async fn another_services_database(database: Database<InventoryOwner>) {
    OrderService::open(database).await;
}

async fn another_services_handle(database: Database<InventoryOwner>) {
    let store = InventoryService::open(database).await.unwrap();
    OrderService::new(store);
}

async fn another_services_witness(database: Database<OrderOwner>, inventory: &InventoryOwner) {
    let store = OrderService::open(database).await.unwrap();
    store.get(inventory);
}

fn a_forged_witness() -> OrderOwner {
    OrderOwner(())
}

fn main() {}
