//! For which instance a message is.

/// For which instance a message is, and what it may do there.
///
/// An instance begins once. When it is [complete](super::Reaction::complete), its record stays, and what comes later is
/// ignored: an old message never begins it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// It begins the instance, or goes on with it.
    Start(String),
    /// It begins the instance. If that has begun before, something is wrong, and the instance is parked.
    StartOnce(String),
    /// It goes on with the instance. If there is none, it is ignored.
    Continue(String),
    /// It goes on with the instance. If there is none, it has come early: it waits until the instance begins.
    ContinueOrWait(String),
    /// It is the last one of the instance, which is complete after it. If there is none, it is ignored.
    Stop(String),
    /// It is for nobody.
    Ignore,
}

impl Route {
    /// The instance.
    pub(super) fn instance(&self) -> Option<&str> {
        match self {
            Self::Start(id)
            | Self::StartOnce(id)
            | Self::Continue(id)
            | Self::ContinueOrWait(id)
            | Self::Stop(id) => Some(id),
            Self::Ignore => None,
        }
    }
}
