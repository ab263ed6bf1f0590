//! Those who take part in a saga.

use std::sync::Arc;

use super::super::contracts::{Clerk, Command, InvoiceNo, Step};
use super::super::inventory::service::InventoryService;
use super::super::notification::service::NotificationService;
use super::super::order::service::OrderService;
use super::super::payment::service::PaymentService;
use super::super::products::service::ProductsService;
use super::super::users::service::UsersService;
use super::faults::Faults;

/// The services.
#[derive(Debug)]
pub struct Services {
    /// What becomes of an invoice.
    pub orders: Arc<OrderService>,
    /// Goods.
    pub inventory: Arc<InventoryService>,
    /// Money.
    pub payments: Arc<PaymentService>,
    /// Customers.
    pub users: Arc<UsersService>,
    /// The catalogue.
    pub products: Arc<ProductsService>,
    /// Letters.
    pub notifications: Arc<NotificationService>,
}

/// Those who take part in a saga: the services, which do not know of each other, who asks them, and what goes wrong between.
#[derive(Debug)]
pub struct Parties {
    pub(super) clerk: Clerk,
    pub(super) services: Services,
    pub(super) faults: Faults,
}

/// Every step has them.
pub(super) type Shared = Arc<Parties>;

impl Parties {
    pub(super) fn asks(&self, invoice: &InvoiceNo, step: Step<'_>) -> Command {
        self.clerk.asks(invoice, step)
    }
}
