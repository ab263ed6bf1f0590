//! `kill -9` of the server under load: what was acknowledged is there, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use freehold::backend::postgres::PostgresStore;
use freehold::{Commit, EventStoreExt, Filter, Store, StreamVersion};
use freehold::{EventStore, Position};

use crate::cluster::Cluster;
use crate::server::{event, stream};

const TASKS: u64 = 16;

/// How often the server is killed: `FREEHOLD_KILLS`, or 25 times.
fn kills() -> u64 {
    std::env::var("FREEHOLD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(25)
}

/// Appends one event after the other, each until it is acknowledged. Returns how many.
async fn append(
    store: PostgresStore,
    task: u64,
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> u64 {
    let stream = stream(&task.to_string());
    let mut done = 0;
    while !over.load(Ordering::SeqCst) {
        let event = event(u128::from(task) << 64 | u128::from(done));
        let commit = Commit::new().append(&stream, StreamVersion::new(done), [event]);
        match store.commit(commit).await {
            Ok(committed) => {
                assert_eq!(committed.version_of(&stream), Some(StreamVersion::new(done + 1)));
                done += 1;
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) if error.is_transient() => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_of_the_server_and_is_there_once() {
    let mut cluster = Cluster::start();
    let store = PostgresStore::open(cluster.pool()).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, over) = (store.clone(), Arc::clone(&over));
            tokio::spawn(append(store, task, over, Arc::clone(&acknowledged)))
        })
        .collect();
    for kill in 0..kills() {
        // Under load, and each time at another moment of it.
        let wanted = acknowledged.load(Ordering::SeqCst) + 40 + 17 * (kill % 7);
        let reached = async {
            while acknowledged.load(Ordering::SeqCst) < wanted {
                assert!(!tasks.iter().any(tokio::task::JoinHandle::is_finished));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let time_limit = Duration::from_mins(2);
        tokio::time::timeout(time_limit, reached).await.expect("nothing is acknowledged any more");
        cluster.kill();
        cluster.start_again();
    }
    over.store(true, Ordering::SeqCst);
    let mut all = 0;
    for (task, done) in (0..TASKS).zip(tasks) {
        let done = done.await.unwrap();
        let stream = stream(&task.to_string());
        let events = store.read_tail(&stream, StreamVersion::NONE).await.unwrap();
        let ids: Vec<_> = events.iter().map(freehold::RecordedEvent::id).collect();
        let wanted = (0..done).map(|n| event(u128::from(task) << 64 | u128::from(n)).id());
        assert_eq!(ids, wanted.collect::<Vec<_>>(), "lost or twice");
        all += done;
    }
    let (mut fed, mut after) = (0, Position::START);
    loop {
        let page = store.read_all(after, &Filter::all(), usize::MAX).await.unwrap();
        fed += page.events.len() as u64;
        after = page.upto;
        if !page.has_more {
            break;
        }
    }
    assert_eq!(fed, all);
    println!("{} kills, {all} events", kills());
}
