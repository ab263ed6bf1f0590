//! How calls end.

use std::error::Error;
use std::fmt;

/// Why a call failed, whatever it is.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why an action did not end well, and what that says about its effect.
///
/// An error that is handed on with `?` is [`Failure::Unknown`]: whoever has asked over a network and has no answer does not
/// know. Nothing becomes [`Failure::Rejected`] by itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure<R> {
    /// It is refused for good: neither this call nor any before it with the same key has had an effect, and none will.
    Rejected(R),
    /// This call had no effect, and the next may do better.
    Transient(BoxError),
    /// It may have happened.
    Unknown(BoxError),
    /// Nobody but an operator can do anything about it, and it may have happened. The saga waits, and says why.
    Broken(BoxError),
}

/// Why something that cannot be refused has not happened yet: a step behind the pivot, or a compensation.
///
/// An error that is handed on with `?` is [`Again::Unknown`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Again {
    /// This call had no effect, and the next may do better.
    Transient(BoxError),
    /// It may have happened.
    Unknown(BoxError),
    /// Nobody but an operator can do anything about it. The saga waits, and says why.
    Broken(BoxError),
}

/// What is known of a step that is to be compensated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a compensation that leaves out a case must not compile"
)]
pub enum Effect<T> {
    /// It has happened, and this is what it gave back.
    Happened(T),
    /// It may have happened, or may be about to: the compensation must bar it, or undo it.
    Unknown,
}

impl<R> Failure<R> {
    /// It is refused for good.
    pub fn rejected(why: impl Into<R>) -> Self {
        Self::Rejected(why.into())
    }

    /// This call had no effect, and the next may do better.
    pub fn transient(why: impl Into<BoxError>) -> Self {
        Self::Transient(why.into())
    }

    /// An operator must look.
    pub fn broken(why: impl Into<BoxError>) -> Self {
        Self::Broken(why.into())
    }
}

impl Again {
    /// This call had no effect, and the next may do better.
    pub fn transient(why: impl Into<BoxError>) -> Self {
        Self::Transient(why.into())
    }

    /// An operator must look.
    pub fn broken(why: impl Into<BoxError>) -> Self {
        Self::Broken(why.into())
    }
}

impl<R, E: Error + Send + Sync + 'static> From<E> for Failure<R> {
    fn from(error: E) -> Self {
        Self::Unknown(error.into())
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Again {
    fn from(error: E) -> Self {
        Self::Unknown(error.into())
    }
}

impl<T> Effect<T> {
    /// The same of what `f` makes of it.
    pub(crate) fn try_map<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Effect<U>, E> {
        match self {
            Self::Happened(out) => f(out).map(Effect::Happened),
            Self::Unknown => Ok(Effect::Unknown),
        }
    }
}

/// Says an error with all that is behind it, in one line.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    struct Chain<'e>(&'e (dyn Error + 'static));
    impl fmt::Display for Chain<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}", self.0)?;
            let mut cause = self.0.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
            Ok(())
        }
    }
    Chain(error).to_string()
}
