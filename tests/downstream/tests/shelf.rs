//! The store of the service's own, held to the contract of freehold's ports.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use freehold::testkit::async_trait;
use freehold::testkit::conformance::Harness;
use freehold::{
    Commit, CommitError, Event, EventStore, ExpectedVersion, InboxKey, InvalidCommit, PartKind,
    Repository, Store, StreamId,
};
use wallets::shelf::ShelfStore;
use wallets::wallet::{Wallet, WalletEvent};

/// The logs by name. A shelf forgets when its last handle goes, so the harness keeps one of each.
#[derive(Default)]
struct Shelves(Mutex<HashMap<String, ShelfStore>>);

#[async_trait]
impl Harness for Shelves {
    async fn open(&self, log: &str) -> Arc<dyn EventStore> {
        Arc::new(self.0.lock().unwrap().entry(log.into()).or_default().clone())
    }
}

freehold::event_store_conformance!(a_shelf, Shelves::default());

#[tokio::test]
async fn an_inbox_key_is_refused_and_not_lost() {
    let shelf = ShelfStore::new();
    let stream = StreamId::new(WalletEvent::CATEGORY, "ada").unwrap();
    let key = InboxKey::new("wallets", "message 1").unwrap();
    let answer =
        shelf.commit(Commit::new().check(&stream, ExpectedVersion::NoStream).inbox(key)).await;
    let Err(CommitError::Invalid(InvalidCommit::Unsupported(kind))) = answer else {
        panic!("a part that is not kept must be refused: {answer:?}");
    };
    assert_eq!(kind, PartKind::Inbox);
}

#[tokio::test]
async fn the_service_runs_on_its_own_store() {
    let wallets = Repository::<Wallet>::new(ShelfStore::new());
    wallets.execute("ada", |wallet| wallet.open("Ada")).await.unwrap();
    let ada = wallets.execute("ada", |wallet| wallet.deposit(70)).await.unwrap();
    assert_eq!((ada.cents(), ada.version().get()), (70, 2));
    assert!(wallets.execute("ada", |wallet| wallet.withdraw(71, None)).await.is_err());
    assert_eq!(wallets.load("ada").await.unwrap().cents(), 70);
}
