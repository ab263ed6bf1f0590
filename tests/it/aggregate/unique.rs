//! One account an e-mail address, over streams: the recipe of `docs/recipes/unique.md`.

use freehold::aggregate::WorkError;
use freehold::backend::memory::MemoryStore;
use freehold::{Aggregate, Event, Repository, StreamVersion, UnitOfWork};

use super::fixture::{Account, Overdrawn};

#[derive(serde::Serialize, serde::Deserialize)]
enum Claim {
    Claimed { by: String },
    Freed {},
}

impl Event for Claim {
    const CATEGORY: &'static str = "email";
}

#[derive(Clone, Default)]
struct Address(Option<String>);

impl Aggregate for Address {
    type Event = Claim;

    fn apply(&mut self, event: &Claim) {
        self.0 = match event {
            Claim::Claimed { by } => Some(by.clone()),
            Claim::Freed {} => None,
        };
    }
}

impl Address {
    fn claim(&self, by: &str) -> Result<Vec<Claim>, Overdrawn> {
        match &self.0 {
            None => Ok(vec![Claim::Claimed { by: by.into() }]),
            Some(_) => Err(Overdrawn(0)),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_tasks_that_want_one_address_one_gets_it() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let addresses = Repository::<Address>::new(store.clone());
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let (store, accounts, addresses) = (store.clone(), accounts.clone(), addresses.clone());
            tokio::spawn(async move {
                let id = format!("account{n}");
                let unit = UnitOfWork::new(store).run(async |work| {
                    work.execute(&addresses, "ann@example.org", |a| a.claim(&id)).await?;
                    work.execute(&accounts, &id, |a| a.pay(1)).await
                });
                match unit.await {
                    Ok(_) => Some(id),
                    Err(WorkError::Rejected(_)) => None,
                    Err(error) => panic!("{error:?}"),
                }
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    let holder = addresses.load("ann@example.org").await.unwrap();
    assert_eq!(holder.0.as_ref(), winners.first());
    for n in 0..64 {
        let id = format!("account{n}");
        let exists = accounts.load(&id).await.unwrap().version() > StreamVersion::NONE;
        assert_eq!(exists, winners.contains(&id), "an account without its address, or the reverse");
    }
    addresses
        .execute("ann@example.org", |_| Ok::<_, Overdrawn>(vec![Claim::Freed {}]))
        .await
        .unwrap();
    assert!(addresses.load("ann@example.org").await.unwrap().0.is_none());
}
