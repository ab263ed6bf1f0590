//! The views as sources: what the services publish, kept beside each other in the gateway's own database.

use freehold::composer::{Lookup, LookupOptions};
use freehold::projection::ViewSource;

use super::super::contracts::Profile;
use super::super::reads::gateway::Gateway;
use super::super::reads::order_details::OrderDetails;
use super::super::reads::order_summary::{Entry, OrderSummary, Who};
use super::super::reads::stock::Stock;

/// The views, to be asked by key. They wait until they show what the session demands.
#[derive(Debug)]
pub struct FromViews {
    /// What is on an invoice, under the id of its stream.
    pub orders: Lookup<ViewSource<OrderDetails>>,
    /// Customers, under their numbers, among their orders.
    pub customers: Lookup<ViewSource<OrderSummary>>,
    /// Products, under the ids of their streams, with how much there is of them.
    pub products: Lookup<ViewSource<Stock>>,
}

impl FromViews {
    /// The views of the gateway.
    #[must_use]
    pub fn new(gateway: &Gateway, options: LookupOptions) -> Self {
        Self {
            orders: Lookup::builder(gateway.details().source()).options(options).build(),
            customers: Lookup::builder(gateway.summaries().source()).options(options).build(),
            products: Lookup::builder(gateway.stock().source()).options(options).build(),
        }
    }
}

/// The profile that an entry is, if it is one, and not of somebody who was forgotten.
#[must_use]
pub fn profile(entry: &Entry) -> Option<Profile> {
    match entry {
        Entry::Customer(Who { name, email }) => {
            let (name, email) = name.get().cloned().zip(email.get().cloned())?;
            Some(Profile { name, email })
        }
        Entry::Order(_) => None,
    }
}
