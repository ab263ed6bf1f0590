//! The face of the service: commands, each of which may be repeated.

use std::collections::BTreeMap;
use std::sync::Arc;

use freehold::aggregate::{Finished, Options, Work, WorkError};
use freehold::saga::{Barrier, Do, Entered, Key, Leaving};
use freehold::{BackendError, Commit, Limits, Repository, Service, UnitOfWork};
use tokio::sync::OnceCell;

use super::aggregate::{Answer, Refusal, Reservation, Stock, Terms};
use super::contracts::{
    Cause, Command, Database, Failure, Feed, Handle, Published, ServiceStore, StockCode, Units,
};
use super::events::{Move, ReservationEvent, StockEvent};

/// The one stream of the terms.
const TERMS: &str = "shop";

/// The proof of being the Inventory service; nothing outside this file can make one.
#[derive(Debug)]
pub struct InventoryOwner(());

impl Service for InventoryOwner {
    const NAME: &'static str = "inventory";
}

/// The database of the Inventory service, in nobody else's hands.
pub type InventoryStore = Handle<InventoryOwner>;

/// How many units of which codes.
type Goods = BTreeMap<StockCode, Units>;

/// The Inventory service.
#[derive(Debug)]
pub struct InventoryService {
    owner: InventoryOwner,
    store: InventoryStore,
    /// Reservations and the like, which queue up together for popular codes.
    units: UnitOfWork,
    stocks: Repository<Stock>,
    reservations: Repository<Reservation>,
    /// Which reservations of sagas were asked for, and which were taken back.
    barrier: Barrier,
    terms: Repository<Terms>,
    /// What a code begins with, once it is agreed on: it never changes.
    at_first: OnceCell<Units>,
}

impl InventoryService {
    /// Opens the service's database.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty database.
    pub async fn open(database: Database<InventoryOwner>) -> Result<InventoryStore, BackendError> {
        // A reservation is one commit, however many codes it has.
        let limits = Limits {
            streams_per_commit_max: 200_000,
            events_per_commit_max: 400_000,
            bytes_per_event_max: 64 << 20,
            bytes_per_commit_max: 256 << 20,
            ..Limits::default()
        };
        database.open(&InventoryOwner(()), limits).await
    }

    /// The service on its database.
    #[must_use]
    pub fn new(store: InventoryStore) -> Self {
        let owner = InventoryOwner(());
        let handle = store.get(&owner);
        // Every code of a shop has its state in memory, so that a reservation reads nothing.
        let options = Options { cached_states_max: 65_536, ..Options::default() };
        let stocks = Repository::with_options(handle.clone(), options);
        let reservations = Repository::new(handle.clone());
        let terms = Repository::new(handle.clone());
        let (units, barrier) = (UnitOfWork::new(handle.clone()), Barrier::new(handle.clone()));
        let at_first = OnceCell::new();
        Self { owner, store, units, stocks, reservations, barrier, terms, at_first }
    }

    /// How many units there are of a code when it is first met, if that is agreed on.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn agreed(&self) -> Result<Option<u64>, Failure> {
        match self.terms.load(TERMS).await {
            Ok(terms) => Ok(terms.units_per_code()),
            Err(error) => Err(Failure::failed(InventoryOwner::NAME, "read its terms", error)),
        }
    }

    /// Agrees on how many units there are of a code when it is first met, once and for all.
    ///
    /// # Errors
    /// [`Failure::Refused`] if another number was agreed on.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once. So it is with every command here.
    pub async fn agree(&self, units_per_code: u64) -> Result<(), Failure> {
        match self.terms.execute(TERMS, |terms| terms.agree(units_per_code)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::command(InventoryOwner::NAME, "agree on terms", error)),
        }
    }

    /// Reserves all of `goods`, or nothing. Either way the codes are known from then on. `key` is that of the saga's step: asked
    /// again under it, also late, the service gives the same answer.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is a return, or the reservation was taken back before it came.
    ///
    /// # Cancel safety
    /// As [`InventoryService::agree`].
    pub async fn reserve(
        &self,
        command: &Command,
        key: &str,
        goods: &Goods,
    ) -> Result<Answer, Failure> {
        let (at_first, task) = (self.at_first().await?, "reserve goods");
        let action = Failure::received(InventoryOwner::NAME, key)?;
        let entered = self.barrier.enter::<()>(&action, goods).await;
        let failed = |error| Failure::barrier(InventoryOwner::NAME, task, error);
        let mark = match entered.map_err(failed)? {
            Entered::First(pass) => pass.commit(&()).map_err(failed)?,
            Entered::Before(()) => return self.answered(command).await,
            _ => return Err(Failure::refused(InventoryOwner::NAME, "it was taken back before")),
        };
        let body = async |work: &mut Work| self.reserve_in(work, command, goods, at_first).await;
        match self.run(command, mark, task, body).await?.into_value() {
            Some(answer) => Ok(answer),
            // Another run of this very command was faster.
            None => self.answered(command).await,
        }
    }

    /// Lets what was reserved leave the shop.
    ///
    /// # Errors
    /// [`Failure::Refused`] if nothing is reserved, or it was released.
    ///
    /// # Cancel safety
    /// As [`InventoryService::agree`].
    pub async fn take(&self, command: &Command) -> Result<(), Failure> {
        let body = async |work: &mut Work| self.take_in(work, command).await;
        self.run(command, Commit::new(), "take goods", body).await.map(|_| ())
    }

    /// Takes the reservation back that was asked for under `key`, whether it was made, or was not, or is yet to come: it has
    /// no effect then.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the goods have left the shop.
    ///
    /// # Cancel safety
    /// As [`InventoryService::agree`].
    pub async fn release(&self, command: &Command, key: &str) -> Result<(), Failure> {
        let task = "release goods";
        let failed = |error| Failure::barrier(InventoryOwner::NAME, task, error);
        let action: Key<Do> = Failure::received(InventoryOwner::NAME, key)?;
        let mark = match self.barrier.leave::<()>(&action).await.map_err(failed)? {
            Leaving::Happened((), pass) | Leaving::Never(pass) => pass.commit(&()),
            _ => return Ok(()),
        };
        let body = async |work: &mut Work| self.release_in(work, command).await;
        self.run(command, mark.map_err(failed)?, task, body).await.map(|_| ())
    }

    /// Puts the goods of a return back.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is an order.
    ///
    /// # Cancel safety
    /// As [`InventoryService::agree`].
    pub async fn restock(&self, command: &Command, goods: &Goods) -> Result<(), Failure> {
        let at_first = self.at_first().await?;
        let body = async |work: &mut Work| self.restock_in(work, command, goods, at_first).await;
        self.run(command, Commit::new(), "restock goods", body).await.map(|_| ())
    }

    /// What reserves all of `goods` or nothing, when the commit is committed, and which of the two.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is a return.
    ///
    /// # Cancel safety
    /// Nothing happens before the commit. So it is with all that follow.
    pub async fn to_reserve(
        &self,
        command: &Command,
        goods: &Goods,
    ) -> Result<(Answer, Commit), Failure> {
        let at_first = self.at_first().await?;
        let body = async |work: &mut Work| self.reserve_in(work, command, goods, at_first).await;
        self.prepare(command, "reserve goods", body).await
    }

    /// What lets leave the shop what was reserved, when the commit is committed.
    ///
    /// # Errors
    /// [`Failure::Refused`] if nothing is reserved, or it was released.
    ///
    /// # Cancel safety
    /// As [`InventoryService::to_reserve`].
    pub async fn to_take(&self, command: &Command) -> Result<Commit, Failure> {
        let body = async |work: &mut Work| self.take_in(work, command).await;
        Ok(self.prepare(command, "take goods", body).await?.1)
    }

    /// What takes a reservation back, when the commit is committed.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the goods have left the shop.
    ///
    /// # Cancel safety
    /// As [`InventoryService::to_reserve`].
    pub async fn to_release(&self, command: &Command) -> Result<Commit, Failure> {
        let body = async |work: &mut Work| self.release_in(work, command).await;
        Ok(self.prepare(command, "release goods", body).await?.1)
    }

    /// What puts the goods of a return back, when the commit is committed.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is an order.
    ///
    /// # Cancel safety
    /// As [`InventoryService::to_reserve`].
    pub async fn to_restock(&self, command: &Command, goods: &Goods) -> Result<Commit, Failure> {
        let at_first = self.at_first().await?;
        let body = async |work: &mut Work| self.restock_in(work, command, goods, at_first).await;
        Ok(self.prepare(command, "restock goods", body).await?.1)
    }

    /// The service's events, for others to follow.
    #[must_use]
    pub fn published(&self) -> Published {
        Published::new(InventoryOwner::NAME, self.store.get(&self.owner))
    }

    /// The service's own events.
    pub(super) fn feed(&self) -> Feed<'_> {
        Feed::new(InventoryOwner::NAME, self.store.get(&self.owner))
    }

    /// The service's own database.
    pub(super) fn handle(&self) -> Arc<dyn ServiceStore> {
        Arc::clone(self.store.get(&self.owner))
    }

    async fn at_first(&self) -> Result<Units, Failure> {
        let read = async || {
            let agreed = self.agreed().await?.map(Units::new);
            agreed.ok_or_else(|| Failure::Refused {
                service: InventoryOwner::NAME,
                reason: "no terms are agreed on".to_owned(),
            })
        };
        self.at_first.get_or_try_init(read).await.copied()
    }

    async fn reserve_in(
        &self,
        work: &mut Work,
        command: &Command,
        goods: &Goods,
        at_first: Units,
    ) -> Result<Answer, WorkError<Refusal>> {
        let invoice = command.invoice();
        let before = work.load(&self.reservations, invoice.stream()).await?;
        if let Some(answer) = before.answered().map_err(WorkError::Rejected)? {
            return Ok(answer);
        }
        let mut short = None;
        for (code, units) in goods {
            let stock = work.load(&self.stocks, code.stream()).await?;
            if stock.available(at_first) < *units {
                short = Some(code);
                break;
            }
        }
        let event = match short {
            None => ReservationEvent::ReservationMade { goods: goods.clone() },
            Some(short) => ReservationEvent::ReservationRefused { short: short.clone() },
        };
        work.execute(&self.reservations, invoice.stream(), |_| Ok(vec![event])).await?;
        for (code, units) in goods {
            let decide = |stock: &Stock| match short {
                None => stock.reserve(code, Move::new(invoice, *units), at_first),
                Some(_) => Ok(stock.meet(at_first)),
            };
            work.execute(&self.stocks, code.stream(), decide).await?;
        }
        Ok(if short.is_none() { Answer::Reserved } else { Answer::OutOfStock })
    }

    /// What a reservation was answered that was asked for before: it stands in the reservation.
    async fn answered(&self, command: &Command) -> Result<Answer, Failure> {
        let failed = |error: Cause| Failure::failed(InventoryOwner::NAME, "reserve goods", error);
        let before = self.reservations.load(command.invoice().stream()).await;
        match before.map_err(|error| failed(error.into()))?.answered() {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(failed(Refusal::NoReservation.into())),
            Err(refusal) => Err(failed(refusal.into())),
        }
    }

    async fn take_in(&self, work: &mut Work, command: &Command) -> Result<(), WorkError<Refusal>> {
        let before = work.load(&self.reservations, command.invoice().stream()).await?;
        let goods = before.to_take().map_err(WorkError::Rejected)?;
        self.settle_in(work, command, goods, &ReservationEvent::ReservationTaken, Stock::take).await
    }

    async fn release_in(
        &self,
        work: &mut Work,
        command: &Command,
    ) -> Result<(), WorkError<Refusal>> {
        let before = work.load(&self.reservations, command.invoice().stream()).await?;
        let goods = before.to_release().map_err(WorkError::Rejected)?;
        let event = ReservationEvent::ReservationReleased;
        self.settle_in(work, command, goods, &event, Stock::release).await
    }

    async fn restock_in(
        &self,
        work: &mut Work,
        command: &Command,
        goods: &Goods,
        at_first: Units,
    ) -> Result<(), WorkError<Refusal>> {
        let invoice = command.invoice();
        let before = work.load(&self.reservations, invoice.stream()).await?;
        let events = before.restock(goods).map_err(WorkError::Rejected)?;
        if events.is_empty() {
            return Ok(());
        }
        work.execute(&self.reservations, invoice.stream(), |_| Ok(events)).await?;
        for (code, units) in goods {
            let back = Move::new(invoice, *units);
            let decide = |stock: &Stock| Ok(stock.put_back(back, at_first));
            work.execute(&self.stocks, code.stream(), decide).await?;
        }
        Ok(())
    }

    /// Settles a reservation with `event`, and each of its codes by `decide`; nothing without goods.
    async fn settle_in(
        &self,
        work: &mut Work,
        command: &Command,
        goods: Option<Goods>,
        event: &ReservationEvent,
        decide: impl Fn(&Stock, Move) -> Result<Vec<StockEvent>, Refusal>,
    ) -> Result<(), WorkError<Refusal>> {
        let (Some(goods), invoice) = (goods, command.invoice()) else { return Ok(()) };
        let events = vec![event.clone()];
        work.execute(&self.reservations, invoice.stream(), |_| Ok(events)).await?;
        for (code, units) in goods {
            let goods = Move::new(invoice, units);
            work.execute(&self.stocks, code.stream(), |stock| decide(stock, goods)).await?;
        }
        Ok(())
    }

    /// Runs a unit of work, and commits `mark` with it.
    async fn run<T>(
        &self,
        command: &Command,
        mark: Commit,
        task: &'static str,
        body: impl AsyncFn(&mut Work) -> Result<T, WorkError<Refusal>> + Clone,
    ) -> Result<Finished<T>, Failure> {
        let unit = self.units.clone().command_id(command.id()).metadata(command.metadata());
        let done = unit.with(mark).run(body).await;
        done.map_err(|error| Failure::work(InventoryOwner::NAME, task, error))
    }

    /// The same as a commit for somebody else to commit.
    async fn prepare<T>(
        &self,
        command: &Command,
        task: &'static str,
        body: impl AsyncFn(&mut Work) -> Result<T, WorkError<Refusal>>,
    ) -> Result<(T, Commit), Failure> {
        let unit = self.units.clone().command_id(command.id()).metadata(command.metadata());
        let done = unit.prepare(body).await;
        done.map_err(|error| Failure::work(InventoryOwner::NAME, task, error))
    }
}
