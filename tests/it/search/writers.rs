//! One writes. Who has lost the lease commits nothing, and lets go.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use freehold::projection::search::{Field, Searched};
use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use freehold::testkit::{Faults, FaultyStore};
use freehold::{Position, Store};
use tokio::sync::Notify;

use super::fixture::{
    Article, Catalogue, Item, PATIENCE, describe, keys, logs, open, reads, reads_on, run,
};
use crate::subscription::fixture::{memory, options, until};

/// Stands still in its first fold until it is let go.
#[derive(Clone)]
struct Slow(Arc<Gate>);

struct Gate {
    folds: AtomicU64,
    entered: Notify,
    opens: Mutex<mpsc::Receiver<()>>,
}

impl Projection for Slow {
    const NAME: &'static str = "slow";
    type View = Article;
    type Events = Item;
    type Level = Eventual<5_000>;
}

impl On<Item> for Slow {
    fn on(&self, event: &Recorded<'_, Item>, views: &mut Views<'_, Article>) {
        views.update(event.id(), |article| {
            article.touched += 1;
            if self.0.folds.fetch_add(1, Ordering::SeqCst) == 0 {
                self.0.entered.notify_one();
                self.0.opens.lock().unwrap().recv().unwrap();
            }
        });
    }
}

impl Searched for Slow {
    const FIELDS: &'static [Field<Article>] =
        &[Field::new("text", |_, article| article.text.as_str().into())];
}

#[tokio::test(start_paused = true)]
async fn who_has_lost_the_lease_in_the_middle_of_a_batch_does_not_commit_it() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let leases = memory();
    let search = open::<Slow>(&reads_on(leases.clone(), [&items, &brands]), folder.path()).await;
    let other = open::<Slow>(&reads_on(leases, [&items, &brands]), folder.path()).await;
    let (open_gate, opens) = mpsc::channel();
    let gate = Gate { folds: AtomicU64::new(0), entered: Notify::new(), opens: Mutex::new(opens) };
    let slow = Slow(Arc::new(gate));
    let token = describe(&items, "i1", "tea").await;
    let running = search.indexing(slow.clone()).options(options()).start();
    slow.0.entered.notified().await;
    let second = other.indexing(slow.clone()).options(options()).start();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    // Nobody has renewed the lease: the clock jumps, as for a process that was frozen, and another gets it.
    tokio::time::advance(Duration::from_hours(1)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    open_gate.send(()).unwrap();
    search.wait_for(token, PATIENCE).await.unwrap();
    running.stop().await;
    second.stop().await;
    // What was folded under the lost lease was thrown away, and folded again under the next.
    assert_eq!(slow.0.folds.load(Ordering::SeqCst), 2);
    assert_eq!(search.get("i1").await.unwrap().value.unwrap().touched, 1);
}

/// Two that do not even share the store of the leases.
#[tokio::test(start_paused = true)]
async fn nobody_writes_beside_who_has_the_folder_and_the_next_goes_on_when_they_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let one = open::<Catalogue>(&reads([&items, &brands]), folder.path()).await;
    let other = open::<Catalogue>(&reads([&items, &brands]), folder.path()).await;
    let first = run(&one, Catalogue);
    one.wait_for(describe(&items, "i1", "tea").await, PATIENCE).await.unwrap();
    let second = run(&other, Catalogue);
    tokio::time::sleep(Duration::from_mins(1)).await;
    one.wait_for(describe(&items, "i2", "tea").await, PATIENCE).await.unwrap();
    assert_eq!(second.progress().position(items.identity()), Position::START);
    first.stop().await;
    other.wait_for(describe(&items, "i3", "tea").await, PATIENCE).await.unwrap();
    until("the second has come so far", async || {
        second.progress().position(items.identity()) == Position::new(3)
    })
    .await;
    assert_eq!(keys(&one, "tea").await.len(), 3);
    assert_eq!(one.get("b0/i1").await.unwrap().value.unwrap().touched, 1);
    second.stop().await;
}

/// It cannot reach the store of the leases, has nothing to do at the time, and is not stopped: it stands by.
#[tokio::test(start_paused = true)]
async fn who_has_lost_the_lease_lets_the_folder_go() {
    let folder = tempfile::tempdir().unwrap();
    let ([items, brands], leases) = (logs(), memory());
    let cut_off = FaultyStore::new(leases.clone(), Faults::seeded(0));
    let one = open::<Catalogue>(&reads_on(cut_off.clone(), [&items, &brands]), folder.path()).await;
    let other = open::<Catalogue>(&reads_on(leases, [&items, &brands]), folder.path()).await;
    let first = run(&one, Catalogue);
    first.progress().wait_for(describe(&items, "i1", "tea").await).await.unwrap();
    // Long enough to be idle.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = run(&other, Catalogue);
    cut_off.lose();
    let token = describe(&items, "i2", "tea").await;
    until("the second writes", async || {
        second.progress().position(items.identity()) == token.position()
    })
    .await;
    assert_eq!(keys(&one, "tea").await.len(), 2);
    first.stop().await;
    second.stop().await;
}
