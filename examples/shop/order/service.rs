//! The face of the service: commands, each of which may be repeated.

use freehold::aggregate::Options;
use freehold::{BackendError, Limits, Repository, Service};

use super::aggregate::{Order, Refusal};
use super::contracts::{Command, Database, Failure, Feed, Handle, Published};
use super::events::{CancelReason, Intake, Nonsense, OrderEvent};

/// The proof of being the Order service; nothing outside this file can make one.
#[derive(Debug)]
pub struct OrderOwner(());

impl Service for OrderOwner {
    const NAME: &'static str = "order";
}

/// The database of the Order service, in nobody else's hands.
pub type OrderStore = Handle<OrderOwner>;

/// The Order service.
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
        // An order is one event, however many lines it has.
        let limits = Limits {
            bytes_per_event_max: 64 << 20,
            bytes_per_commit_max: 64 << 20,
            ..Limits::default()
        };
        database.open(&OrderOwner(()), limits).await
    }

    /// The service on its database.
    #[must_use]
    pub fn new(store: OrderStore) -> Self {
        let owner = OrderOwner(());
        let orders = Repository::with_options(store.get(&owner).clone(), Options::default());
        Self { owner, store, orders }
    }

    /// Places an order.
    ///
    /// # Errors
    /// [`Failure::Refused`] without lines, or if the invoice is known with other rows.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once. So it is with every command here.
    pub async fn place(&self, command: &Command, intake: &Intake) -> Result<(), Failure> {
        self.run(command, "place an order", |order| order.place(intake)).await
    }

    /// Keeps an invoice that makes no sense.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is known with other rows.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn reject(&self, command: &Command, invoice: &Nonsense) -> Result<(), Failure> {
        self.run(command, "reject an invoice", |order| order.reject(invoice)).await
    }

    /// Confirms a pending order.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it is settled otherwise.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn confirm(&self, command: &Command) -> Result<(), Failure> {
        self.run(command, "confirm an order", Order::confirm).await
    }

    /// Cancels a pending order.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it is settled otherwise.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn cancel(&self, command: &Command, reason: CancelReason) -> Result<(), Failure> {
        self.run(command, "cancel an order", |order| order.cancel(reason)).await
    }

    /// Ships a confirmed order. Twice with one tracking number is once.
    ///
    /// # Errors
    /// [`Failure::Refused`] unless it is confirmed.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn ship(&self, command: &Command, tracking: &str) -> Result<(), Failure> {
        self.run(command, "ship an order", |order| order.ship(tracking)).await
    }

    /// Announces a return.
    ///
    /// # Errors
    /// [`Failure::Refused`] without lines, or if the invoice is known with other rows.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn announce_return(&self, command: &Command, intake: &Intake) -> Result<(), Failure> {
        self.run(command, "announce a return", |order| order.announce_return(intake)).await
    }

    /// Completes a return.
    ///
    /// # Errors
    /// [`Failure::Refused`] unless it is a return.
    ///
    /// # Cancel safety
    /// As [`OrderService::place`].
    pub async fn complete_return(&self, command: &Command) -> Result<(), Failure> {
        self.run(command, "complete a return", Order::complete_return).await
    }

    /// The service's events, for others to follow.
    #[must_use]
    pub fn published(&self) -> Published {
        Published::new(OrderOwner::NAME, self.store.get(&self.owner))
    }

    /// The service's own events.
    pub(super) fn feed(&self) -> Feed<'_> {
        Feed::new(OrderOwner::NAME, self.store.get(&self.owner))
    }

    async fn run(
        &self,
        command: &Command,
        task: &'static str,
        decide: impl Fn(&Order) -> Result<Vec<OrderEvent>, Refusal> + Send + Sync,
    ) -> Result<(), Failure> {
        let invoice = command.invoice().stream();
        let done = self
            .orders
            .execute(invoice, decide)
            .command_id(command.id())
            .metadata(command.metadata());
        match done.await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::command(OrderOwner::NAME, task, error)),
        }
    }
}
