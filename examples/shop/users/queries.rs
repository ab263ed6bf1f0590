//! What is read back from the service's own events.

use std::collections::BTreeMap;

use freehold::{Service, event};

use super::contracts::{Failure, InvoiceNo, Profile, Trail};
use super::events::UserEvent;
use super::service::{UsersOwner, UsersService};

/// Every customer, by the id of their stream.
pub type Figures = BTreeMap<String, Profile>;

impl UsersService {
    /// Reads every profile.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn figures(&self) -> Result<Figures, Failure> {
        let mut figures = Figures::new();
        self.feed()
            .read(|recorded| {
                let profile = figures.entry(recorded.stream().id().to_owned()).or_default();
                match event::decode(recorded)? {
                    UserEvent::UserRegistered(registered) => *profile = registered,
                    UserEvent::UserRenamed { name } => profile.name = name,
                }
                Ok(())
            })
            .await?;
        Ok(figures)
    }

    /// All that this service knows of the invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if its data cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn trail(&self, invoice: &InvoiceNo) -> Result<Trail, Failure> {
        Trail::read(UsersOwner::NAME, &*self.handle(), invoice.flow()).await
    }
}
