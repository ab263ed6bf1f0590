//! From files to a summary.

use std::path::PathBuf;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet, spawn_blocking};

use super::choreography::{Choreography, Stations, check_mode};
use super::cli::Settings;
use super::contracts::Failure;
use super::driver::{Driver, Known};
use super::input::{BadInput, Bounds, Invoice, Invoices, Plan};
use super::problem::Problem;
use super::summary::Summary;

/// Tells when half of the invoices are replayed.
#[derive(Clone, Debug)]
pub struct Halfway(watch::Receiver<bool>);

impl Halfway {
    /// What is told by the sender.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns when half of the invoices are replayed, or when the replay has ended.
    pub async fn reached(mut self) {
        // When the replay has ended, nobody tells any more.
        drop(self.0.wait_for(|is_reached| *is_reached).await);
    }
}

/// How an invoice takes its course.
#[derive(Clone, Debug)]
pub enum Course {
    /// A saga directs it.
    Directed(Arc<Driver>),
    /// Each service knows what to do.
    Undirected(Arc<Choreography>),
}

impl Course {
    /// Whose services they are.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        match self {
            Self::Directed(driver) => driver,
            Self::Undirected(shop) => shop.driver(),
        }
    }

    async fn settle(&self, invoice: Invoice) -> Result<(), Failure> {
        match self {
            Self::Directed(driver) => driver.settle(invoice).await,
            Self::Undirected(shop) => shop.settle(invoice).await,
        }
    }
}

/// Checks every row of all files, and plans what to replay. Nothing is written.
///
/// # Errors
/// [`Problem::Input`] says where the first one is that cannot be used.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn check(files: Vec<PathBuf>) -> Result<Plan, Problem> {
    let checked = spawn_blocking(move || Plan::read(&files, &Bounds::default())).await;
    Ok(checked.map_err(died)??)
}

/// Replays all that is not replayed yet, and sums up what the services then know. `halfway` hears when half of it is
/// done.
///
/// # Errors
/// [`Problem::Input`] or [`Problem::Usage`] before anything is written, if the shop holds another replay;
/// [`Problem::Service`] if a service fails.
///
/// # Cancel safety
/// Run it again to go on where it ended.
pub async fn run(
    course: &Course,
    listening: impl AsyncFnOnce(&Choreography) -> Result<Stations, Problem>,
    mut plan: Plan,
    settings: &Settings,
    halfway: watch::Sender<bool>,
) -> Result<Summary, Problem> {
    let driver = course.driver();
    check_mode(driver, settings.mode).await?;
    driver.check_terms(settings.stock, &settings.card_limit).await?;
    let mut same = Ok(());
    let each = |known: Known| {
        if same.is_ok() {
            same = plan.recorded(known.flow, known.fingerprint);
        }
    };
    let open = match course {
        Course::Directed(driver) => driver.known(each).await?,
        Course::Undirected(shop) => shop.known(each).await.map(|()| Vec::new())?,
    };
    same?;
    // All is checked: from here on, things happen.
    driver.agree(settings.stock, &settings.card_limit).await?;
    let progress = Progress { bar: bar(plan.remaining()), halfway };
    let settled = settle_all(course, plan, settings.concurrency.into(), &progress);
    let done = match course {
        Course::Directed(driver) => {
            let running = driver.run()?;
            driver.finish(&open).await?;
            let done = settled.await;
            running.stop().await;
            done
        }
        Course::Undirected(shop) => {
            let stations = listening(shop).await?;
            let all = async {
                shop.finish().await?;
                settled.await
            };
            let done = stations.during(all).await;
            stations.stop().await;
            done
        }
    };
    progress.bar.finish_and_clear();
    done?;
    Ok(Summary::read(driver).await?)
}

/// Settles every invoice of the plan, at most `concurrency` at a time, begun in the order of the plan.
async fn settle_all(
    course: &Course,
    plan: Plan,
    concurrency: usize,
    progress: &Progress,
) -> Result<(), Problem> {
    let mut invoices = read_ahead(plan, concurrency);
    let mut under_way = JoinSet::new();
    while let Some(invoice) = invoices.recv().await {
        let invoice = invoice?;
        if under_way.len() >= concurrency {
            ended(under_way.join_next().await, progress)?;
        }
        let course = course.clone();
        under_way.spawn(async move { course.settle(invoice).await });
    }
    while !under_way.is_empty() {
        ended(under_way.join_next().await, progress)?;
    }
    Ok(())
}

/// Reads the invoices on a thread that may block, at most `ahead` of those that are asked for.
fn read_ahead(plan: Plan, ahead: usize) -> mpsc::Receiver<Result<Invoice, BadInput>> {
    let (out, invoices) = mpsc::channel(ahead);
    spawn_blocking(move || {
        let mut plan = Invoices::new(plan);
        while let Some(invoice) = plan.read_next().transpose() {
            let was_last = invoice.is_err();
            // When nobody listens any more, the replay has failed and says why.
            if out.blocking_send(invoice).is_err() || was_last {
                return;
            }
        }
    });
    invoices
}

fn ended(
    one: Option<Result<Result<(), Failure>, JoinError>>,
    progress: &Progress,
) -> Result<(), Problem> {
    if let Some(done) = one {
        done.map_err(died)??;
        progress.one_more();
    }
    Ok(())
}

/// How far a replay is.
struct Progress {
    bar: ProgressBar,
    halfway: watch::Sender<bool>,
}

impl Progress {
    fn one_more(&self) {
        self.bar.inc(1);
        if self.bar.position() * 2 >= self.bar.length().unwrap_or_default() {
            self.halfway.send_if_modified(|is_reached| !std::mem::replace(is_reached, true));
        }
    }
}

/// A bar on standard error; nobody sees it where that is no terminal.
fn bar(invoices: usize) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(Some(invoices as u64), target);
    match ProgressStyle::with_template("{wide_bar} {pos}/{len} invoices, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn died(error: JoinError) -> Problem {
    Problem::other("finish a task", error)
}
