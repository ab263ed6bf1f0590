//! How far each view is behind.

use freehold::BackendError;
use freehold::consistency::Lag;

use super::contracts::Failure;
use super::gateway::{Gateway, Name};

/// How far each view is behind its logs, in one line: `stock 12 events 40 ms`. It is asked of the databases, so it is true
/// whoever keeps the views up, and also if nobody does.
///
/// # Errors
/// [`Failure::Failed`] if a database cannot be read.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn line(gateway: &Gateway) -> Result<String, Failure> {
    let mut parts = Vec::new();
    for name in Name::ALL {
        let lag = lag(gateway, name).await;
        let lag = lag.map_err(|error| Failure::failed("reads", "tell its lag", error))?;
        parts.push(format!("{name} {} events {} ms", lag.events, lag.time.as_millis()));
    }
    Ok(parts.join(", ") + "\n")
}

async fn lag(gateway: &Gateway, name: Name) -> Result<Lag, BackendError> {
    match name {
        Name::OrderSummary => gateway.summaries().lag().await,
        Name::OrderDetails => gateway.details().lag().await,
        Name::OrderHistory => gateway.histories().lag().await,
        Name::Revenue => gateway.revenue().lag().await,
        Name::Stock => gateway.stock().lag().await,
        Name::ProductSearch => gateway.products().lag().await,
    }
}
