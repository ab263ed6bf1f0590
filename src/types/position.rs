//! Places in the log, and proofs of having written there.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A place in the log of all streams. Events have positions from 1 on; [`Position::START`] is before
/// the first.
///
/// Positions grow in feed order. They need not be dense, and mean nothing in another log.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position `n`.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells one log from another. It is made with the log and stays with it over restarts and moves.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct LogId(Uuid);

impl LogId {
    /// For backends: the identity of a log.
    #[must_use]
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The identity of the outbox beside the log.
    #[must_use]
    pub fn outbox(self) -> Self {
        Self(Uuid::new_v5(&self.0, b"freehold outbox"))
    }

    /// The identity as a UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Proof that a write is durable: which log, and up to where. A reader that has seen this position of
/// this log has seen the write.
///
/// It travels as text, `log@position`, for example in an HTTP header. A token has one text: what spells it otherwise is refused.
///
/// ```
/// use freehold::{LogId, Position, Token};
///
/// let token = Token::new(LogId::new(uuid::Uuid::nil()), Position::new(7));
/// assert_eq!(token.to_string(), "00000000-0000-0000-0000-000000000000@7");
/// assert_eq!(token.to_string().parse::<Token>()?, token);
/// # Ok::<(), freehold::InvalidToken>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Token {
    log: LogId,
    position: Position,
}

/// A text that is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is written `log@position`, the log as a UUID and the position as a number")]
pub struct InvalidToken;

impl Token {
    /// For backends: `position` of `log` is durable.
    #[must_use]
    pub const fn new(log: LogId, position: Position) -> Self {
        Self { log, position }
    }

    /// The log that was written to.
    #[must_use]
    pub const fn log(self) -> LogId {
        self.log
    }

    /// The position up to which a reader must have seen the log to have seen the write.
    #[must_use]
    pub const fn position(self) -> Position {
        self.position
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.log, self.position)
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (log, position) = text.split_once('@').ok_or(InvalidToken)?;
        let log = Uuid::parse_str(log).map_err(|_| InvalidToken)?;
        let position = position.parse().map_err(|_| InvalidToken)?;
        let token = Self { log: LogId(log), position: Position(position) };
        // A UUID and a number can be spelt in many ways, and a token that was damaged may be one of them.
        if token.to_string() == text { Ok(token) } else { Err(InvalidToken) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_spelt_otherwise_is_refused() {
        let token = Token::new(LogId::new(Uuid::from_u128(0xab << 64 | 7)), Position::new(7));
        let text = token.to_string();
        assert_eq!(text.parse(), Ok(token));
        for other in [
            text.to_uppercase(),
            text.replace('-', ""),
            text.replace("@7", "@07"),
            text.replace("@7", "@+7"),
            text.replace("@7", "@-7"),
            text.replace("@7", "@"),
            text.replace("@7", "@7 "),
            text.replace("@7", "@18446744073709551616"),
            text.replace('@', "@@"),
            text.replace('@', ","),
            format!(" {text}"),
            format!("urn:uuid:{text}"),
            format!("{{{}}}@7", text.replace("@7", "")),
            String::new(),
        ] {
            assert_eq!(other.parse::<Token>(), Err(InvalidToken), "{other}");
        }
    }
}
