//! Building a view anew.

use std::sync::Arc;
use std::time::Duration;

use freehold::projection::{Kept, UpkeepError};
use tokio::time::sleep;

use super::contracts::Failure;

/// How often it is asked how far the new build is.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How often another process is let go first that changes which build is read.
const TRIES_MAX: u32 = 100;

/// Builds a view anew beside the one that is read, and returns when it has taken its place. `tell` hears how many events
/// it is behind, again and again. If this process ends before, whoever keeps the view up goes on with it.
///
/// # Errors
/// [`Failure::Failed`] if it cannot be begun or followed.
///
/// # Cancel safety
/// What was begun goes on.
pub async fn run(kept: &Kept, mut tell: impl FnMut(u64)) -> Result<(), Failure> {
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
