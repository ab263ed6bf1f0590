//! What the service does when it hears what others say.

use std::sync::Arc;

use async_trait::async_trait;
use freehold::inbox::{HandleError, Handler};
use freehold::{Commit, Message, Service};
use serde::Deserialize;

use super::aggregate::Answer;
use super::contracts::{
    Asked, Broker, Command, Failure, Hears, InventorySays, InvoiceNo, Line, Station, Step, answer,
    heard, units_by_code,
};
use super::service::{InventoryOwner, InventoryService};

/// What it listens to. One after the other: popular codes are in many orders, and a decision would often meet another's.
pub const HEARS: Hears = Hears {
    kinds: &[
        "shop.order.placed.v1",
        "shop.order.confirmed.v1",
        "shop.payment.failed.v1",
        "shop.return.paid.v1",
    ],
    invoices_max: 1,
};

/// What it hears, as far as it listens.
#[derive(Debug, Deserialize)]
pub enum Heard {
    /// All of its goods are to be set aside, or none.
    #[serde(rename = "shop.order.placed.v1")]
    Placed(Asked),
    /// What was set aside is to leave the shop.
    #[serde(rename = "shop.order.confirmed.v1")]
    Confirmed {
        /// Of which invoice.
        invoice: InvoiceNo,
    },
    /// What was set aside is to be for others again.
    #[serde(rename = "shop.payment.failed.v1")]
    PaymentFailed {
        /// Of which invoice.
        invoice: InvoiceNo,
    },
    /// What comes back is to be for others again.
    #[serde(rename = "shop.return.paid.v1")]
    ReturnPaid {
        /// Of which invoice.
        invoice: InvoiceNo,
        /// What.
        lines: Vec<Line>,
    },
}

/// What follows from a message.
struct Reactions(Arc<InventoryService>);

impl InventoryService {
    /// Listens to others, as long as the value lives.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn react(self: &Arc<Self>, broker: &Broker) -> Result<Station, Failure> {
        let reactions = Reactions(Arc::clone(self));
        Station::open::<InventoryOwner>(self.handle(), broker, HEARS, reactions).await
    }
}

#[async_trait]
impl Handler for Reactions {
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError> {
        let Self(service) = self;
        let asks = |invoice: &InvoiceNo, step| {
            Command::answering(message, InventoryOwner::NAME, invoice, step).map_err(Failure::from)
        };
        let (command, commit, says) = match heard(message)? {
            None => return Ok(Commit::new()),
            Some(Heard::Placed(Asked { invoice, customer, lines, total })) => {
                let command = asks(&invoice, Step::Reserve)?;
                let goods = units_by_code(&lines);
                let (reserved, commit) = service.to_reserve(&command, &goods).await?;
                let says = match reserved {
                    Answer::Reserved => InventorySays::Reserved { invoice, customer, total },
                    Answer::OutOfStock => InventorySays::Refused { invoice },
                };
                (command, commit, says)
            }
            Some(Heard::Confirmed { invoice }) => {
                let command = asks(&invoice, Step::Take)?;
                (
                    command.clone(),
                    service.to_take(&command).await?,
                    InventorySays::Taken { invoice },
                )
            }
            Some(Heard::PaymentFailed { invoice }) => {
                let command = asks(&invoice, Step::Release)?;
                let says = InventorySays::Released { invoice };
                (command.clone(), service.to_release(&command).await?, says)
            }
            Some(Heard::ReturnPaid { invoice, lines }) => {
                let command = asks(&invoice, Step::Restock)?;
                let commit = service.to_restock(&command, &units_by_code(&lines)).await?;
                (command, commit, InventorySays::Restocked { invoice })
            }
        };
        Ok(answer(commit, &command, &says)?)
    }
}
