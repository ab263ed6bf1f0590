//! What the program does with the views: while it replays, and when it is asked for them.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{interval, sleep};

use super::cli;
use super::contracts::{Customer, Failure};
use super::driver::Driver;
use super::problem::{self, Problem};
use super::reads::gateway::{Gateway, Name};
use super::reads::order_summary::orders_of;
use super::reads::pages::{Freshness, read};
use super::reads::totals::Totals;
use super::reads::upheld::{Upheld, stop};
use super::reads::{found, lags, rebuild, report};
use super::replay::Halfway;
use super::summary::Summary;

/// How often it is told how far the views are behind.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// The views while a replay runs: they follow behind it.
pub struct Behind {
    gateway: Arc<Gateway>,
    kept: Vec<Upheld>,
    watch: Option<AbortHandle>,
}

impl Behind {
    /// Begins to keep the views up.
    #[must_use]
    pub fn start(gateway: Gateway, views: cli::Views) -> Self {
        let gateway = Arc::new(gateway);
        let watched = Arc::clone(&gateway);
        let watch =
            views.watch.then(|| tokio::spawn(async move { watch(&watched).await }).abort_handle());
        Self { kept: gateway.keep_all_up(), gateway, watch }
    }

    /// Builds a view anew as soon as the replay is half-way through.
    ///
    /// # Errors
    /// [`Problem::Service`] if that cannot be begun or followed.
    ///
    /// # Cancel safety
    /// A rebuild that was begun goes on.
    pub async fn rebuild_at(&mut self, name: Name, halfway: Halfway) -> Result<(), Problem> {
        halfway.reached().await;
        let kept = Name::ALL.iter().zip(&mut self.kept).find(|(one, _)| **one == name);
        if let Some((_, kept)) = kept {
            rebuild::run(&self.gateway, kept, |_| {}).await?;
        }
        Ok(())
    }

    /// Makes sure that the views show what the services say.
    ///
    /// # Errors
    /// [`Problem::Other`] if they show something else; [`Problem::Service`] if they cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn check(&self, driver: &Driver, summary: &Summary) -> Result<(), Problem> {
        let totals = Totals::read(&self.gateway, Freshness::Complete).await?;
        let shown = Summary::of_views(&totals);
        if shown != *summary {
            let why = format!("the services say {summary:?}, and the views {shown:?}");
            return Err(Problem::other("agree with its views", why));
        }
        let services = driver.services();
        let (users, products) =
            tokio::try_join!(services.users.figures(), services.products.figures())?;
        let shown = totals.customers.iter();
        let shown = shown.filter(|(_, bought)| bought.is_met);
        let shown = shown.map(|(number, bought)| (number, &bought.profile));
        if !shown.eq(&users) || totals.customers.values().any(|bought| bought.misnamed > 0) {
            let why = "the Users service and the views differ in a name";
            return Err(Problem::other("agree with its views", why));
        }
        let is_shown = |(code, article): (&String, &super::contracts::Article)| {
            totals.stock.get(code).is_some_and(|level| {
                level.description == article.description
                    && level.price.as_ref() == Some(&article.price)
            })
        };
        if totals.stock.len() != products.len() || !products.iter().all(is_shown) {
            let why = "the Products service and the views differ in a product";
            return Err(Problem::other("agree with its views", why));
        }
        let indexed = found::count(&self.gateway).await?;
        if indexed != products.len() as u64 {
            let why = format!("{} products are listed, and {indexed} can be found", products.len());
            return Err(Problem::other("agree with its search index", why));
        }
        Ok(())
    }

    /// Leaves the views to the next process.
    pub async fn stop(self) {
        if let Some(watch) = self.watch {
            watch.abort();
        }
        stop(self.kept).await;
    }
}

/// Tells how far the views are behind, until it is stopped.
async fn watch(gateway: &Gateway) {
    let mut ticks = interval(WATCH_INTERVAL);
    loop {
        ticks.tick().await;
        // A view that cannot be asked now is asked again; whoever has gone hears nothing.
        if let Ok(line) = lags::line(gateway).await {
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
}

/// Prints what the views hold.
///
/// # Errors
/// [`Problem::Service`] if they cannot be read.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn print_report(gateway: &Gateway, customer: Option<&str>) -> Result<(), Problem> {
    let kept = gateway.keep_all_up();
    let text = match customer {
        Some(customer) => report::of_customer(gateway, customer).await,
        None => report::of_all(gateway).await,
    };
    stop(kept).await;
    problem::print(&text?)
}

/// Prints the products in which all these words are.
///
/// # Errors
/// [`Problem::Service`] if they cannot be searched.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn print_found(gateway: &Gateway, task: &cli::Search) -> Result<(), Problem> {
    let kept = gateway.keep_up(Name::ProductSearch);
    let text = found::of(gateway, &task.words.join(" "), task.limit.into()).await;
    kept.stop().await;
    problem::print(&text?)
}

/// Builds a view anew, and tells how far it is.
///
/// # Errors
/// [`Problem::Service`] if that cannot be begun or followed.
///
/// # Cancel safety
/// What was begun goes on when a process next keeps the view up.
pub async fn print_rebuild(gateway: &Gateway, name: Name) -> Result<(), Problem> {
    let mut kept = gateway.keep_up(name);
    let tell = |events| drop(problem::print(&format!("{name}: {events} events to go\n")));
    let built = rebuild::run(gateway, &mut kept, tell).await;
    kept.stop().await;
    built?;
    problem::print(&format!("{name} is built anew, and read from now on\n"))
}

/// Prints how far the views are behind, so many times.
///
/// # Errors
/// [`Problem::Service`] if that cannot be told.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn print_lags(gateway: &Gateway, times: Option<u64>) -> Result<(), Problem> {
    let mut printed = 0;
    loop {
        problem::print(&lags::line(gateway).await?)?;
        printed += 1;
        if times.is_some_and(|times| printed >= times) {
            return Ok(());
        }
        sleep(WATCH_INTERVAL).await;
    }
}

/// Gives a customer another name, and waits until their invoices bear it.
///
/// # Errors
/// [`Failure::Refused`] if there is no such customer, or nobody is called so.
///
/// # Cancel safety
/// Ask again to know whether it happened.
pub async fn rename(driver: &Driver, gateway: &Gateway, task: &cli::Rename) -> Result<(), Problem> {
    let customer = Customer::Number(task.customer);
    let token = driver.rename(customer, &task.new_name).await?;
    let kept = gateway.keep_up(Name::OrderSummary);
    let invoices = count_renamed(gateway, customer, token).await;
    kept.stop().await;
    problem::print(&format!("{customer} is {}, on {} invoices\n", task.new_name, invoices?))
}

/// Forgets a customer, in every service that has something of them, and in the views.
///
/// # Errors
/// [`Failure::Failed`] of a service; the others may have forgotten them. [`Failure::Refused`] if something of them was recorded in
/// plain, which nothing can forget.
///
/// # Cancel safety
/// Ask again until it has happened.
pub async fn forget(driver: &Driver, gateway: &Gateway, task: &cli::Forget) -> Result<(), Problem> {
    let customer = Customer::Number(task.customer);
    driver.forget(customer).await?;
    gateway.forget(customer).await?;
    problem::print(&format!("{customer} is forgotten\n"))?;
    match driver.services().users.in_plain(customer).await? {
        0 => Ok(()),
        events => {
            let why = format!(
                "{events} event(s) from before profiles were sealed hold {customer} in plain, and stay; \
                 so do views of that time until they are rebuilt"
            );
            Err(Failure::refused("users", &why).into())
        }
    }
}

async fn count_renamed(
    gateway: &Gateway,
    customer: Customer,
    token: Option<freehold::Token>,
) -> Result<u64, Failure> {
    let summaries = gateway.summaries();
    if let Some(token) = token {
        let seen = summaries.wait_for(token, Duration::from_secs(30)).await;
        seen.map_err(|error| Failure::failed("reads", "show the name", error))?;
    }
    let mut invoices = 0;
    let prefix = orders_of(&customer.to_string());
    read(&summaries, &prefix, Freshness::Newest, |_, _| invoices += 1).await?;
    Ok(invoices)
}
