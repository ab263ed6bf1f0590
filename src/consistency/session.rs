//! What one user has seen and done, over several logs.

use std::fmt;
use std::str::FromStr;

use crate::types::{LogId, Position, Token};

/// The most logs in one session: more are a sign of an input that was made up.
const LOGS_MAX: usize = 16;
/// The longest text of one mark: a UUID, `@`, and a position.
const MARK_BYTES_MAX: usize = 36 + 1 + 20;

/// What one user has seen and done: the furthest place in each log.
///
/// Sessions merge: the result has the further of both places in each log, in whatever order and however often they are
/// merged. As text it fits one HTTP header. It comes from outside, so it is parsed strictly and bounded; what it claims
/// is not believed either: a place that was not written yet is [`Behind::NotYetWritten`](super::Behind::NotYetWritten).
///
/// ```
/// use freehold::consistency::Session;
/// use freehold::{LogId, Position, Token};
///
/// # let [orders, users] = [1, 2].map(|n| LogId::new(uuid::Uuid::from_u128(n)));
/// let mut session = Session::new();
/// session.observe(Token::new(orders, Position::new(7)));
/// session.observe(Token::new(users, Position::new(3)));
/// session.observe(Token::new(orders, Position::new(5)));
/// assert_eq!(session.position(orders), Position::new(7));
///
/// let header = session.to_string();
/// assert_eq!(header.parse::<Session>()?, session);
/// # Ok::<(), freehold::consistency::InvalidSession>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Sorted by log; each log once.
    marks: Vec<Token>,
}

/// A text that is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a session is up to 16 marks `log@position` of different logs, sorted and separated by commas"
)]
pub struct InvalidSession;

impl Session {
    /// Nothing seen, nothing done.
    #[must_use]
    pub const fn new() -> Self {
        Self { marks: Vec::new() }
    }

    /// Takes in what was seen or done: a token, or another session.
    ///
    /// A session has room for 16 logs. One that is full keeps what it has, and takes in no further log: it promises
    /// less, never something wrong.
    pub fn observe(&mut self, seen: impl Into<Self>) {
        for mark in seen.into().marks {
            match self.marks.binary_search_by_key(&mark.log(), |known| known.log()) {
                Ok(at) => {
                    if let Some(known) = self.marks.get_mut(at)
                        && known.position() < mark.position()
                    {
                        *known = mark;
                    }
                }
                Err(at) if self.marks.len() < LOGS_MAX => self.marks.insert(at, mark),
                Err(_) => {}
            }
        }
    }

    /// The furthest place in a log; [`Position::START`] if nothing of it was seen.
    #[must_use]
    pub fn position(&self, log: LogId) -> Position {
        let of_log = self.marks.iter().find(|mark| mark.log() == log);
        of_log.map_or(Position::START, |mark| mark.position())
    }

    /// The furthest place in each log, sorted by log.
    #[must_use]
    pub fn marks(&self) -> &[Token] {
        &self.marks
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}

impl From<Token> for Session {
    fn from(token: Token) -> Self {
        Self { marks: vec![token] }
    }
}

/// A command that led to no events has no token, and leaves nothing to be seen.
impl From<Option<Token>> for Session {
    fn from(token: Option<Token>) -> Self {
        Self { marks: token.into_iter().collect() }
    }
}

impl From<&Token> for Session {
    fn from(token: &Token) -> Self {
        (*token).into()
    }
}

impl From<&Self> for Session {
    fn from(session: &Self) -> Self {
        session.clone()
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, mark) in self.marks.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            mark.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for Session {
    type Err = InvalidSession;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        if text.len() > LOGS_MAX * (MARK_BYTES_MAX + 1) {
            return Err(InvalidSession);
        }
        let mut marks: Vec<Token> = Vec::new();
        for mark in text.split(',') {
            let parsed: Token = mark.parse().map_err(|_| InvalidSession)?;
            // One text for one session: a mark has one spelling, and there is no second order.
            let is_next = marks.last().is_none_or(|last| last.log() < parsed.log());
            if !is_next || marks.len() == LOGS_MAX {
                return Err(InvalidSession);
            }
            marks.push(parsed);
        }
        Ok(Self { marks })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> impl Strategy<Value = Token> {
        (0..20_u128, 0..5_u64).prop_map(|(log, at)| {
            Token::new(LogId::new(uuid::Uuid::from_u128(log)), Position::new(at))
        })
    }

    fn session() -> impl Strategy<Value = Session> {
        prop::collection::vec(token(), 0..6).prop_map(|tokens| {
            let mut session = Session::new();
            for token in tokens {
                session.observe(token);
            }
            session
        })
    }

    fn merged(a: &Session, b: &Session) -> Session {
        let mut both = a.clone();
        both.observe(b);
        both
    }

    proptest! {
        #[test]
        fn sessions_merge_in_any_order_and_any_number_of_times(a in session(), b in session()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &a), merged(&a, &b));
        }

        #[test]
        fn a_session_survives_its_text(a in session()) {
            prop_assert_eq!(a.to_string().parse::<Session>().unwrap(), a);
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,80}") {
            if let Ok(session) = text.parse::<Session>() {
                prop_assert_eq!(session.to_string(), text);
            }
        }
    }

    #[test]
    fn a_text_that_was_made_up_is_refused() {
        let log = |n: u128| uuid::Uuid::from_u128(n);
        let many = (0..17).map(|n| format!("{}@1", log(n))).collect::<Vec<_>>().join(",");
        let [one, two] = [1, 2].map(|n| format!("{}@1", log(n)));
        for text in [
            "x",
            ",",
            &format!("{one},"),
            &format!("{two},{one}"),
            &format!("{one},{one}"),
            &one.replace("@1", "@01"),
            &one.replace("@1", "@+1"),
            &one.replace("@1", "@99999999999999999999999"),
            &one.replace('-', ""),
            &one.to_uppercase().replace("0000", "000A"),
            &many,
            &"x".repeat(1 << 20),
        ] {
            assert_eq!(text.parse::<Session>(), Err(InvalidSession), "{text}");
        }
    }
}
