//! How fresh a read is, and how to wait until it is fresh enough.
//!
//! A commit returns a [`Token`](crate::Token): which log, and up to where. A [`Session`] gathers the tokens of one user,
//! one mark for each log, and travels in one header. A reader that has seen the session's marks has seen all that the
//! user has done: it reads its own writes, and never goes back in time.
//!
//! How far a consumer has come is its [`Progress`]: it is told of every step, and wakes those who wait for a place in the
//! log, in the order of the places, and only those whose place was reached. Whoever waits for a view ends: with [`Reached`], or
//! with the reason why not ([`Behind`]).

mod behind;
mod lag;
mod progress;
mod session;
mod wait;

pub use behind::{Behind, Reached};
pub use lag::Lag;
pub use progress::Progress;
pub(crate) use progress::{Activity, Part, applying};
pub use session::{InvalidSession, Session};
