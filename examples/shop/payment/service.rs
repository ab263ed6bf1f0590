//! The face of the service: commands, each of which may be repeated.

use std::sync::Arc;

use freehold::aggregate::{ExecuteError, Prepared};
use freehold::event::{self, EventError};
use freehold::saga::{Again, Barrier, Failure as Ended, Local};
use freehold::{
    Aggregate, BackendError, Commit, Event, EventId, ExpectedVersion, InvalidStreamId, Limits,
    Repository, Service, Store, StreamId,
};
use tokio::sync::OnceCell;

use super::aggregate::{Answer, Payment, Refusal, Terms};
use super::contracts::{
    Cause, Command, Customer, Database, Failure, Feed, Handle, Money, ServiceStore,
};
use super::events::{Account, EntryEvent, PaymentEvent};

/// The one stream of the terms.
const TERMS: &str = "shop";

/// The proof of being the Payment service; nothing outside this file can make one.
#[derive(Debug)]
pub struct PaymentOwner(());

impl Service for PaymentOwner {
    const NAME: &'static str = "payment";
}

/// The database of the Payment service, in nobody else's hands.
pub type PaymentStore = Handle<PaymentOwner>;

/// The Payment service.
#[derive(Debug)]
pub struct PaymentService {
    owner: PaymentOwner,
    store: PaymentStore,
    payments: Repository<Payment>,
    /// Which charges of sagas were asked for, and which were given back.
    barrier: Barrier,
    terms: Repository<Terms>,
    /// The highest total that a card is charged, once it is agreed on: it never changes.
    card_limit: OnceCell<Money>,
}

impl PaymentService {
    /// Opens the service's database.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty database.
    pub async fn open(database: Database<PaymentOwner>) -> Result<PaymentStore, BackendError> {
        database.open(&PaymentOwner(()), Limits::default()).await
    }

    /// The service on its database.
    #[must_use]
    pub fn new(store: PaymentStore) -> Self {
        let owner = PaymentOwner(());
        let handle = store.get(&owner);
        let payments = Repository::new(handle.clone());
        let terms = Repository::new(handle.clone());
        let barrier = Barrier::new(handle.clone());
        Self { owner, store, payments, barrier, terms, card_limit: OnceCell::new() }
    }

    /// The highest total that a card is charged, if that is agreed on.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn agreed(&self) -> Result<Option<Money>, Failure> {
        match self.terms.load(TERMS).await {
            Ok(terms) => Ok(terms.card_limit().cloned()),
            Err(error) => Err(Failure::failed(PaymentOwner::NAME, "read its terms", error)),
        }
    }

    /// Agrees on the highest total that a card is charged, once and for all.
    ///
    /// # Errors
    /// [`Failure::Refused`] if another limit was agreed on.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once. So it is with every command here.
    pub async fn agree(&self, card_limit: &Money) -> Result<(), Failure> {
        match self.terms.execute(TERMS, |terms| terms.agree(card_limit)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::command(PaymentOwner::NAME, "agree on terms", error)),
        }
    }

    /// Charges the customer's card, or declines if the amount is above the limit. `key` is that of the saga's step: asked again
    /// under it, also late, the service gives the same answer.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is a return, or the charge was given back before it came.
    ///
    /// # Cancel safety
    /// As [`PaymentService::agree`].
    pub async fn charge(
        &self,
        command: &Command,
        key: &str,
        customer: Customer,
        amount: &Money,
    ) -> Result<Answer, Failure> {
        let (limit, task) = (self.card_limit().await?, "charge a card");
        let action = Failure::received(PaymentOwner::NAME, key)?;
        let decide = |payment: &Payment| payment.charge(customer, amount, limit);
        let charge = || async {
            let prepared = self.prepare(command, decide).await.map_err(|error| match error {
                ExecuteError::Rejected(refusal) => Ended::Rejected(refusal),
                error => Ended::transient(error),
            })?;
            let answer = answer_of(&prepared).ok_or_else(|| Ended::broken("it has no answer"))?;
            Ok(Local::new(answer, with_entries(prepared, command).map_err(Ended::broken)?))
        };
        let charged = self.barrier.act(&action, &(customer, amount), charge).await;
        charged.map_err(|error| Failure::act::<Refusal>(PaymentOwner::NAME, task, error))
    }

    /// Gives back what was charged under `key`, whether it was charged, or was not, or is yet to come: it has no effect then.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is a return.
    ///
    /// # Cancel safety
    /// As [`PaymentService::agree`].
    pub async fn reverse(
        &self,
        command: &Command,
        key: &str,
        customer: Customer,
        amount: &Money,
    ) -> Result<(), Failure> {
        let action = Failure::received(PaymentOwner::NAME, key)?;
        let decide = |payment: &Payment| payment.reverse(customer, amount);
        let reverse = |_: Answer| async {
            let prepared = self.prepare(command, decide).await.map_err(|error| match error {
                ExecuteError::Rejected(refusal) => Again::broken(refusal),
                error => Again::transient(error),
            })?;
            with_entries(prepared, command).map_err(Again::broken)
        };
        let reversed = self.barrier.undo(&action, reverse).await;
        reversed.map_err(|error| Failure::undo(PaymentOwner::NAME, "give a charge back", error))
    }

    /// Pays the total of a return back.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is an order.
    ///
    /// # Cancel safety
    /// As [`PaymentService::agree`].
    pub async fn refund(
        &self,
        command: &Command,
        customer: Customer,
        amount: &Money,
    ) -> Result<(), Failure> {
        let commit = self.to_refund(command, customer, amount).await?;
        let done = self.store.get(&self.owner).commit(commit).await;
        done.map(drop).map_err(|error| Failure::failed(PaymentOwner::NAME, "pay back", error))
    }

    /// What charges the customer's card or declines, when the commit is committed, and which of the two.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is a return, or the charge was given back.
    ///
    /// # Cancel safety
    /// Nothing happens before the commit.
    pub async fn to_charge(
        &self,
        command: &Command,
        customer: Customer,
        amount: &Money,
    ) -> Result<(Answer, Commit), Failure> {
        let (limit, task) = (self.card_limit().await?, "charge a card");
        let decide = |payment: &Payment| payment.charge(customer, amount, limit);
        let prepared = self.decide(command, task, decide).await?;
        let failed = |why: Cause| Failure::failed(PaymentOwner::NAME, task, why);
        let answer = answer_of(&prepared).ok_or_else(|| failed("it has no answer".into()))?;
        let commit = with_entries(prepared, command).map_err(|why| failed(why.into()))?;
        Ok((answer, commit))
    }

    /// What pays the total of a return back, when the commit is committed.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invoice is an order.
    ///
    /// # Cancel safety
    /// As [`PaymentService::to_charge`].
    pub async fn to_refund(
        &self,
        command: &Command,
        customer: Customer,
        amount: &Money,
    ) -> Result<Commit, Failure> {
        let task = "pay back";
        let decide = |payment: &Payment| payment.refund(customer, amount);
        let prepared = self.decide(command, task, decide).await?;
        let failed = |why| Failure::failed(PaymentOwner::NAME, task, why);
        with_entries(prepared, command).map_err(failed)
    }

    /// The service's own events.
    pub(super) fn feed(&self) -> Feed<'_> {
        Feed::new(PaymentOwner::NAME, self.store.get(&self.owner))
    }

    /// The service's own database.
    pub(super) fn handle(&self) -> Arc<dyn ServiceStore> {
        Arc::clone(self.store.get(&self.owner))
    }

    async fn card_limit(&self) -> Result<&Money, Failure> {
        let read = async || {
            let agreed = self.agreed().await?;
            agreed.ok_or_else(|| Failure::Refused {
                service: PaymentOwner::NAME,
                reason: "no terms are agreed on".to_owned(),
            })
        };
        self.card_limit.get_or_try_init(read).await
    }

    async fn decide(
        &self,
        command: &Command,
        task: &'static str,
        decide: impl Fn(&Payment) -> Result<Vec<PaymentEvent>, Refusal> + Send + Sync,
    ) -> Result<Prepared<Payment>, Failure> {
        let prepared = self.prepare(command, decide).await;
        prepared.map_err(|error| Failure::command(PaymentOwner::NAME, task, error))
    }

    /// Decides on the payment of the invoice, and commits nothing.
    async fn prepare(
        &self,
        command: &Command,
        decide: impl Fn(&Payment) -> Result<Vec<PaymentEvent>, Refusal> + Send + Sync,
    ) -> Result<Prepared<Payment>, ExecuteError<Refusal>> {
        let command_of = self.payments.execute(command.invoice().stream(), decide);
        command_of.command_id(command.id()).metadata(command.metadata()).prepare().await
    }
}

/// What a charge was answered, when its decision is committed.
fn answer_of(prepared: &Prepared<Payment>) -> Option<Answer> {
    let mut payment = **prepared.before();
    prepared.events().iter().for_each(|event| Aggregate::apply(&mut payment, event));
    payment.answer()
}

/// Why an entry cannot be made.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error(transparent)]
    Account(#[from] InvalidStreamId),
}

/// The payment's commit, and in it the two entries of each transfer. An entry is true whatever the balance
/// is, so it expects no version of its account: charges never wait for each other, though all of them
/// credit the sales.
fn with_entries(prepared: Prepared<Payment>, command: &Command) -> Result<Commit, EntryError> {
    let mut next = prepared.events().len() as u64;
    let mut entries = Commit::new();
    for event in prepared.events() {
        let transfer = match event {
            PaymentEvent::PaymentProcessed(transfer)
            | PaymentEvent::PaymentReversed(transfer)
            | PaymentEvent::PaymentRefunded(transfer) => transfer,
            PaymentEvent::PaymentFailed { .. } => continue,
        };
        let amount = || transfer.amount.clone();
        let both: [(Account, EntryEvent); 2] = [
            (transfer.debit, EntryEvent::Debited { amount: amount() }),
            (transfer.credit, EntryEvent::Credited { amount: amount() }),
        ];
        for (account, entry) in both {
            let stream = StreamId::new(EntryEvent::CATEGORY, account.stream())?;
            // The ids of the payment's own events come first.
            let entry = event::encode(&entry, EventId::of_command(command.id(), next))?;
            next += 1;
            let entry = entry.with_metadata(command.metadata());
            entries = entries.append(&stream, ExpectedVersion::Any, [entry]);
        }
    }
    Ok(prepared.into_commit().and(entries))
}
