//! A shop of three services, each with its own database, that replays real invoices.
//!
//! `cargo run --release --example shop` replays one day; `-- --help` says what else it does. `docs/shop.md` says
//! what it shows, by which rules, and what happens when it is killed at any moment.
//!
//! This file only puts the parts together. In reading order: `contracts`, what the services have in common;
//! `order`, `inventory` and `payment`, with the same files in each; `driver`, which leads an invoice through
//! them; `input`, which reads the files; `place`, where the databases are; `cli`, `replay`, `summary` and
//! `history`, the program around.

#![allow(
    unnameable_types,
    unreachable_pub,
    reason = "a program exports nothing; `pub` marks what a part shows to the others"
)]

mod cli;
mod contracts;
mod driver;
mod history;
mod input;
mod inventory;
mod order;
mod payment;
mod place;
mod problem;
mod replay;
mod summary;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Replay, Task};
use driver::Driver;
use inventory::service::InventoryService;
use order::service::OrderService;
use payment::service::PaymentService;
use place::{Databases, Place};
use problem::Problem;

/// The day that comes with the example.
const DAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop/data/2010-12-01.csv");

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => run_replay(Replay::of(DAY.into(), cli.at), summary::WHAT_NEXT).await,
        Some(Task::Replay(task)) => run_replay(task, "").await,
        Some(Task::Ship(task)) => ship(task).await,
        Some(Task::History(task)) => print_history(task).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.report(),
    }
}

async fn run_replay(task: Replay, what_next: &str) -> Result<(), Problem> {
    // The input is judged before anything is opened, let alone written.
    let plan = replay::check(task.files).await?;
    let mut place = Place::for_replay(&task.at).await?;
    let driver = services(&place).await?;
    let summary = replay::run(driver, plan, &task.settings).await?;
    place.check_lock().await?;
    let text = if task.json { summary.to_json()? } else { summary.to_table() + what_next };
    problem::print(&text)
}

async fn ship(task: cli::Ship) -> Result<(), Problem> {
    let place = Place::of_a_shop(&task.at).await?;
    services(&place).await?.ship(&task.invoice, &task.tracking).await?;
    problem::print(&format!("{} is shipped, {}\n", task.invoice, task.tracking))
}

async fn print_history(task: cli::History) -> Result<(), Problem> {
    let place = Place::of_a_shop(&task.at).await?;
    let driver = services(&place).await?;
    problem::print(&history::of(&driver, &task.invoice).await?)
}

/// The composition root: each service on its own database, and the driver that speaks to all three.
async fn services(place: &Place) -> Result<Driver, Problem> {
    let Databases { order, inventory, payment } = place.databases();
    let orders = OrderService::new(OrderService::open(order).await?);
    let inventory = InventoryService::new(InventoryService::open(inventory).await?);
    let payments = PaymentService::new(PaymentService::open(payment).await?);
    Ok(Driver::new(orders, inventory, payments)?)
}
