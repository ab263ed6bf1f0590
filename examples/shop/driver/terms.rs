//! What must not change between two runs on one shop.

use super::super::contracts::{Failure, Money};
use super::super::problem::Problem;
use super::Driver;

impl Driver {
    /// Makes sure that the services have agreed on these terms, or on none. Nothing is written.
    ///
    /// # Errors
    /// [`Problem::Usage`] names the terms that were agreed on.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn check_terms(&self, stock: u64, card_limit: &Money) -> Result<(), Problem> {
        if let Some(before) = self.inventory().agreed().await?.filter(|before| *before != stock) {
            let text = format!("--stock: expected {before}, as in the shop's first replay");
            return Err(Problem::Usage(text));
        }
        let agreed = self.payments().agreed().await?;
        if let Some(before) = agreed.filter(|before| before != card_limit) {
            let text = format!("--card-limit: expected {before}, as in the shop's first replay");
            return Err(Problem::Usage(text));
        }
        Ok(())
    }

    /// Has the services agree on the terms.
    ///
    /// # Errors
    /// [`Failure::Refused`] if others were agreed on.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn agree(&self, stock: u64, card_limit: &Money) -> Result<(), Failure> {
        self.inventory().agree(stock).await?;
        self.payments().agree(card_limit).await
    }
}
