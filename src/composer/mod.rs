//! Queries that span services: policies on any future, and a scope in which keys are asked for together.
//!
//! Data that is spread over services is put together where it is asked for. A [`Lookup`] is a service's
//! [`Source`](crate::source::Source) and how it is asked; [`compose`](compose()) lends a [`Scope`] to a body, which asks for
//! keys and awaits the parts:
//!
//! ```
//! use std::time::Duration;
//! use freehold::composer::{ComposeError, Composed, Lookup, compose, within};
//! # use freehold::source::{self, Answers, Call};
//! # #[derive(Clone)]
//! # struct Order { user: u64, codes: Vec<&'static str> }
//! # let orders = Lookup::new(source::from_fn("orders", |ids: Vec<u64>, _: Call| async move {
//! #     let order = Order { user: 17_850, codes: vec!["85123A", "71053", "85123A"] };
//! #     Ok(Answers::aligned(vec![Some(order); ids.len()]))
//! # }));
//! # let users = Lookup::new(source::from_fn("users", |ids: Vec<u64>, _: Call| async move {
//! #     Ok(Answers::keyed(ids.into_iter().map(|id| (id, format!("user {id}")))))
//! # }));
//! # let products = Lookup::new(source::from_fn("products", |_: Vec<&'static str>, _: Call| async move {
//! #     Err::<Answers<&'static str, String>, _>("down".into())
//! # }));
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn run(orders: Lookup<impl source::Source<Key = u64, Value = Order>>, users: Lookup<impl source::Source<Key = u64, Value = String>>,
//! #     products: Lookup<impl source::Source<Key = &'static str, Value = String>>) -> Result<(), ComposeError> {
//! let page = compose(within(Duration::from_millis(800)), async |cx| {
//!     let order = cx.get(&orders, 536_365).await?;                            // required
//!     let user = cx.get(&users, order.user);                                  // queued now
//!     let products = cx.all(&products, order.codes.clone()).optional();       // and these, for the same round
//!     Ok((user.await?.value, products.await.into_values()))
//! });
//! let Composed { value: (user, products), plan, degraded, .. } = page.await?;
//!
//! assert_eq!((user.as_str(), products), ("user 17850", vec![None, None, None]));
//! assert_eq!((plan.rounds(), plan.keys("products")), (2, 2));                 // a code that occurs twice is asked for once
//! assert_eq!(degraded[0].to_string(), "products: 3 missing (failed)");        // the answer came, and says what it lacks
//! # Ok(())
//! # }
//! # run(orders, users, products).unwrap();
//! ```
//!
//! # What a composition promises
//! - **The fewest calls.** Keys queue when they are asked for; once the body can go no further, all that is queued for a
//!   source is one call, or as few as its size admits. There is no timer to wait for, and no key is asked for twice.
//! - **It ends by its deadline**, with what it has: parts that did not come in time are missing like any others, and the body
//!   may answer without them if they are not required.
//! - **It says where each part came from**: [`Part`] by part, and together in [`Composed`].
//! - **All of it runs in the caller's task.** A part that nobody waits for any more is not fetched any more; dropping the
//!   composition drops its calls.
//! - **"There is none" is not "nobody knows".** How much a part matters is in the type of what is awaited: a required part is
//!   a `Result`, an optional one is not.
//!
//! To compose is right for look-ups of few keys whose answers must be current; what filters, joins or sorts many rows is a
//! [projection](crate::projection). A projection's view can be a source as well, so one can take the place of the other.
//!
//! Without a scope, [`ask`] puts the same policies on any future.

mod ask;
mod calls;
mod contract;
mod core;
mod drive;
mod error;
mod get;
mod keys;
mod loader;
mod lookup;
mod nested;
mod part;
mod places;
mod plan;
mod policy;
#[cfg(feature = "moka")]
mod remembered;
mod scope;
mod serve;
mod stale;
mod terms;

pub use ask::{Again, Answering, Ask, Last, Once, Search, ask, ask_again, find};
pub use contract::{Composer, ComposerExt};
pub use drive::{Composed, compose};
pub use error::{ComposeError, Limit};
pub use get::{All, Get};
pub use lookup::{Lookup, LookupBuilder, LookupOptions};
pub use nested::Nested;
pub use part::{Part, Parts};
pub use plan::{Plan, PlannedCall};
pub use policy::{Optional, OrValue, Policy, Required};
#[cfg(feature = "moka")]
pub use remembered::Remembered;
pub use scope::Scope;
pub use stale::StaleCache;
pub use terms::{ComposeLimits, Terms, within};
