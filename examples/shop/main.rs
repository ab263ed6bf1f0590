//! A shop of three services, each with its own database, that replays real invoices.
//!
//! `cargo run --release --example shop` replays one day; `-- --help` says what else it does. `docs/shop.md` says
//! what it shows, by which rules, and what happens when it is killed at any moment.
//!
//! This file only puts the parts together. In reading order: `contracts`, what the services have in common;
//! `order`, `inventory` and `payment`, with the same files in each; `driver`, which leads an invoice through
//! them; `input`, which reads the files; `cli`, `folder`, `replay`, `summary` and `history`, the program
//! around.

#![allow(
    unnameable_types,
    unreachable_pub,
    reason = "a program exports nothing; `pub` marks what a part shows to the others"
)]

mod cli;
mod contracts;
mod driver;
mod folder;
mod history;
mod input;
mod inventory;
mod order;
mod payment;
mod problem;
mod replay;
mod summary;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Replay, Task};
use driver::Driver;
use folder::Folder;
use inventory::service::InventoryService;
use order::service::OrderService;
use payment::service::PaymentService;
use problem::Problem;

/// The day that comes with the example.
const DAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop/data/2010-12-01.csv");

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        None => run_replay(Replay::of(DAY.into()), summary::WHAT_NEXT).await,
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
    let folder = Folder::for_replay(task.data.as_deref())?;
    let driver = services(folder.path()).await?;
    let summary = replay::run(driver, plan, &task.settings).await?;
    let text = if task.json { summary.to_json()? } else { summary.to_table() + what_next };
    problem::print(&text)
}

async fn ship(task: cli::Ship) -> Result<(), Problem> {
    let folder = Folder::of_a_shop(&task.data)?;
    let driver = services(folder.path()).await?;
    driver.ship(&task.invoice, &task.tracking).await?;
    problem::print(&format!("{} is shipped, {}\n", task.invoice, task.tracking))
}

async fn print_history(task: cli::History) -> Result<(), Problem> {
    let folder = Folder::of_a_shop(&task.data)?;
    let driver = services(folder.path()).await?;
    problem::print(&history::of(&driver, &task.invoice).await?)
}

/// The composition root: each service on its own database, and the driver that speaks to all three.
async fn services(folder: &Path) -> Result<Driver, Problem> {
    let orders = OrderService::new(OrderService::open(folder).await?);
    let inventory = InventoryService::new(InventoryService::open(folder).await?);
    let payments = PaymentService::new(PaymentService::open(folder).await?);
    Ok(Driver::new(orders, inventory, payments)?)
}
