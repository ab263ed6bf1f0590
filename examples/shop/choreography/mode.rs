//! Which of the two ways the invoices of a shop go.

use std::fmt;

use clap::ValueEnum;
use freehold::{EventStore, Filter, Position};

use super::super::contracts::Failure;
use super::super::driver::Driver;
use super::super::order::reactions::Reactions;
use super::super::problem::Problem;

/// How many events are in memory at once. The first invoice that is not rejected says which way it went.
const EVENTS_PER_PAGE: usize = 100;

/// How the services come together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// A saga directs each invoice.
    #[default]
    Saga,
    /// Each service reacts to what others say.
    Choreography,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Saga => "saga",
            Self::Choreography => "choreography",
        })
    }
}

/// Makes sure that the invoices of the shop have gone this way, or none has gone any. An invoice that was begun one way is not known
/// to the other. Nothing is written.
///
/// # Errors
/// [`Problem::Usage`] names the way that they have gone.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn check_mode(driver: &Driver, mode: Mode) -> Result<(), Problem> {
    match mode_of(driver).await? {
        Some(before) if before != mode => {
            let text = format!("--mode: expected {before}, as in the shop's first replay");
            Err(Problem::Usage(text))
        }
        _ => Ok(()),
    }
}

async fn mode_of(driver: &Driver) -> Result<Option<Mode>, Failure> {
    let failed = |why| Failure::failed("order", "read its events", why);
    let undirected = Reactions::new(&driver.services().orders)?;
    let (log, filter, mut after) = (driver.orders().published(), Filter::all(), Position::START);
    loop {
        let page = log.read_all(after, &filter, EVENTS_PER_PAGE).await.map_err(failed)?;
        for event in &page.events {
            if Driver::has_begun(event)? {
                return Ok(Some(Mode::Saga));
            }
            if undirected.news(event)?.is_some() {
                return Ok(Some(Mode::Choreography));
            }
        }
        if !page.has_more {
            return Ok(None);
        }
        after = page.upto;
    }
}
