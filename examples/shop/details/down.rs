//! Services that do not answer, on purpose.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::contracts::Failure;

/// A service that does not answer, after so many calls.
#[derive(Clone, Debug)]
pub struct Down {
    service: &'static str,
    /// How many calls it still answers.
    left: Arc<AtomicU32>,
}

/// Those that can be done without.
const SERVICES: [&str; 2] = ["users", "products"];

impl Down {
    /// Fails if `service` is one of those that are down.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it is.
    pub fn check(all: &[Self], service: &'static str) -> Result<(), Failure> {
        let Some(down) = all.iter().find(|down| down.service == service) else { return Ok(()) };
        let left = down
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| Failure::failed(service, "answer", "it is down, as it was told"))
    }
}

impl FromStr for Down {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, calls) = text.split_once('=').unwrap_or((text, "0"));
        let service = SERVICES.into_iter().find(|service| *service == name);
        let expected =
            || format!("expected one of {}, as in users or users=3", SERVICES.join(", "));
        let service = service.ok_or_else(expected)?;
        let left = calls.parse().map_err(|_| expected())?;
        Ok(Self { service, left: Arc::new(AtomicU32::new(left)) })
    }
}
