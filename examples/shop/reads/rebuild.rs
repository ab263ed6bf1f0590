//! Building a view anew.

use std::sync::Arc;
use std::time::Duration;

use freehold::projection::{Kept, UpkeepError};
use freehold::subscription::{Health, Running};
use tokio::time::sleep;

use super::contracts::Failure;
use super::gateway::Gateway;
use super::upheld::Upheld;

/// How often it is asked how far the new build is.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How often another process is let go first that changes which build is read.
const TRIES_MAX: u32 = 100;

/// Builds what is kept up anew beside what is read, and returns when it has taken its place. `tell` hears how many events it is
/// behind, again and again. If this process ends before, whoever keeps it up goes on with it.
///
/// # Errors
/// [`Failure::Failed`] if it cannot be begun or followed.
///
/// # Cancel safety
/// What was begun goes on.
pub async fn run(
    gateway: &Gateway,
    upheld: &mut Upheld,
    tell: impl FnMut(u64),
) -> Result<(), Failure> {
    match upheld {
        Upheld::Views(kept) => of_views(kept, tell).await,
        Upheld::Index(running) => of_index(gateway, running, tell).await,
    }
}

/// Begins the index anew under a new handle: the old one gives its lease back.
async fn of_index(
    gateway: &Gateway,
    running: &mut Running,
    mut tell: impl FnMut(u64),
) -> Result<(), Failure> {
    let failed = |error| Failure::failed("reads", "rebuild the index", error);
    let before = gateway.products().build().await.map_err(failed)?;
    std::mem::replace(running, gateway.keep_index_up(true)).stop().await;
    while gateway.products().build().await.map_err(failed)? == before {
        if let Health::Stopped(error) = running.health().await {
            return Err(Failure::failed("reads", "rebuild the index", Stopped(error)));
        }
        if let Some(lag) = gateway.products().rebuilding().await.map_err(failed)? {
            tell(lag.events);
        }
        sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

/// The index cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("it has stopped")]
struct Stopped(#[source] Arc<dyn std::error::Error + Send + Sync>);

async fn of_views(kept: &Kept, mut tell: impl FnMut(u64)) -> Result<(), Failure> {
    let failed = |error: Arc<UpkeepError>| Failure::failed("reads", "rebuild a view", error);
    let mut tries = 1;
    while let Err(error) = kept.rebuild().await {
        if !matches!(error, UpkeepError::Busy) || tries == TRIES_MAX {
            return Err(failed(Arc::new(error)));
        }
        tries += 1;
        sleep(LOOK_INTERVAL).await;
    }
    while let Some(lag) = kept.rebuilding().await.map_err(failed)? {
        tell(lag.events);
        sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}
