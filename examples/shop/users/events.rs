//! What happens to a customer's profile.

use freehold::{Event, Personal};
use serde::{Deserialize, Serialize};

use super::contracts::Profile;

/// An event in the stream of a customer.
#[allow(
    clippy::enum_variant_names,
    reason = "a variant's name is the event's, and stands alone in the log"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserEvent {
    /// The customer was met for the first time.
    CustomerMet(Personal<Profile>),
    /// The customer took another name.
    CustomerRenamed(Personal<String>),
    /// The customer was met before profiles were sealed: it was recorded in plain, and stays so.
    UserRegistered(Profile),
    /// The customer took another name then.
    UserRenamed {
        /// The new one.
        name: String,
    },
}

impl Event for UserEvent {
    const CATEGORY: &'static str = "user";
}
