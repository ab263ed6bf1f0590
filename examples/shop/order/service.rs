//! The face of the service: commands, each of which may be repeated.

use std::sync::Arc;

use freehold::saga::{GivenUp, SagaId, Sagas, SagasBuilder};
use freehold::{BackendError, Commit, Limits, Personal, Repository, Service};

use super::aggregate::{Order, Refusal};
use super::contracts::{
    Command, Customer, Database, Failure, Feed, Handle, Profile, Published, ServiceStore, forget,
};
use super::events::{CancelReason, Intake, Nonsense, OrderEvent};

/// The proof of being the Order service; nothing outside this file can make one.
#[derive(Debug)]
pub struct OrderOwner(());

impl Service for OrderOwner {
    const NAME: &'static str = "order";
}

/// The database of the Order service, in nobody else's hands. The sagas are in it, too.
pub type OrderStore = Handle<OrderOwner>;

/// The Order service.
///
/// What it does for a saga it hands out as a [`Commit`], which goes into its log together with the saga's own record of it, or
/// not at all.
#[derive(Debug)]
pub struct OrderService {
    owner: OrderOwner,
    store: OrderStore,
    orders: Repository<Order>,
}

impl OrderService {
    /// Opens the service's database.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty database.
    pub async fn open(database: Database<OrderOwner>) -> Result<OrderStore, BackendError> {
        // An order is one event, however many lines it has, and is placed in one commit with the saga's record.
        let limits = Limits {
            bytes_per_event_max: 64 << 20,
            bytes_per_message_max: 64 << 20,
            bytes_per_commit_max: 128 << 20,
            ..Limits::default()
        };
        database.open(&OrderOwner(()), limits).await
    }

    /// The service on its database.
    #[must_use]
    pub fn new(store: OrderStore) -> Self {
        let owner = OrderOwner(());
        let orders = Repository::new(Arc::clone(store.get(&owner)));
        Self { owner, store, orders }
    }

    /// Sagas that are kept in this service's log.
    pub fn sagas(&self) -> SagasBuilder {
        Sagas::builder(Arc::clone(self.store.get(&self.owner)))
    }

    /// Why a saga in this service's log was given up, if it was.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn given_up(&self, saga: &SagaId) -> Result<Option<GivenUp>, Failure> {
        let why = GivenUp::of(self.store.get(&self.owner), saga).await;
        why.map_err(|error| Failure::failed(OrderOwner::NAME, "read a saga", error))
    }

    /// Keeps an invoice that makes no sense.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is known with other rows.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn reject(&self, command: &Command, invoice: &Nonsense) -> Result<(), Failure> {
        let done = self
            .orders
            .execute(command.invoice().stream(), |order: &Order| order.reject(invoice))
            .command_id(command.id())
            .metadata(command.metadata());
        let failed = |error| Failure::command(OrderOwner::NAME, "reject an invoice", error);
        done.await.map(|_| ()).map_err(failed)
    }

    /// Places an order, when the commit is committed.
    ///
    /// # Errors
    /// [`Failure::Refused`] without lines, or if the invoice is known with other rows.
    ///
    /// # Cancel safety
    /// Nothing happens before the commit. So it is with all that follow.
    pub async fn place(&self, command: &Command, intake: &Intake) -> Result<Commit, Failure> {
        self.decide(command, "place an order", |order| order.place(intake)).await
    }

    /// Confirms a pending order.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it is cancelled.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn confirm(&self, command: &Command) -> Result<Commit, Failure> {
        self.decide(command, "confirm an order", Order::confirm).await
    }

    /// Cancels a pending order.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it is settled otherwise.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn cancel(&self, command: &Command, reason: CancelReason) -> Result<Commit, Failure> {
        self.decide(command, "cancel an order", |order| order.cancel(reason)).await
    }

    /// Ships a confirmed order. Twice with one tracking number is once.
    ///
    /// # Errors
    /// [`Failure::Refused`] unless it is confirmed.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn ship(&self, command: &Command, tracking: &str) -> Result<Commit, Failure> {
        self.decide(command, "ship an order", |order| order.ship(tracking)).await
    }

    /// Announces a return.
    ///
    /// # Errors
    /// [`Failure::Refused`] without lines, or if the invoice is known with other rows.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn announce_return(
        &self,
        command: &Command,
        intake: &Intake,
    ) -> Result<Commit, Failure> {
        self.decide(command, "announce a return", |order| order.announce_return(intake)).await
    }

    /// Completes a return.
    ///
    /// # Errors
    /// [`Failure::Refused`] unless it is a return.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn complete_return(&self, command: &Command) -> Result<Commit, Failure> {
        self.decide(command, "complete a return", Order::complete_return).await
    }

    /// Whom the parcels of a customer are addressed to; nobody, if it is a guest. Of who was forgotten nothing is written down again.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the service cannot tell.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn addressee(&self, customer: Customer) -> Result<Option<Personal<String>>, Failure> {
        let (Customer::Number(number), Some(subject)) = (customer, customer.subject()) else {
            return Ok(None);
        };
        let forgotten = self.store.get(&self.owner).has_forgotten(&subject).await;
        let failed = |error| Failure::failed(OrderOwner::NAME, "address a parcel", error);
        Ok(Some(if forgotten.map_err(failed)? {
            Personal::forgotten(subject)
        } else {
            Personal::new(subject, Profile::of_number(number).name)
        }))
    }

    /// Forgets a customer: whom their orders are addressed to.
    ///
    /// # Errors
    /// [`Failure::Refused`] of a guest, who is nobody; [`Failure::Failed`] if the service cannot.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn forget(&self, customer: Customer) -> Result<(), Failure> {
        forget(OrderOwner::NAME, &*self.handle(), customer).await
    }

    /// The service's events, for others to follow.
    #[must_use]
    pub fn published(&self) -> Published {
        Published::new(OrderOwner::NAME, self.store.get(&self.owner))
    }

    /// The orders.
    pub(super) const fn orders(&self) -> &Repository<Order> {
        &self.orders
    }

    /// The service's own database.
    pub(super) fn handle(&self) -> Arc<dyn ServiceStore> {
        Arc::clone(self.store.get(&self.owner))
    }

    /// The service's own events, and those of the sagas.
    pub(super) fn feed(&self) -> Feed<'_> {
        Feed::new(OrderOwner::NAME, self.store.get(&self.owner))
    }

    async fn decide(
        &self,
        command: &Command,
        task: &'static str,
        decide: impl Fn(&Order) -> Result<Vec<OrderEvent>, Refusal> + Send + Sync,
    ) -> Result<Commit, Failure> {
        let decided = self
            .orders
            .execute(command.invoice().stream(), decide)
            .command_id(command.id())
            .metadata(command.metadata())
            .prepare();
        match decided.await {
            Ok(prepared) => Ok(prepared.into_commit()),
            Err(error) => Err(Failure::command(OrderOwner::NAME, task, error)),
        }
    }
}
