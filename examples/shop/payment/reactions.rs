//! What the service does when it hears what others say.

use std::sync::Arc;

use async_trait::async_trait;
use freehold::inbox::{HandleError, Handler};
use freehold::{Commit, Message, Service};
use serde::Deserialize;

use super::aggregate::Answer;
use super::contracts::{
    Broker, Command, Customer, Failure, Hears, InvoiceNo, Money, PaymentSays, Station, Step,
    answer, heard,
};
use super::service::{PaymentOwner, PaymentService};

/// What it listens to. Charges never meet: an entry is true whatever the balance is.
pub const HEARS: Hears =
    Hears { kinds: &["shop.stock.reserved.v1", "shop.return.announced.v1"], invoices_max: 16 };

/// What it hears, as far as it listens.
#[derive(Debug, Deserialize)]
pub enum Heard {
    /// An order can be delivered, and is to be paid.
    #[serde(rename = "shop.stock.reserved.v1")]
    Reserved(Bill),
    /// A return is to be paid back.
    #[serde(rename = "shop.return.announced.v1")]
    ReturnAnnounced(Bill),
}

/// Who pays, or is paid, and how much.
#[derive(Debug, Deserialize)]
pub struct Bill {
    invoice: InvoiceNo,
    customer: Customer,
    total: Money,
}

/// What follows from a message.
struct Reactions(Arc<PaymentService>);

impl PaymentService {
    /// Listens to others, as long as the value lives.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn react(self: &Arc<Self>, broker: &Broker) -> Result<Station, Failure> {
        let reactions = Reactions(Arc::clone(self));
        Station::open::<PaymentOwner>(self.handle(), broker, HEARS, reactions).await
    }
}

#[async_trait]
impl Handler for Reactions {
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError> {
        let Self(service) = self;
        let asks = |invoice: &InvoiceNo, step| {
            Command::answering(message, PaymentOwner::NAME, invoice, step).map_err(Failure::from)
        };
        let (command, commit, says) = match heard(message)? {
            None => return Ok(Commit::new()),
            Some(Heard::Reserved(Bill { invoice, customer, total })) => {
                let command = asks(&invoice, Step::Charge)?;
                let (charged, commit) = service.to_charge(&command, customer, &total).await?;
                let says = match charged {
                    Answer::Charged => PaymentSays::Processed { invoice },
                    Answer::Declined => PaymentSays::Failed { invoice },
                };
                (command, commit, says)
            }
            Some(Heard::ReturnAnnounced(Bill { invoice, customer, total })) => {
                let command = asks(&invoice, Step::Refund)?;
                let commit = service.to_refund(&command, customer, &total).await?;
                (command, commit, PaymentSays::Refunded { invoice })
            }
        };
        Ok(answer(commit, &command, &says)?)
    }
}
