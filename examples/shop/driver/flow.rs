//! Leads invoices through their sagas.

use std::time::Duration;

use freehold::saga::{
    Ended, Found, GivenUp, RunningSagas, Saga, SagaId, SagaOptions, Sagas, StartError,
};
use freehold::{BackendError, Token};

use super::super::contracts::{Cause, Clerk, Command, Customer, Failure, InvoiceNo, Step};
use super::super::input::{Content, Invoice};
use super::super::inventory::service::InventoryService;
use super::super::order::events::{Intake, Nonsense};
use super::super::order::service::OrderService;
use super::super::payment::service::PaymentService;
use super::super::problem::Problem;
use super::faults::Faults;
use super::local::Parcel;
use super::parties::{Parties, Services, Shared};
use super::sagas::{Fulfilment, Returns, Shipping};

/// How long the sagas stand still that a process has left which was killed, unless somebody knows that it was.
const LEASE_TIME: Duration = Duration::from_secs(3);

/// Starts the sagas, and waits for them.
#[derive(Debug)]
pub struct Driver {
    parties: Shared,
    sagas: Sagas,
}

impl Driver {
    /// A driver of these services, between which `faults` go wrong on purpose.
    ///
    /// # Errors
    /// [`Problem::Other`] never comes: its name fits, and the sagas are well formed.
    pub fn new(services: Services, faults: Faults) -> Result<Self, Problem> {
        let with = Shared::new(Parties { clerk: Clerk::new("shop")?, services, faults });
        let malformed = |error| Problem::other("define its sagas", error);
        let options = SagaOptions { lease_time: LEASE_TIME, ..SagaOptions::default() };
        let sagas = with.services.orders.sagas().options(options);
        let sagas = sagas.saga(&Fulfilment(with.clone())).map_err(malformed)?;
        let sagas = sagas.saga(&Returns(with.clone())).map_err(malformed)?;
        let sagas = sagas.saga(&Shipping(with.clone())).map_err(malformed)?.build();
        Ok(Self { parties: with, sagas })
    }

    /// What is asked of Order for an invoice.
    #[must_use]
    pub fn asks(&self, invoice: &InvoiceNo, step: Step<'_>) -> Command {
        self.parties.asks(invoice, step)
    }

    /// The services.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.parties.services
    }

    /// The Order service.
    #[must_use]
    pub fn orders(&self) -> &OrderService {
        &self.parties.services.orders
    }

    /// The Inventory service.
    #[must_use]
    pub fn inventory(&self) -> &InventoryService {
        &self.parties.services.inventory
    }

    /// The Payment service.
    #[must_use]
    pub fn payments(&self) -> &PaymentService {
        &self.parties.services.payments
    }

    /// The sagas, which are in Order's log.
    #[must_use]
    pub const fn sagas(&self) -> &Sagas {
        &self.sagas
    }

    /// From now on, and as long as the handle lives, sagas are run: those that are started here, and those that are not over.
    ///
    /// # Errors
    /// [`BackendError`] never comes: the list of sagas has a good name.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn run(&self) -> Result<RunningSagas, BackendError> {
        self.sagas.run()
    }

    /// Records an invoice, and brings it to its end, or until its saga waits for an operator.
    ///
    /// # Errors
    /// [`Failure`] of a service; the invoice was then never begun, or goes on by itself.
    ///
    /// # Cancel safety
    /// An invoice that was begun goes on by itself, here or in the next process that runs sagas.
    pub async fn settle(&self, invoice: Invoice) -> Result<(), Failure> {
        let Invoice { number, customer, country, date, fingerprint, content } = invoice;
        let key = number.key();
        let command = self.parties.asks(&number, Step::Reject);
        let addressee = self.orders().addressee(customer).await?;
        let intake = |lines| {
            let invoice = number;
            Intake { invoice, customer, addressee, country, date, lines, fingerprint }
        };
        let id = match content {
            Content::Nonsense(reason) => {
                let Intake { invoice, customer, date, fingerprint, .. } = intake(Vec::new());
                let nonsense = Nonsense { invoice, customer, date, fingerprint, reason };
                return self.orders().reject(&command, &nonsense).await;
            }
            Content::Order(lines) => self.sagas.start::<Fulfilment>(&key, intake(lines)).await,
            Content::Return(lines) => self.sagas.start::<Returns>(&key, intake(lines)).await,
        };
        let id = id.map_err(|error| match error {
            StartError::Changed(_) => {
                Failure::refused("order", "the invoice is known, with other rows")
            }
            error => failed("start a saga", error),
        })?;
        self.rested(&id).await.map(drop)
    }

    /// Brings sagas to their ends, or until they wait for an operator, that an earlier process has left. It is no more.
    ///
    /// # Errors
    /// [`Failure::Failed`] if their log cannot be read.
    ///
    /// # Cancel safety
    /// They go on by themselves.
    pub async fn finish(&self, open: &[SagaId]) -> Result<(), Failure> {
        for id in open {
            self.sagas.take_over(id);
        }
        for id in open {
            self.rested(id).await?;
        }
        Ok(())
    }

    /// Ships a confirmed order.
    ///
    /// # Errors
    /// [`Failure::Refused`] unless it is confirmed.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn ship(&self, invoice: &InvoiceNo, tracking: &str) -> Result<(), Failure> {
        // What cannot be shipped now perhaps can be later: it begins no saga.
        let command = self.parties.asks(invoice, Step::Ship(tracking));
        let _: freehold::Commit = self.orders().ship(&command, tracking).await?;
        let parcel = Parcel { invoice: invoice.clone(), tracking: tracking.to_owned() };
        let started = self.sagas.start::<Shipping>(&invoice.key(), parcel).await;
        let id = started.map_err(|error| match error {
            StartError::Changed(_) => {
                Failure::refused("order", "the order is shipped with another tracking number")
            }
            error => failed("start a saga", error),
        })?;
        match self.rested(&id).await? {
            Found::Over(Ended::Completed) => Ok(()),
            Found::Open(listed) => {
                let why = listed.why.unwrap_or_default();
                Err(Failure::refused("order", &format!("it waits: {why}")))
            }
            _ => Err(Failure::refused("order", "the shipping was given up")),
        }
    }

    /// Gives a customer another name. Returns what to wait for to see it in a view, if anything happened.
    ///
    /// # Errors
    /// [`Failure::Refused`] if there is no such customer, or nobody is called so.
    ///
    /// # Cancel safety
    /// As [`Driver::ship`].
    pub async fn rename(&self, customer: Customer, name: &str) -> Result<Option<Token>, Failure> {
        self.services().users.rename(customer, name, self.parties.clerk.says()).await
    }

    /// Forgets a customer in all services that have something of them.
    ///
    /// # Errors
    /// [`Failure::Refused`] of a guest, who is nobody; [`Failure::Failed`] of a service.
    ///
    /// # Cancel safety
    /// Some of them may have forgotten; ask again.
    pub async fn forget(&self, customer: Customer) -> Result<(), Failure> {
        self.orders().forget(customer).await?;
        self.services().users.forget(customer).await
    }

    /// Why a saga was given up, if it was.
    ///
    /// # Errors
    /// [`Failure::Failed`] if its log cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn given_up(&self, id: &SagaId) -> Result<Option<GivenUp>, Failure> {
        self.orders().given_up(id).await
    }

    /// Waits until nothing more comes of a saga by itself.
    pub(super) async fn rested(&self, id: &SagaId) -> Result<Found, Failure> {
        self.sagas.rested(id).await.map_err(|error| failed("wait for a saga", error))
    }

    /// The saga with this id, if it is one.
    #[must_use]
    pub fn saga_called(text: &str) -> Option<SagaId> {
        let (name, key) = text.split_once('/')?;
        let names = [Fulfilment::NAME, Returns::NAME, Shipping::NAME];
        names.contains(&name).then(|| SagaId::new(name, key).ok()).flatten()
    }

    /// The saga of an invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] never comes: every number makes a key.
    pub fn saga_of(invoice: &InvoiceNo) -> Result<SagaId, Failure> {
        let name = if invoice.is_return() { Returns::NAME } else { Fulfilment::NAME };
        SagaId::new(name, &invoice.key()).map_err(|error| failed("name a saga", error))
    }
}

fn failed(task: &'static str, error: impl Into<Cause>) -> Failure {
    Failure::failed("order", task, error)
}
