//! What the service does when it hears what others say.

use std::sync::Arc;

use async_trait::async_trait;
use freehold::inbox::{HandleError, Handler};
use freehold::{Commit, Message, Service};
use serde::Deserialize;

use super::contracts::{
    Broker, Command, Customer, Failure, Hears, InvoiceNo, Money, NotificationSays, Station, Step,
    answer, heard,
};
use super::service::{NotificationOwner, NotificationService};

/// What it listens to.
pub const HEARS: Hears = Hears { kinds: &["shop.order.confirmed.v1"], invoices_max: 16 };

/// What it hears, as far as it listens.
#[derive(Debug, Deserialize)]
pub enum Heard {
    /// An order will be delivered, and the customer wants to know.
    #[serde(rename = "shop.order.confirmed.v1")]
    Confirmed {
        /// Which.
        invoice: InvoiceNo,
        /// Whose it is.
        customer: Customer,
        /// How much it comes to.
        total: Money,
    },
}

/// What follows from a message.
struct Reactions(Arc<NotificationService>);

impl NotificationService {
    /// Listens to others, as long as the value lives.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn react(self: &Arc<Self>, broker: &Broker) -> Result<Station, Failure> {
        let reactions = Reactions(Arc::clone(self));
        Station::open::<NotificationOwner>(self.handle(), broker, HEARS, reactions).await
    }
}

#[async_trait]
impl Handler for Reactions {
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError> {
        let Some(Heard::Confirmed { invoice, customer, total }) = heard(message)? else {
            return Ok(Commit::new());
        };
        let command = Command::answering(message, NotificationOwner::NAME, &invoice, Step::Mail)
            .map_err(Failure::from)?;
        let id = message.envelope.id();
        let commit = self.0.to_mail(&command, id, customer, &total).await?;
        Ok(answer(commit, &command, &NotificationSays::Mailed { invoice })?)
    }
}
