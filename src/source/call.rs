//! What a source is told beside the keys.

use std::sync::Arc;
use std::time::Duration;

use super::Deadline;
use crate::consistency::Session;

/// What a source is told beside the keys: until when an answer is of use, for whom it is, and what that user has seen.
///
/// A client hands it on: [`remaining`](Self::remaining) as the time limit of its request, [`session`](Self::session) as a
/// header, so that the service it calls reads what the user wrote a moment ago.
#[derive(Clone, Debug)]
pub struct Call {
    deadline: Deadline,
    attempt: u32,
    session: Session,
    principal: Option<Arc<str>>,
}

impl Call {
    /// A first attempt, for nobody in particular.
    #[must_use]
    pub const fn new(deadline: Deadline) -> Self {
        Self { deadline, attempt: 1, session: Session::new(), principal: None }
    }

    /// The same as the `nth` attempt, counted from 1.
    #[must_use]
    pub const fn with_attempt(mut self, nth: u32) -> Self {
        self.attempt = nth;
        self
    }

    /// The same for one who has seen and done so much.
    #[must_use]
    pub fn with_session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    /// The same for one who may see things that others may not.
    #[must_use]
    pub fn with_principal(mut self, principal: Option<Arc<str>>) -> Self {
        self.principal = principal;
        self
    }

    /// When an answer is of no use any more.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// How long an answer is still of use.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.remaining()
    }

    /// Which attempt this is, counted from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What the user has seen and done, which the answer must not be older than.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// For whom it is asked, if that matters.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }
}
