//! The trait of a query that spans services.

use super::drive::{Composed, compose};
use super::{ComposeError, Scope, Terms};

/// A query that spans services: it knows which parts it needs, and what to make of them.
///
/// ```
/// use std::time::Duration;
/// use freehold::composer::{ComposeError, Composer, ComposerExt, Lookup, Scope, within};
/// use freehold::source::{self, Answers, Call, FromFn, Source};
///
/// /// An order as its customer sees it.
/// struct Details {
///     number: u64,
///     customer: Option<String>,
/// }
///
/// struct OrderDetails<O: Source, U: Source> {
///     orders: Lookup<O>,
///     users: Lookup<U>,
/// }
///
/// impl<O, U> Composer for OrderDetails<O, U>
/// where
///     O: Source<Key = u64, Value = u64>,
///     U: Source<Key = u64, Value = String>,
/// {
///     const NAME: &'static str = "order_details";
///     type Query = u64;
///     type Answer = Details;
///
///     async fn compose(&self, cx: &Scope, number: u64) -> Result<Details, ComposeError> {
///         let user = cx.get(&self.orders, number).await?;
///         // The customer's name is nice to have.
///         let customer = cx.get(&self.users, *user).optional().await;
///         Ok(Details { number, customer: customer.value })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ComposeError> {
/// # let orders = source::from_fn("orders", |ids: Vec<u64>, _: Call| async move {
/// #     Ok(Answers::aligned(ids.into_iter().map(|id| Some(id % 10)).collect()))
/// # });
/// # let users = source::from_fn("users", |ids: Vec<u64>, _: Call| async move {
/// #     Ok(Answers::aligned(ids.into_iter().map(|id| Some(format!("user {id}"))).collect()))
/// # });
/// let details = OrderDetails { orders: Lookup::new(orders), users: Lookup::new(users) };
/// let found = details.run(within(Duration::from_millis(800)), 1234).await?;
/// assert_eq!((found.value.number, found.value.customer.as_deref()), (1234, Some("user 4")));
/// assert_eq!(found.plan.rounds(), 2);
/// # Ok(())
/// # }
/// ```
///
/// One composer may call another's [`compose`](Self::compose) with its own scope: their keys join the same calls. As a
/// [`Nested`](super::Nested) source it can be asked by key, with policies of its own.
pub trait Composer: Send + Sync + 'static {
    /// What the query is called.
    const NAME: &'static str;
    /// What is asked.
    type Query: Send;
    /// What is answered.
    type Answer: Send;

    /// Asks for the parts, and makes the answer of them. It has no effects: it may be dropped at any moment, and run again.
    fn compose(
        &self,
        cx: &Scope,
        query: Self::Query,
    ) -> impl Future<Output = Result<Self::Answer, ComposeError>> + Send;
}

/// What can be done with any [`Composer`].
pub trait ComposerExt: Composer + Sealed {
    /// Answers one query.
    fn run(
        &self,
        terms: Terms,
        query: Self::Query,
    ) -> impl Future<Output = Result<Composed<Self::Answer>, ComposeError>> + Send;
}

/// Nobody else implements the extension.
#[allow(unnameable_types, reason = "that is what seals a trait")]
pub trait Sealed {}

impl<C: Composer> Sealed for C {}

impl<C: Composer> ComposerExt for C {
    async fn run(
        &self,
        terms: Terms,
        query: C::Query,
    ) -> Result<Composed<C::Answer>, ComposeError> {
        compose(terms, async |cx| self.compose(cx, query).await).await
    }
}
