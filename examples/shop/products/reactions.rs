//! What the service does when it hears what others say.

use std::sync::Arc;

use async_trait::async_trait;
use freehold::inbox::{HandleError, Handler};
use freehold::{Commit, Message, Service};
use serde::Deserialize;

use super::contracts::{
    Broker, Command, Failure, Hears, InvoiceNo, Line, ProductsSays, Station, Step, answer,
    articles, heard,
};
use super::service::{ProductsOwner, ProductsService};

/// What it listens to. One after the other: popular codes are on many invoices, and a decision would often meet another's.
pub const HEARS: Hears =
    Hears { kinds: &["shop.order.placed.v1", "shop.return.announced.v1"], invoices_max: 1 };

/// What it hears, as far as it listens.
#[derive(Debug, Deserialize)]
pub enum Heard {
    /// Somebody has ordered.
    #[serde(rename = "shop.order.placed.v1")]
    Placed(Lines),
    /// Somebody brings something back.
    #[serde(rename = "shop.return.announced.v1")]
    ReturnAnnounced(Lines),
}

/// What an invoice is about.
#[derive(Debug, Deserialize)]
pub struct Lines {
    invoice: InvoiceNo,
    lines: Vec<Line>,
}

/// What follows from a message.
struct Reactions(Arc<ProductsService>);

impl ProductsService {
    /// Listens to others, as long as the value lives.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn react(self: &Arc<Self>, broker: &Broker) -> Result<Station, Failure> {
        let reactions = Reactions(Arc::clone(self));
        Station::open::<ProductsOwner>(self.handle(), broker, HEARS, reactions).await
    }
}

#[async_trait]
impl Handler for Reactions {
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError> {
        let Some(heard) = heard(message)? else { return Ok(Commit::new()) };
        let (Heard::Placed(Lines { invoice, lines })
        | Heard::ReturnAnnounced(Lines { invoice, lines })) = heard;
        let command = Command::answering(message, ProductsOwner::NAME, &invoice, Step::List)
            .map_err(Failure::from)?;
        let commit = self.0.to_list(&command, &articles(&lines)).await?;
        Ok(answer(commit, &command, &ProductsSays::Listed { invoice })?)
    }
}
