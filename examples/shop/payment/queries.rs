//! What is read back from the service's own events.

use freehold::event;
use freehold::{Aggregate, Event, Service, StreamId};

use super::aggregate::Balance;
use super::contracts::{Cause, Failure, InvoiceNo, Money, Trail};
use super::events::{Account, EntryEvent};
use super::service::{PaymentOwner, PaymentService};

/// What the ledger says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What cards were charged.
    pub revenue: Money,
    /// What was paid back.
    pub refunded: Money,
}

impl PaymentService {
    /// Reads the balances of the ledger.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read, or debits and credits differ.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn figures(&self) -> Result<Figures, Failure> {
        let stream = |account: Account| StreamId::new(EntryEvent::CATEGORY, account.stream());
        let failed = |error: Cause| Failure::failed("payment", "read its ledger", error);
        let sales = stream(Account::Sales).map_err(|error| failed(error.into()))?;
        let refunds = stream(Account::Refunds).map_err(|error| failed(error.into()))?;
        let [mut sold, mut paid_back, mut all] = [const { Balance::NOTHING }; 3];
        self.feed()
            .read(|recorded| {
                if recorded.stream().category() != EntryEvent::CATEGORY {
                    return Ok(());
                }
                let entry: EntryEvent = event::decode(recorded)?;
                all.apply(&entry);
                match recorded.stream() {
                    account if *account == sales => sold.apply(&entry),
                    account if *account == refunds => paid_back.apply(&entry),
                    _ => {}
                }
                Ok(())
            })
            .await?;
        if !all.amount().is_zero() {
            return Err(failed("debits and credits differ".into()));
        }
        // Income is a credit: its balance is below zero.
        Ok(Figures { revenue: -sold.amount().clone(), refunded: paid_back.amount().clone() })
    }

    /// All that this service knows of the invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn trail(&self, invoice: &InvoiceNo) -> Result<Trail, Failure> {
        Trail::read(PaymentOwner::NAME, &*self.handle(), invoice.flow()).await
    }
}
