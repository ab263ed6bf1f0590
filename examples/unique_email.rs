//! One account for each e-mail address: a reservation stream for what must be unique.
//!
//! A stream guards itself and nothing beyond it. So the address gets a stream of its own, which is claimed in
//! the same commit that opens the account: of many who want one address, one gets it.
//! `docs/recipes/unique.md` says more.

#![allow(clippy::print_stdout, reason = "an example says what it did")]

use freehold::aggregate::WorkError;
use freehold::backend::memory::MemoryStore;
use freehold::{Aggregate, Event, Repository, UnitOfWork};
use tokio::task::JoinSet;

#[derive(serde::Serialize, serde::Deserialize)]
enum AccountEvent {
    Opened { email: String },
}
impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}

#[derive(Clone, Default)]
struct Account {
    email: Option<String>,
}
impl Aggregate for Account {
    type Event = AccountEvent;
    fn apply(&mut self, AccountEvent::Opened { email }: &AccountEvent) {
        self.email = Some(email.clone());
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
enum ClaimEvent {
    Claimed { by: String },
}
impl Event for ClaimEvent {
    const CATEGORY: &'static str = "email";
}

#[derive(Clone, Default)]
struct Claim {
    by: Option<String>,
}
impl Aggregate for Claim {
    type Event = ClaimEvent;
    fn apply(&mut self, ClaimEvent::Claimed { by }: &ClaimEvent) {
        self.by = Some(by.clone());
    }
}

/// The address belongs to somebody.
#[derive(Debug)]
struct Taken;

impl Claim {
    fn claim(&self, by: &str) -> Result<Vec<ClaimEvent>, Taken> {
        match &self.by {
            None => Ok(vec![ClaimEvent::Claimed { by: by.to_owned() }]),
            Some(_) => Err(Taken),
        }
    }
}

/// The two kinds of streams that signing up writes.
#[derive(Clone)]
struct SignUps {
    store: MemoryStore,
    accounts: Repository<Account>,
    claims: Repository<Claim>,
}

impl SignUps {
    async fn sign_up(&self, id: &str, email: &str) -> Result<(), WorkError<Taken>> {
        // The same address, however it is written, is the same stream.
        let address = email.to_lowercase();
        let opened = || AccountEvent::Opened { email: email.to_owned() };
        let done = UnitOfWork::new(self.store.clone())
            .run(async |work| {
                work.execute(&self.claims, &address, |claim| claim.claim(id)).await?;
                work.execute(&self.accounts, id, |_| Ok(vec![opened()])).await
            })
            .await?;
        assert!(done.token().is_some(), "an account that was not refused is in the log");
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryStore::new();
    let sign_ups = SignUps {
        accounts: Repository::new(store.clone()),
        claims: Repository::new(store.clone()),
        store,
    };
    let mut racers = JoinSet::new();
    for n in 0..64 {
        let sign_ups = sign_ups.clone();
        racers
            .spawn(async move { sign_ups.sign_up(&format!("user-{n}"), "Ada@Example.org").await });
    }
    let (mut opened, mut refused) = (0, 0);
    while let Some(done) = racers.join_next().await {
        match done? {
            Ok(()) => opened += 1,
            Err(WorkError::Rejected(Taken)) => refused += 1,
            Err(error) => return Err(format!("{error}").into()),
        }
    }
    let owner = sign_ups.claims.load("ada@example.org").await?.by.clone().unwrap_or_default();
    let email = sign_ups.accounts.load(&owner).await?.email.clone().unwrap_or_default();
    println!("{opened} account was opened and {refused} were refused; {owner} has {email}");
    Ok(())
}
