//! A projection that is shared out over three parts and three processes, one of which is killed and one frozen: the third does
//! all the work, each view has its events once and in their order, and who is thawed writes nothing that is not its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views, Want};
use freehold::{EventStore, Filter, LeaseName, Owner, Position, event};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::projector::{
    Drop, LEASE_TIME, PATIENCE, Projector, Stores, chance, options, rain, until_alone, within,
};

const PARTS: u32 = 3;
/// So many that each part has some.
const KEYS: u64 = 12;

/// The numbers of the drops that have fallen, by the rest of the number and all together, in the order of being taken in.
struct Puddles;

impl Projection for Puddles {
    const NAME: &'static str = "puddles";
    const PARTITIONS: u32 = PARTS;
    type View = Vec<u64>;
    type Events = Drop;
    type Level = Eventual<1_000>;
}

fn keys(n: u64) -> [String; 2] {
    [format!("k{}", n % KEYS), "all".to_owned()]
}

impl On<Drop> for Puddles {
    fn on(&self, event: &Recorded<'_, Drop>, views: &mut Views<'_, Vec<u64>>) {
        let Drop::Fell { n } = event.event();
        for key in keys(*n) {
            views.update(key, |drops| {
                // Whoever is frozen has most likely read what it has not written yet.
                let began = Instant::now();
                while began.elapsed() < Duration::from_micros(500) {
                    std::hint::spin_loop();
                }
                drops.push(*n);
            });
        }
    }
}

/// Keeps the projection up until the process is killed.
pub(super) async fn keep_up((log, rows): Stores) {
    let kept = ReadSide::new(rows).follow(log).upkeep(Puddles).options(options()).start();
    until_alone().await;
    kept.stop().await;
}

/// How many parts are held, and how often they were granted.
async fn held((_, rows): &Stores) -> (u32, u64) {
    let (mut held, mut grants) = (0, 0);
    for part in 0..PARTS {
        let name = LeaseName::new("puddles").unwrap().part(part, PARTS);
        let state = rows.lease(&name).await.unwrap();
        held += u32::from(state.holder.is_some());
        grants += state.epoch.get();
    }
    (held, grants)
}

/// Waits until the parts are shared out, and answers how often they were granted until then. Who comes is noticed within a
/// third of the time of a lease, so by now each process has a part: none has changed hands for far longer.
async fn until_shared(stores: &Stores) -> u64 {
    let mut known = (0, Instant::now());
    let is_shared = async || {
        let (held, grants) = held(stores).await;
        if held < PARTS || grants != known.0 {
            known = (grants, Instant::now());
        }
        known.1.elapsed() > LEASE_TIME * 2
    };
    assert!(within(PATIENCE, is_shared).await, "the parts are not shared out");
    known.0
}

/// Freezes a process that holds no lock: with one, it would keep all others out, and not only from its part.
async fn freeze(stores: &Stores, projector: &Projector) {
    for _ in 0..50 {
        projector.freeze();
        let rows = Arc::clone(&stores.1);
        let probe = async move {
            let name = LeaseName::new("probe").unwrap();
            rows.claim(&name, Owner::new(Uuid::now_v7()), LEASE_TIME).await.unwrap();
        };
        let mut probe = tokio::spawn(probe);
        if timeout(LEASE_TIME, &mut probe).await.is_ok() {
            return;
        }
        projector.thaw();
        probe.await.unwrap();
    }
    panic!("it always holds a lock");
}

/// Sees that each view has its events once and in their order.
async fn is_right((log, rows): &Stores) {
    let view = ReadSide::new(Arc::clone(rows)).follow(Arc::clone(log)).view::<Puddles>();
    let page = view.page("", None, 100).want(Want::Head).within(PATIENCE).await.unwrap();
    let found = page.value.views.into_iter().map(|(key, view)| (key.as_str().to_owned(), view));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected(&**log).await);
}

/// The fold of the log, by other code than the crate's.
async fn expected(log: &dyn EventStore) -> BTreeMap<String, Vec<u64>> {
    let mut expected = BTreeMap::<_, Vec<_>>::new();
    let (mut after, mut more) = (Position::START, true);
    while more {
        let read = log.read_all(after, &Filter::all(), 1_000).await.unwrap();
        for record in &read.events {
            let Drop::Fell { n } = event::decode(record).unwrap();
            for key in keys(n) {
                expected.entry(key).or_default().push(n);
            }
        }
        (after, more) = (read.upto, read.has_more);
    }
    expected
}

/// In each round one of three is killed and one frozen, in the middle of the work; then there are three again.
pub(super) async fn is_decimated(stores: &Stores, start: impl Fn() -> Projector, rounds: usize) {
    let (mut chance, mut all_taken_over) = (chance(), 0);
    let mut projectors = vec![start(), start(), start()];
    rain(&*stores.0, 20).await;
    is_right(stores).await;
    for round in 0..rounds {
        let before = until_shared(stores).await;
        let log = Arc::clone(&stores.0);
        let raining = tokio::spawn(async move { rain(&*log, 100).await });
        sleep(Duration::from_micros(chance.u64(..20_000))).await;
        // Any two of them; the one that was frozen before is among the others.
        std::mem::drop(projectors.remove(chance.usize(..3)));
        let frozen = projectors.remove(chance.usize(..2));
        freeze(stores, &frozen).await;
        raining.await.unwrap();
        // The third does the work of all.
        is_right(stores).await;
        let taken_over = held(stores).await.1 - before;
        println!("round {round}: {taken_over} parts were taken over");
        all_taken_over += taken_over;
        frozen.thaw();
        rain(&*stores.0, 60).await;
        is_right(stores).await;
        projectors.extend([frozen, start()]);
    }
    // Of two parts each time, unless the machine was so busy that they were not shared out.
    assert!(all_taken_over > rounds as u64, "nobody takes over from who is killed or frozen");
}
