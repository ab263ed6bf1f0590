//! The face of the service: commands, each of which may be repeated.

use std::convert::Infallible;
use std::sync::Arc;

use freehold::aggregate::Options;
use freehold::{BackendError, Commit, Limits, Metadata, Personal, Repository, Service, Token};

use super::aggregate::User;
use super::contracts::{
    Command, Customer, Database, Failure, Feed, Handle, Profile, Published, ServiceStore, forget,
};

/// How many customers' profiles are kept in memory, so that whoever is known costs no reading.
const CACHED_USERS_MAX: usize = 65_536;

/// The proof of being the Users service; nothing outside this file can make one.
#[derive(Debug)]
pub struct UsersOwner(());

impl Service for UsersOwner {
    const NAME: &'static str = "users";
}

/// The database of the Users service, in nobody else's hands.
pub type UsersStore = Handle<UsersOwner>;

/// The Users service.
#[derive(Debug)]
pub struct UsersService {
    owner: UsersOwner,
    store: UsersStore,
    users: Repository<User>,
}

impl UsersService {
    /// Opens the service's database.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty database.
    pub async fn open(database: Database<UsersOwner>) -> Result<UsersStore, BackendError> {
        database.open(&UsersOwner(()), Limits::default()).await
    }

    /// The service on its database.
    #[must_use]
    pub fn new(store: UsersStore) -> Self {
        let owner = UsersOwner(());
        let options = Options { cached_states_max: CACHED_USERS_MAX, ..Options::default() };
        let users = Repository::with_options(store.get(&owner).clone(), options);
        Self { owner, store, users }
    }

    /// Registers a customer who is not known yet. A guest has no profile.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the service cannot.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once. So it is with every command here.
    pub async fn register(&self, command: &Command, customer: Customer) -> Result<(), Failure> {
        let Some(profile) = self.profile_of(customer).await? else { return Ok(()) };
        let done = self
            .users
            .execute(customer.to_string(), |user| Ok::<_, Infallible>(user.register(&profile)))
            .command_id(command.id())
            .metadata(command.metadata());
        let failed = |error| Failure::command(UsersOwner::NAME, "register a customer", error);
        done.await.map(|_| ()).map_err(failed)
    }

    /// What registers a customer who is not known yet, when the commit is committed.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the service cannot.
    ///
    /// # Cancel safety
    /// Nothing happens before the commit.
    pub async fn to_register(
        &self,
        command: &Command,
        customer: Customer,
    ) -> Result<Commit, Failure> {
        let Some(profile) = self.profile_of(customer).await? else { return Ok(Commit::new()) };
        let prepared = self
            .users
            .execute(customer.to_string(), |user| Ok::<_, Infallible>(user.register(&profile)))
            .command_id(command.id())
            .metadata(command.metadata())
            .prepare();
        let failed = |error| Failure::command(UsersOwner::NAME, "register a customer", error);
        Ok(prepared.await.map_err(failed)?.into_commit())
    }

    /// Gives a customer another name. Returns what to wait for to see it in a view, if anything happened.
    ///
    /// # Errors
    /// [`Failure::Refused`] if there is no such customer, or nobody is called so.
    ///
    /// # Cancel safety
    /// As [`UsersService::register`].
    pub async fn rename(
        &self,
        customer: Customer,
        name: &str,
        says: Metadata,
    ) -> Result<Option<Token>, Failure> {
        let task = "rename a customer";
        let rename = self.users.execute(customer.to_string(), |user| user.rename(customer, name));
        let done = rename.metadata(says).await;
        let done = done.map_err(|error| Failure::command(UsersOwner::NAME, task, error))?;
        Ok(done.token())
    }

    /// The profile of a customer who has said nothing else yet; a guest has none. Who was forgotten is met without one.
    async fn profile_of(&self, customer: Customer) -> Result<Option<Personal<Profile>>, Failure> {
        let (Customer::Number(number), Some(subject)) = (customer, customer.subject()) else {
            return Ok(None);
        };
        Ok(Some(if self.has_forgotten(customer).await? {
            Personal::forgotten(subject)
        } else {
            Personal::new(subject, Profile::of_number(number))
        }))
    }

    /// Whether a customer was forgotten.
    pub(super) async fn has_forgotten(&self, customer: Customer) -> Result<bool, Failure> {
        let Some(subject) = customer.subject() else { return Ok(false) };
        let forgotten = self.store.get(&self.owner).has_forgotten(&subject).await;
        forgotten.map_err(|error| {
            Failure::failed(UsersOwner::NAME, "see whether a customer was forgotten", error)
        })
    }

    /// Forgets a customer: their profile, and all names they had.
    ///
    /// # Errors
    /// [`Failure::Refused`] of a guest, who is nobody; [`Failure::Failed`] if the service cannot.
    ///
    /// # Cancel safety
    /// As [`UsersService::register`].
    pub async fn forget(&self, customer: Customer) -> Result<(), Failure> {
        forget(UsersOwner::NAME, &*self.handle(), customer).await
    }

    /// The service's events, for others to follow.
    #[must_use]
    pub fn published(&self) -> Published {
        Published::new(UsersOwner::NAME, self.store.get(&self.owner))
    }

    /// The service's own database.
    pub(super) fn handle(&self) -> Arc<dyn ServiceStore> {
        Arc::clone(self.store.get(&self.owner))
    }

    /// The service's own events.
    pub(super) fn feed(&self) -> Feed<'_> {
        Feed::new(UsersOwner::NAME, self.store.get(&self.owner))
    }
}
