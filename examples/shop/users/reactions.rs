//! What the service does when it hears what others say.

use std::sync::Arc;

use async_trait::async_trait;
use freehold::inbox::{HandleError, Handler};
use freehold::{Commit, Message, Service};
use serde::Deserialize;

use super::contracts::{
    Broker, Command, Customer, Failure, Hears, InvoiceNo, Station, Step, UsersSays, answer, heard,
};
use super::service::{UsersOwner, UsersService};

/// What it listens to.
pub const HEARS: Hears =
    Hears { kinds: &["shop.order.placed.v1", "shop.return.announced.v1"], invoices_max: 16 };

/// What it hears, as far as it listens.
#[derive(Debug, Deserialize)]
pub enum Heard {
    /// Somebody has ordered.
    #[serde(rename = "shop.order.placed.v1")]
    Placed(Buyer),
    /// Somebody brings something back.
    #[serde(rename = "shop.return.announced.v1")]
    ReturnAnnounced(Buyer),
}

/// Whose invoice it is.
#[derive(Debug, Deserialize)]
pub struct Buyer {
    invoice: InvoiceNo,
    customer: Customer,
}

/// What follows from a message.
struct Reactions(Arc<UsersService>);

impl UsersService {
    /// Listens to others, as long as the value lives.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn react(self: &Arc<Self>, broker: &Broker) -> Result<Station, Failure> {
        let reactions = Reactions(Arc::clone(self));
        Station::open::<UsersOwner>(self.handle(), broker, HEARS, reactions).await
    }
}

#[async_trait]
impl Handler for Reactions {
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError> {
        let Some(heard) = heard(message)? else { return Ok(Commit::new()) };
        let (Heard::Placed(Buyer { invoice, customer })
        | Heard::ReturnAnnounced(Buyer { invoice, customer })) = heard;
        let command = Command::answering(message, UsersOwner::NAME, &invoice, Step::Register)
            .map_err(Failure::from)?;
        let commit = self.0.to_register(&command, customer).await?;
        Ok(answer(commit, &command, &UsersSays::Known { invoice })?)
    }
}
