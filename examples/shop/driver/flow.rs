//! The steps of an invoice.

use freehold::{InvalidMetadata, Token};

use super::super::contracts::{
    Clerk, Command, Customer, Failure, InvoiceNo, Step, articles, total, units_by_code,
};
use super::super::input::{Content, Invoice};
use super::super::inventory::aggregate::Answer as Reserving;
use super::super::inventory::service::InventoryService;
use super::super::order::events::{CancelReason, Intake, Nonsense};
use super::super::order::queries::{Open, OpenKind};
use super::super::order::service::OrderService;
use super::super::payment::aggregate::Answer as Charging;
use super::super::payment::service::PaymentService;
use super::super::products::service::ProductsService;
use super::super::users::service::UsersService;

/// Speaks to the services, which do not know of each other.
#[derive(Debug)]
pub struct Driver {
    clerk: Clerk,
    services: Services,
}

/// The services.
#[derive(Debug)]
pub struct Services {
    /// What becomes of an invoice.
    pub orders: OrderService,
    /// Goods.
    pub inventory: InventoryService,
    /// Money.
    pub payments: PaymentService,
    /// Customers.
    pub users: UsersService,
    /// The catalogue.
    pub products: ProductsService,
}

impl Driver {
    /// A driver of these services.
    ///
    /// # Errors
    /// [`InvalidMetadata`] never comes: its name fits.
    pub fn new(services: Services) -> Result<Self, InvalidMetadata> {
        Ok(Self { clerk: Clerk::new("shop")?, services })
    }

    /// The services.
    #[must_use]
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// The Order service.
    #[must_use]
    pub const fn orders(&self) -> &OrderService {
        &self.services.orders
    }

    /// The Inventory service.
    #[must_use]
    pub const fn inventory(&self) -> &InventoryService {
        &self.services.inventory
    }

    /// The Payment service.
    #[must_use]
    pub const fn payments(&self) -> &PaymentService {
        &self.services.payments
    }

    /// Records an invoice, and brings it to its end.
    ///
    /// # Errors
    /// [`Failure`] of a service; the invoice is then open, or was never begun.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the invoice open: [`Driver::finish`] it.
    pub async fn settle(&self, invoice: Invoice) -> Result<(), Failure> {
        let Invoice { number, customer, country, date, fingerprint, content } = invoice;
        let invoice = number.clone();
        let intake = |lines| Intake { invoice, customer, country, date, lines, fingerprint };
        match content {
            Content::Nonsense(reason) => {
                let command = self.clerk.asks(&number, Step::Reject);
                let Intake { invoice, customer, date, fingerprint, .. } = intake(Vec::new());
                let nonsense = Nonsense { invoice, customer, date, fingerprint, reason };
                self.services.orders.reject(&command, &nonsense).await
            }
            Content::Order(lines) => {
                let intake = intake(lines);
                self.services.orders.place(&self.clerk.asks(&number, Step::Place), &intake).await?;
                self.finish_order(&intake).await
            }
            Content::Return(lines) => {
                let intake = intake(lines);
                let command = self.clerk.asks(&number, Step::Announce);
                self.services.orders.announce_return(&command, &intake).await?;
                self.finish_return(&intake).await
            }
        }
    }

    /// Brings an invoice to its end that was recorded before, and perhaps has gone some steps.
    ///
    /// # Errors
    /// [`Failure`] of a service; the invoice is then still open.
    ///
    /// # Cancel safety
    /// As [`Driver::settle`].
    pub async fn finish(&self, open: Open) -> Result<(), Failure> {
        match open.kind {
            OpenKind::Order => self.finish_order(&open.intake).await,
            OpenKind::Return => self.finish_return(&open.intake).await,
        }
    }

    /// Ships a confirmed order.
    ///
    /// # Errors
    /// [`Failure::Refused`] unless it is confirmed.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn ship(&self, invoice: &InvoiceNo, tracking: &str) -> Result<(), Failure> {
        let command = self.clerk.asks(invoice, Step::Ship(tracking));
        self.services.orders.ship(&command, tracking).await
    }

    /// Gives a customer another name. Returns what to wait for to see it in a view, if anything happened.
    ///
    /// # Errors
    /// [`Failure::Refused`] if there is no such customer, or nobody is called so.
    ///
    /// # Cancel safety
    /// As [`Driver::ship`].
    pub async fn rename(&self, customer: Customer, name: &str) -> Result<Option<Token>, Failure> {
        self.services.users.rename(customer, name, self.clerk.says()).await
    }

    /// Reserve, charge, take, confirm; or cancel.
    async fn finish_order(&self, order: &Intake) -> Result<(), Failure> {
        let ask = |step| self.clerk.asks(&order.invoice, step);
        let goods = units_by_code(&order.lines);
        let command = ask(Step::Reserve);
        let reserve = self.services.inventory.reserve(&command, &goods);
        let (reserved, ()) = tokio::try_join!(reserve, self.introduce(order))?;
        match reserved {
            Reserving::Reserved => {}
            Reserving::OutOfStock => {
                return self.cancel(&ask(Step::Cancel), CancelReason::OutOfStock).await;
            }
        }
        let total = total(&order.lines);
        match self.services.payments.charge(&ask(Step::Charge), order.customer, &total).await? {
            Charging::Charged => {
                self.services.inventory.take(&ask(Step::Take)).await?;
                self.services.orders.confirm(&ask(Step::Confirm)).await
            }
            Charging::Declined => {
                self.services.inventory.release(&ask(Step::Release)).await?;
                self.cancel(&ask(Step::Cancel), CancelReason::PaymentDeclined).await
            }
        }
    }

    /// Tells who buys and what it is about to those who keep the customers and the catalogue. No step of the invoice
    /// waits for their answers, but the one that closes it.
    async fn introduce(&self, invoice: &Intake) -> Result<(), Failure> {
        let Services { users, products, .. } = &self.services;
        let ask = |step| self.clerk.asks(&invoice.invoice, step);
        let (register, list) = (ask(Step::Register), ask(Step::List));
        let articles = articles(&invoice.lines);
        tokio::try_join!(
            users.register(&register, invoice.customer),
            products.list(&list, &articles)
        )?;
        Ok(())
    }

    async fn cancel(&self, command: &Command, reason: CancelReason) -> Result<(), Failure> {
        self.services.orders.cancel(command, reason).await
    }

    /// Refund, restock, complete.
    async fn finish_return(&self, back: &Intake) -> Result<(), Failure> {
        let ask = |step| self.clerk.asks(&back.invoice, step);
        let (command, total) = (ask(Step::Refund), total(&back.lines));
        let refund = self.services.payments.refund(&command, back.customer, &total);
        tokio::try_join!(refund, self.introduce(back))?;
        let goods = units_by_code(&back.lines);
        self.services.inventory.restock(&ask(Step::Restock), &goods).await?;
        self.services.orders.complete_return(&ask(Step::Complete)).await
    }
}
