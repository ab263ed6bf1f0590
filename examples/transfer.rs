//! A debit and its credit: two streams decided and committed together, or not at all.
//!
//! Sixty tasks move money round a ring of three accounts at the same time. Units that want the same accounts
//! take turns; none is lost, none waits for ever, and the sum never changes.

#![allow(clippy::print_stdout, reason = "an example says what it did")]

use freehold::aggregate::{ExecuteError, WorkError};
use freehold::backend::memory::MemoryStore;
use freehold::{Aggregate, Event, Repository, UnitOfWork};
use tokio::task::JoinSet;

#[derive(serde::Serialize, serde::Deserialize)]
enum Entry {
    Paid { cents: i64 },
}
impl Event for Entry {
    const CATEGORY: &'static str = "account";
}

#[derive(Clone, Default)]
struct Account(i64);
impl Aggregate for Account {
    type Event = Entry;
    fn apply(&mut self, Entry::Paid { cents }: &Entry) {
        self.0 += cents;
    }
}
impl Account {
    fn pay(&self, cents: i64) -> Result<Vec<Entry>, String> {
        match self.0 + cents {
            0.. => Ok(vec![Entry::Paid { cents }]),
            short => Err(format!("{short} cents would be left")),
        }
    }
}

/// The owners, each of whom pays the next.
const RING: [&str; 3] = ["alice", "bob", "carol"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    for owner in RING {
        accounts.execute(owner, |a| a.pay(100)).await?;
    }
    let mut transfers = JoinSet::new();
    for (from, to) in RING.into_iter().zip(RING.into_iter().cycle().skip(1)).cycle().take(60) {
        transfers.spawn(transfer(store.clone(), accounts.clone(), from, to, 30));
    }
    let (mut moved, mut refused) = (0, 0);
    while let Some(done) = transfers.join_next().await {
        match done? {
            Ok(()) => moved += 1,
            Err(WorkError::Rejected(_)) => refused += 1,
            Err(error) => return Err(error.into()),
        }
    }
    let sum = sum(&accounts).await?;
    println!("{moved} transfers moved money, {refused} were refused, {sum} cents are there");
    Ok(())
}

/// Moves `cents`, or nothing: what is refused within the unit refuses all of it.
async fn transfer(
    store: MemoryStore,
    accounts: Repository<Account>,
    from: &str,
    to: &str,
    cents: i64,
) -> Result<(), WorkError<String>> {
    let done = UnitOfWork::new(store)
        .run(async |work| {
            work.execute(&accounts, from, |a| a.pay(-cents)).await?;
            work.execute(&accounts, to, |a| a.pay(cents)).await
        })
        .await?;
    assert!(done.token().is_some(), "a transfer that was not refused is in the log");
    Ok(())
}

async fn sum(
    accounts: &Repository<Account>,
) -> Result<i64, ExecuteError<std::convert::Infallible>> {
    let mut sum = 0;
    for owner in RING {
        sum += accounts.load(owner).await?.0;
    }
    Ok(sum)
}
