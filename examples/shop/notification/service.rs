//! The face of the service.

use std::fmt;
use std::sync::Arc;

use freehold::{BackendError, Commit, Limits, MessageId, Repository, Service};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::aggregate::{Mail, Refusal};
use super::contracts::{Cause, Command, Customer, Database, Failure, Handle, Money, ServiceStore};
use super::mailbox::Mailbox;

/// The proof of being the Notification service; nothing outside this file can make one.
#[derive(Debug)]
pub struct NotificationOwner(());

impl Service for NotificationOwner {
    const NAME: &'static str = "notification";
}

/// The database of the Notification service, in nobody else's hands.
pub type NotificationStore = Handle<NotificationOwner>;

/// The Notification service.
pub struct NotificationService {
    owner: NotificationOwner,
    store: NotificationStore,
    mails: Repository<Mail>,
    mailbox: Mailbox,
}

impl NotificationService {
    /// Opens the service's database.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty database.
    pub async fn open(
        database: Database<NotificationOwner>,
    ) -> Result<NotificationStore, BackendError> {
        database.open(&NotificationOwner(()), Limits::default()).await
    }

    /// The service on its database, with its mailbox.
    #[must_use]
    pub fn new(store: NotificationStore, mailbox: Mailbox) -> Self {
        let owner = NotificationOwner(());
        let mails = Repository::new(Arc::clone(store.get(&owner)));
        Self { owner, store, mails, mailbox }
    }

    /// Tells the customer that the order is confirmed: puts the letter into the mailbox, and then writes down that it is there. `key`
    /// is that of the saga's step: asked again under it, the service finds what of the two has happened, and does the rest.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the mailbox or the database cannot be written; [`Failure::Refused`] if it is no key.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn mail(
        &self,
        command: &Command,
        key: &str,
        customer: Customer,
        total: &Money,
    ) -> Result<(), Failure> {
        let task = "put a letter into its mailbox";
        let key = Failure::received(NotificationOwner::NAME, key)?;
        // Who has read a letter may have taken it away: one that is written down is not posted again.
        let before = self.mails.load(command.invoice().stream()).await;
        let failed = |why: Cause| Failure::failed(NotificationOwner::NAME, task, why);
        if before.map_err(|why| failed(why.into()))?.is_mailed() {
            return Ok(());
        }
        let name = self.post(command, key.as_uuid(), customer, total).await?;
        let mailed = self
            .mails
            .execute(command.invoice().stream(), |mail: &Mail| {
                Ok::<_, Refusal>(mail.mailed(customer, &name))
            })
            .command_id(command.id())
            .metadata(command.metadata());
        let failed = |error| Failure::command(NotificationOwner::NAME, task, error);
        mailed.await.map(|_| ()).map_err(failed)
    }

    /// Puts the letter into the mailbox for which `message` asks, and says what is to be committed then: that it is there. If that
    /// is not committed, the same letter is posted again, and nothing happens to it.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the mailbox cannot be written.
    ///
    /// # Cancel safety
    /// The letter is there, or will be when the message is heard again.
    pub async fn to_mail(
        &self,
        command: &Command,
        message: MessageId,
        customer: Customer,
        total: &Money,
    ) -> Result<Commit, Failure> {
        let name = self.post(command, message.as_uuid(), customer, total).await?;
        let prepared = self
            .mails
            .execute(command.invoice().stream(), |mail: &Mail| {
                Ok::<_, Refusal>(mail.mailed(customer, &name))
            })
            .command_id(command.id())
            .metadata(command.metadata())
            .prepare();
        let failed = |error| Failure::command(NotificationOwner::NAME, "mark a letter", error);
        Ok(prepared.await.map_err(failed)?.into_commit())
    }

    /// Puts a letter into the mailbox, if it is not there, and returns its name.
    async fn post(
        &self,
        command: &Command,
        asked_under: Uuid,
        customer: Customer,
        total: &Money,
    ) -> Result<String, Failure> {
        let failed = |why: Cause| {
            Failure::failed(NotificationOwner::NAME, "put a letter into its mailbox", why)
        };
        let (name, text) = (Mailbox::name_of(asked_under), letter(command, customer, total));
        let (mailbox, file) = (self.mailbox.clone(), name.clone());
        let posted = spawn_blocking(move || mailbox.post(&file, &text)).await;
        posted.map_err(|why| failed(why.into()))?.map_err(|why| failed(why.into()))?;
        Ok(name)
    }

    /// The service's own database.
    pub(super) fn handle(&self) -> Arc<dyn ServiceStore> {
        Arc::clone(self.store.get(&self.owner))
    }
}

fn letter(command: &Command, customer: Customer, total: &Money) -> String {
    let invoice = command.invoice();
    let to = match customer {
        Customer::Guest => "our guest".to_owned(),
        Customer::Number(number) => format!("customer {number}"),
    };
    format!(
        "To: {to}\nSubject: your order {invoice}\n\nYour order {invoice} is confirmed. Its total is {total}.\n"
    )
}

impl fmt::Debug for NotificationService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationService")
            .field("mailbox", &self.mailbox)
            .finish_non_exhaustive()
    }
}
