//! A bank account: define it, run two commands, read its state.
#![allow(clippy::print_stdout, reason = "an example says what it did")]
use freehold::{Aggregate, Event, Repository, backend::memory::MemoryStore};

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
    fn pay(&self, cents: i64) -> Result<Vec<Entry>, &'static str> {
        if self.0 + cents < 0 { Err("too little money") } else { Ok(vec![Entry::Paid { cents }]) }
    }
}

#[tokio::main]
async fn main() -> Result<(), freehold::aggregate::ExecuteError<&'static str>> {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    accounts.execute("alice", |a| a.pay(100)).await?;
    let alice = accounts.execute("alice", |a| a.pay(-30)).await?;
    println!("alice has {} cents", alice.0);
    Ok(())
}
