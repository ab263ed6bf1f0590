//! Data that is asked for by key, wherever it is: the contract between who asks and who answers.
//!
//! A [`Source`] is one service's data as others may see it: look-ups by key, many keys in one call. Whoever asks hands over
//! a [`Call`], which says until when an answer is of use and what the user has seen and done before; the source returns
//! [`Answers`], or a [`Failure`] says why not. [`composer`](crate::composer) asks; a projection's view can answer
//! ([`View::source`](crate::projection::View::source)), and so can a closure:
//!
//! ```
//! use freehold::source::{self, Answers, Call, Source};
//!
//! # #[derive(Clone)]
//! # struct Client;
//! # impl Client {
//! #     async fn names(&self, ids: &[u64]) -> Result<Vec<(u64, String)>, std::io::Error> {
//! #         Ok(ids.iter().map(|id| (*id, format!("user {id}"))).collect())
//! #     }
//! # }
//! # let client = Client;
//! let users = source::from_fn("users", move |ids: Vec<u64>, _call: Call| {
//!     let client = client.clone();
//!     // One call for all of them. Who is not in the answer does not exist.
//!     async move { Ok(Answers::keyed(client.names(&ids).await?)) }
//! });
//! assert_eq!(users.name(), "users");
//! ```

mod aligned;
mod answers;
mod call;
mod closure;
mod contract;
mod deadline;
mod failure;
mod origin;
#[cfg(feature = "tower")]
mod service;

pub(crate) use aligned::Aligned;
pub(crate) use answers::About;
pub use answers::Answers;
pub use call::Call;
pub use closure::{FromFn, from_fn};
pub use contract::Source;
pub use deadline::Deadline;
pub use failure::{Failure, Malformed};
pub use origin::{Origin, PartReport};
#[cfg(feature = "tower")]
pub use service::{Asked, FromService, from_service};
