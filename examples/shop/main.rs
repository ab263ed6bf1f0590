//! A shop of six services, each with its own database, that replays real invoices, and the views that people see.
//!
//! `cargo run --release --example shop` replays one day; `-- --help` says what else it does. `docs/shop.md` says
//! what it shows, by which rules, and what happens when it is killed at any moment.
//!
//! This file only puts the parts together. In reading order: `contracts`, what the services have in common;
//! `order`, `inventory`, `payment`, `users`, `products` and `notification`, with the same files in each; `driver`, with the sagas
//! that lead invoices through them, and `choreography`, without; `reads`, the views over what they publish; `details`, a query that
//! spans services, and `gateway`, which answers it over HTTP; `input`, which reads the files; `place`, where the databases are; `cli`, `replay`, `views`, `summary`, `history` and `operate`, the program around.

#![allow(
    unnameable_types,
    unreachable_pub,
    reason = "a program exports nothing; `pub` marks what a part shows to the others"
)]

mod choreography;
mod cli;
mod contracts;
mod details;
mod driver;
mod gateway;
mod history;
mod input;
mod inventory;
mod notification;
mod operate;
mod order;
mod payment;
mod place;
mod problem;
mod products;
mod reads;
mod replay;
mod serve;
mod summary;
mod timeline;
mod users;
mod views;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use freehold::Store;

use choreography::{Choreography, Mode, Stations, flow};
use cli::saga::SagaTask;
use cli::{Cli, Replay, Settings, Task, Where};
use contracts::BrokerAddress;
use details::OrderDetails;
use driver::{Driver, Fail, Faults, Outcomes, Services};
use inventory::service::InventoryService;
use notification::mailbox::Mailbox;
use notification::service::NotificationService;
use order::service::OrderService;
use payment::service::PaymentService;
use place::{Databases, Place};
use problem::Problem;
use products::service::ProductsService;
use reads::gateway::{Gateway, Logs};
use reads::upheld;
use replay::{Course, Halfway};
use summary::Summary;
use users::service::UsersService;
use views::Behind;

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
        Some(Task::Timeline(task)) => print_timeline(task).await,
        Some(Task::Flow) => print_flows(),
        Some(Task::Serve(task)) => serve::serve(task).await,
        Some(Task::Report(task)) => report(task).await,
        Some(Task::Details(task)) => print_details(task).await,
        Some(Task::Gateway(task)) => serve_gateway(task).await,
        Some(Task::Search(task)) => search(task).await,
        Some(Task::Rebuild(task)) => rebuild(task).await,
        Some(Task::Watch(task)) => watch(task).await,
        Some(Task::Rename(task)) => rename(task).await,
        Some(Task::Archive(task)) => archive(task).await,
        Some(Task::Forget(task)) => forget(task).await,
        Some(Task::Saga(task)) => look_after(task).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.report(),
    }
}

async fn run_replay(task: Replay, what_next: &str) -> Result<(), Problem> {
    // The input is judged before anything is opened, let alone written.
    let plan = replay::check(task.files).await?;
    fits(&task.settings, &task.at)?;
    let mut place = match (&task.at.data, task.settings.served) {
        (Some(data), true) => Place::shared(data, "replay")?,
        _ => Place::for_replay(&task.at).await?,
    };
    let fail = task.settings.fail;
    let (driver, gateway) = shop_with(&place, &task.at, fail).await?;
    let (driver, mut views) = (Arc::new(driver), Behind::start(gateway, task.views));
    let course = match task.settings.mode {
        Mode::Saga => Course::Directed(Arc::clone(&driver)),
        Mode::Choreography => Course::Undirected(Arc::new(Choreography::new(&driver).await?)),
    };
    let (half, halfway) = Halfway::new();
    let listening = async |shop: &Choreography| {
        if task.settings.served {
            return Ok(Stations::elsewhere());
        }
        let broker = task.settings.broker.clone().unwrap_or_default();
        let name = place.shop_of(driver.orders().published().identity())?;
        let broker = broker.open(&name).await;
        let broker = broker.map_err(|why| Problem::other("reach its broker", why))?;
        Ok(shop.open(&broker).await?)
    };
    let replay = replay::run(&course, listening, plan, &task.settings, half);
    let rebuild = async {
        match task.views.rebuild {
            Some(name) => views.rebuild_at(name, halfway).await,
            None => Ok(()),
        }
    };
    let done = match tokio::try_join!(replay, rebuild) {
        Ok((summary, ())) => judge(&driver, &views, summary).await,
        Err(problem) => Err(problem),
    };
    views.stop().await;
    let (summary, outcomes) = done?;
    place.check_lock().await?;
    // For programs nothing is said of what goes as usual.
    let is_told = !task.json || fail.is_some() || !outcomes.waiting.is_empty();
    let is_told = is_told && task.settings.mode == Mode::Saga;
    let summary = if is_told { summary.with_sagas(outcomes) } else { summary };
    let text = if task.json { summary.to_json()? } else { summary.to_table() + what_next };
    problem::print(&text)
}

/// Compares what the services say with what the views show, and counts the sagas.
async fn judge(
    driver: &Driver,
    views: &Behind,
    summary: Summary,
) -> Result<(Summary, Outcomes), Problem> {
    let outcomes = driver.outcomes().await?;
    // A saga that waits, or was abandoned, may have charged a card for an order that is not confirmed.
    if outcomes.waiting.is_empty() && outcomes.abandoned == 0 {
        views.check(driver, &summary).await?;
    }
    Ok((summary, outcomes))
}

/// What does not go together is refused before anything is opened.
fn fits(settings: &Settings, at: &Where) -> Result<(), Problem> {
    has_mailbox(at)?;
    let refused = |text: &str| Err(Problem::Usage(text.to_owned()));
    let Settings { mode, broker, fail, served, .. } = settings;
    match mode {
        Mode::Saga if *served => refused("--served: expected --mode choreography with it"),
        Mode::Choreography if *served && at.data.is_none() => {
            refused("--served: expected --data, the folder in which the services are served")
        }
        Mode::Saga if broker.is_some() => refused("--broker: expected --mode choreography with it"),
        Mode::Choreography if fail.is_some() => refused("--fail: expected --mode saga with it"),
        // What is still to be said by a shop that goes would be said to the next one.
        Mode::Choreography
            if broker.as_ref().is_some_and(BrokerAddress::is_shared)
                && at.data.is_none()
                && at.store.is_none() =>
        {
            refused("--broker: expected --data or --store with a broker that stays")
        }
        _ => Ok(()),
    }
}

/// What may settle an invoice writes letters, which are to be found when the program has ended.
fn has_mailbox(at: &Where) -> Result<(), Problem> {
    if at.store.is_some() && at.mailbox.is_none() {
        let text = "--mailbox: expected a folder for letters, beside databases on a server";
        return Err(Problem::Usage(text.to_owned()));
    }
    Ok(())
}

async fn ship(task: cli::Ship) -> Result<(), Problem> {
    has_mailbox(&task.at)?;
    let place = Place::of_a_shop(&task.at).await?;
    let (driver, _) = shop(&place, &task.at).await?;
    let running = driver.run()?;
    driver.ship(&task.invoice, &task.tracking).await?;
    running.stop().await;
    problem::print(&format!("{} is shipped, {}\n", task.invoice, task.tracking))
}

async fn print_history(task: cli::History) -> Result<(), Problem> {
    let place = Place::of_a_shop(&task.at).await?;
    let (driver, _) = shop(&place, &task.at).await?;
    problem::print(&history::of(&driver, &task.invoice).await?)
}

async fn print_timeline(task: cli::History) -> Result<(), Problem> {
    let place = Place::beside(&task.at).await?;
    let (driver, _) = shop(&place, &task.at).await?;
    problem::print(&timeline::of(driver.services(), &task.invoice).await?)
}

fn print_flows() -> Result<(), Problem> {
    let flows = [flow::orders(), flow::returns()].map(|flow| flow.mermaid());
    problem::print(&flows.join("\n"))
}

async fn report(task: cli::Report) -> Result<(), Problem> {
    let place = Place::beside(&task.at).await?;
    let (_, gateway) = shop(&place, &task.at).await?;
    views::print_report(&gateway, task.customer.as_deref()).await
}

async fn print_details(task: cli::Details) -> Result<(), Problem> {
    let place = Place::beside(&task.at).await?;
    let (driver, gateway) = shop(&place, &task.at).await?;
    let kept = gateway.keep_all_up();
    let query = details(&driver, &gateway, &task.asking);
    let text = details::text(&query, &task.invoice, task.from).await;
    upheld::stop(kept).await;
    problem::print(&text?)
}

fn details(driver: &Driver, gateway: &Gateway, asking: &cli::Asking) -> OrderDetails {
    let time = Duration::from_secs(asking.within.into());
    OrderDetails::new(driver.services(), gateway, &asking.down, time)
}

async fn serve_gateway(task: cli::Gateway) -> Result<(), Problem> {
    has_mailbox(&task.at)?;
    let place = Place::of_a_shop(&task.at).await?;
    let (driver, gateway) = shop(&place, &task.at).await?;
    let query = details(&driver, &gateway, &task.asking);
    let (kept, running) = (gateway.keep_all_up(), driver.run()?);
    let done = gateway::serve(task.listen, driver, query).await;
    running.stop().await;
    upheld::stop(kept).await;
    done
}

async fn search(task: cli::Search) -> Result<(), Problem> {
    let place = Place::beside(&task.at).await?;
    let (_, gateway) = shop(&place, &task.at).await?;
    views::print_found(&gateway, &task).await
}

async fn rebuild(task: cli::Rebuild) -> Result<(), Problem> {
    let place = Place::beside(&task.at).await?;
    let (_, gateway) = shop(&place, &task.at).await?;
    views::print_rebuild(&gateway, task.view).await
}

async fn watch(task: cli::Watch) -> Result<(), Problem> {
    let place = Place::beside(&task.at).await?;
    let (_, gateway) = shop(&place, &task.at).await?;
    views::print_lags(&gateway, task.times).await
}

async fn rename(task: cli::Rename) -> Result<(), Problem> {
    let place = Place::of_a_shop(&task.at).await?;
    let (driver, gateway) = shop(&place, &task.at).await?;
    views::rename(&driver, &gateway, &task).await
}

async fn archive(task: cli::Archive) -> Result<(), Problem> {
    let place = Place::of_a_shop(&task.at).await?;
    let (driver, _) = shop(&place, &task.at).await?;
    let done = driver.orders().put_away().await?;
    let text =
        format!("{} invoices are closed now, {} events were moved\n", done.closed, done.events);
    problem::print(&text)
}

async fn forget(task: cli::Forget) -> Result<(), Problem> {
    let place = Place::of_a_shop(&task.at).await?;
    let (driver, gateway) = shop(&place, &task.at).await?;
    views::forget(&driver, &gateway, &task).await
}

async fn look_after(task: SagaTask) -> Result<(), Problem> {
    let place = if task.only_looks() {
        Place::beside(task.at()).await?
    } else {
        has_mailbox(task.at())?;
        Place::of_a_shop(task.at()).await?
    };
    let (driver, _) = shop(&place, task.at()).await?;
    problem::print(&operate::run(&driver, &task).await?)
}

/// The shop as it is: nothing goes wrong on purpose.
async fn shop(place: &Place, at: &Where) -> Result<(Driver, Gateway), Problem> {
    shop_with(place, at, None).await
}

/// The composition root: each service on its own database, the driver that speaks to all of them, and the gateway that
/// follows what they publish.
async fn shop_with(
    place: &Place,
    at: &Where,
    fail: Option<Fail>,
) -> Result<(Driver, Gateway), Problem> {
    let databases = place.databases();
    let Databases { order, inventory, payment, users, products, notification, reads } = databases;
    let mailbox = at.mailbox.clone().unwrap_or_else(|| place.mailbox());
    let mailbox = Mailbox::in_folder(mailbox);
    let notification = NotificationService::open(notification).await?;
    let services = Services {
        orders: Arc::new(OrderService::new(OrderService::open(order).await?)),
        inventory: Arc::new(InventoryService::new(InventoryService::open(inventory).await?)),
        payments: Arc::new(PaymentService::new(PaymentService::open(payment).await?)),
        users: Arc::new(UsersService::new(UsersService::open(users).await?)),
        products: Arc::new(ProductsService::new(ProductsService::open(products).await?)),
        notifications: Arc::new(NotificationService::new(notification, mailbox)),
    };
    let logs = Logs {
        orders: services.orders.published(),
        inventory: services.inventory.published(),
        users: services.users.published(),
        products: services.products.published(),
    };
    let reads = Gateway::open(reads).await?;
    let gateway = Gateway::new(&reads, logs, place.index()).await;
    let gateway = gateway.map_err(|error| Problem::other("open its search index", error))?;
    Ok((Driver::new(services, Faults::new(fail, seed(fail)))?, gateway))
}

/// Draws which calls go wrong; `SHOP_SEED` draws those of an earlier run.
fn seed(fail: Option<Fail>) -> u64 {
    let seed = env::var("SHOP_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    if fail.is_some_and(Fail::is_drawn) {
        problem::tell(&format!("SHOP_SEED={seed}\n"));
    }
    seed
}
