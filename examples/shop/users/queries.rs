//! What is read back from the service's own events.

use std::collections::BTreeMap;

use freehold::event;

use super::contracts::{Failure, Profile};
use super::events::UserEvent;
use super::service::UsersService;

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
}
