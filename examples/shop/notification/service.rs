//! The face of the service.

use std::fmt;
use std::sync::Arc;

use freehold::{BackendError, Commit, Limits, MessageId, Repository, Service};
use tokio::task::spawn_blocking;

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
        let failed = |why: Cause| {
            Failure::failed(NotificationOwner::NAME, "put a letter into its mailbox", why)
        };
        let (name, text) = (Mailbox::name_of(message), letter(command, customer, total));
        let (mailbox, file) = (self.mailbox.clone(), name.clone());
        let posted = spawn_blocking(move || mailbox.post(&file, &text)).await;
        posted.map_err(|why| failed(why.into()))?.map_err(|why| failed(why.into()))?;
        let prepared = self
            .mails
            .execute(command.invoice().stream(), |mail: &Mail| {
                Ok::<_, Refusal>(mail.mailed(customer, &name))
            })
            .command_id(command.id())
            .metadata(command.metadata())
            .prepare();
        Ok(prepared.await.map_err(|why| failed(why.into()))?.into_commit())
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
