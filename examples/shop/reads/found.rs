//! What people find who search the products.

use std::fmt::Write;

use super::contracts::Failure;
use super::gateway::Gateway;
use super::pages::Freshness;

/// The products in which all these words are, the best first, a line for each: code, description and price.
///
/// # Errors
/// [`Failure::Failed`] if the index cannot be read.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn of(gateway: &Gateway, words: &str, limit: usize) -> Result<String, Failure> {
    let products = gateway.products();
    // What is there is shown all the same; how far that is behind is said below.
    drop(products.wait_for_head(Freshness::Newest.within()).await);
    let found = products.find(words, limit).await;
    let found = found.map_err(|error| Failure::failed("reads", "search", error))?;
    let mut text = String::new();
    for hit in &found.value {
        let (code, words) = (hit.key.as_str(), &hit.view.description);
        let price = hit.view.price.as_ref().map(ToString::to_string).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{code:<10}{words:<38}{price:>11}");
    }
    if text.is_empty() {
        text += "nothing is found\n";
    }
    if !found.lag.is_none() {
        let _ = writeln!(text, "{} events behind the services", found.lag.events);
    }
    Ok(text)
}

/// How many products can be found, when all are that are listed now.
///
/// # Errors
/// [`Failure::Failed`] if the index cannot be read, or is not kept up.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn count(gateway: &Gateway) -> Result<u64, Failure> {
    let products = gateway.products();
    let seen = products.wait_for_head(Freshness::Complete.within()).await;
    seen.map_err(|error| Failure::failed("reads", "index the products", error))?;
    let count = products.count().await;
    Ok(count.map_err(|error| Failure::failed("reads", "count the products", error))?.value)
}
