//! What a projection could not take in is parked, and replayed when the projection is mended: then the views are what they
//! would be if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use freehold::backend::memory::MemoryStore;
use freehold::projection::{Eventual, Kept, On, Projection, ReadSide, Recorded, Views};
use freehold::{EventStore, Filter, Position, Token};

use super::fixture::{Account, Transfer, User, all, oracle, put, reads};
use crate::subscription::fixture::{memory, parking, reach, until};

/// Cannot take some events in until it is mended, shared out over so many parts.
struct Flawed<const PARTS: u32>(Arc<AtomicBool>);

const BAD_NAME: &str = "n3";
const BAD_CENTS: i64 = 5;

impl<const PARTS: u32> Projection for Flawed<PARTS> {
    const NAME: &'static str = "flawed";
    const PARTITIONS: u32 = PARTS;
    type View = Account;
    type Events = (Transfer, User);
    type Level = Eventual<5_000>;
}

impl<const PARTS: u32> Flawed<PARTS> {
    fn bear(&self, is_bad: bool) {
        assert!(!is_bad || self.0.load(Ordering::SeqCst), "it is not mended");
    }
}

impl<const PARTS: u32> On<Transfer> for Flawed<PARTS> {
    fn on(&self, event: &Recorded<'_, Transfer>, views: &mut Views<'_, Account>) {
        let Transfer::Moved { from, to, cents } = event.event();
        let at = event.record().position().get();
        // Only one of the two views is too much for it: with several parts, the other one may be another part's.
        for (key, cents, is_bad) in [(from, -cents, *cents == BAD_CENTS), (to, *cents, false)] {
            views.update(key, |account| {
                self.bear(is_bad);
                account.cents += cents;
                account.events.push(at);
            });
        }
    }
}

impl<const PARTS: u32> On<User> for Flawed<PARTS> {
    fn on(&self, event: &Recorded<'_, User>, views: &mut Views<'_, Account>) {
        let at = event.record().position().get();
        let User::Named { name } = event.event() else { return };
        // All parts fail at once.
        self.bear(name == BAD_NAME);
        views.update(event.id(), |account| {
            account.name = Some(name.clone());
            account.events.push(at);
        });
    }
}

fn run<const PARTS: u32>(reads: &ReadSide, is_mended: &Arc<AtomicBool>) -> Kept {
    reads.upkeep(Flawed::<PARTS>(Arc::clone(is_mended))).options(parking()).start()
}

/// Names of accounts, and transfers in several streams: what is parked of one stream is overtaken by the others.
async fn happen(store: &MemoryStore, chance: &mut fastrand::Rng, times: usize) -> Token {
    let mut token = None;
    for _ in 0..times {
        let id = format!("a{}", chance.u8(0..8));
        token = Some(if chance.bool() {
            put(store, &id, User::Named { name: format!("n{}", chance.u8(0..9)) }).await
        } else {
            let (to, cents) = (format!("a{}", chance.u8(0..8)), chance.i64(1..12));
            let stream = chance.u8(0..6).to_string();
            put(store, &stream, Transfer::Moved { from: id, to, cents }).await
        });
    }
    token.unwrap()
}

/// The stream of each event.
async fn streams(store: &MemoryStore) -> BTreeMap<u64, String> {
    let page = store.read_all(Position::START, &Filter::all(), 1_000).await.unwrap();
    assert!(!page.has_more);
    let of = |event: &freehold::RecordedEvent| event.stream().as_str().to_owned();
    page.events.iter().map(|event| (event.position().get(), of(event))).collect()
}

/// Sees that each event is in the views once, and that those of a stream were taken in in their order. Between the streams there
/// is none.
async fn check<const PARTS: u32>(store: &MemoryStore, reads: &ReadSide, seed: u64) {
    let (mut views, mut expected) =
        (all(&reads.view::<Flawed<PARTS>>()).await, oracle(store).await);
    let streams = streams(store).await;
    for (key, account) in &mut views {
        let mut newest = BTreeMap::new();
        for at in &account.events {
            let before = newest.insert(&streams[at], *at);
            assert!(before.is_none_or(|before| before <= *at), "seed {seed}: {key} {account:?}");
        }
        account.events.sort_unstable();
    }
    for account in expected.values_mut() {
        account.events.sort_unstable();
    }
    assert_eq!(views, expected, "seed {seed}");
}

async fn parked(kept: &Kept) -> BTreeSet<String> {
    let parked = kept.live().await.unwrap().parked(1_000).await.unwrap();
    parked.into_iter().map(|parked| parked.key).collect()
}

/// Parks, mends and replays; how many events were parked in all.
async fn mend<const PARTS: u32>(seed: u64, restarts: bool) -> usize {
    let (store, mut chance) = (memory(), fastrand::Rng::with_seed(seed));
    let (reads, is_mended) = (reads(&store), Arc::new(AtomicBool::new(false)));
    let mut kept = run::<PARTS>(&reads, &is_mended);
    let token = happen(&store, &mut chance, 60).await;
    reach(kept.live().await.unwrap().progress(), token).await;
    let keys = parked(&kept).await;
    assert!(!keys.is_empty(), "seed {seed}: nothing was parked");
    assert_ne!(all(&reads.view::<Flawed<PARTS>>()).await, oracle(&store).await);
    is_mended.store(true, Ordering::SeqCst);
    if restarts {
        kept.stop().await;
        kept = run::<PARTS>(&reads, &is_mended);
    }
    // Others of the same streams are parked behind them, or taken in, while that happens.
    happen(&store, &mut chance, 20).await;
    let mut replayed = 0;
    for key in &keys {
        let live = kept.live().await.unwrap();
        let replay = async || live.replay(key).await.inspect(|n| replayed += n).is_ok();
        until("the parts are held again", replay).await;
    }
    let token = happen(&store, &mut chance, 20).await;
    reach(kept.live().await.unwrap().progress(), token).await;
    assert!(parked(&kept).await.is_empty(), "seed {seed}: still parked");
    check::<PARTS>(&store, &reads, seed).await;
    kept.stop().await;
    replayed
}

#[tokio::test(start_paused = true)]
async fn what_was_parked_is_in_the_views_once_when_it_is_replayed() {
    let mut replayed = 0;
    for seed in 0..20 {
        replayed += mend::<1>(seed, seed % 2 == 0).await;
    }
    assert!(replayed > 100, "{replayed}");
}

#[tokio::test(start_paused = true)]
async fn what_was_parked_by_several_parts_is_in_the_views_once_when_it_is_replayed() {
    let mut replayed = 0;
    for seed in 0..20 {
        replayed += mend::<3>(seed, seed % 2 == 0).await;
    }
    assert!(replayed > 100, "{replayed}");
}
