//! What may happen to a customer's profile.

use freehold::Aggregate;

use super::contracts::Profile;
use super::events::UserEvent;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 190;

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has this number.
    #[error("there is no such customer")]
    NoUser,
    /// Nobody is called so.
    #[error("a name is 1 to 190 bytes without control characters")]
    NoName,
}

/// A customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    profile: Option<Profile>,
}

impl Aggregate for User {
    type Event = UserEvent;

    fn apply(&mut self, event: &UserEvent) {
        match event {
            UserEvent::UserRegistered(profile) => self.profile = Some(profile.clone()),
            UserEvent::UserRenamed { name } => {
                if let Some(profile) = &mut self.profile {
                    profile.name.clone_from(name);
                }
            }
        }
    }
}

impl User {
    /// Somebody is met. Nothing happens when they were met before, whatever they are called by now.
    #[must_use]
    pub fn register(&self, profile: &Profile) -> Vec<UserEvent> {
        match self.profile {
            None => vec![UserEvent::UserRegistered(profile.clone())],
            Some(_) => Vec::new(),
        }
    }

    /// Somebody takes another name. Nothing happens when it is the one they have.
    ///
    /// # Errors
    /// [`Refusal::NoUser`], or [`Refusal::NoName`] if nobody can be called so.
    pub fn rename(&self, name: &str) -> Result<Vec<UserEvent>, Refusal> {
        let Some(profile) = &self.profile else { return Err(Refusal::NoUser) };
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len());
        if !is_name || name.chars().any(char::is_control) {
            return Err(Refusal::NoName);
        }
        if profile.name == name {
            return Ok(Vec::new());
        }
        Ok(vec![UserEvent::UserRenamed { name: name.to_owned() }])
    }
}
