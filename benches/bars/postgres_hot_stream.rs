//! PostgreSQL: commands of 64 tasks on one stream that has 20 events. Needs `DATABASE_URL`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use freehold::Repository;

use crate::entry::{self, Account};
use crate::harness::{Bar, interleave, rate, syncs, tell_syncs};
use crate::postgres::{Log, WARM, url};
use crate::postgres_command::{Bare, EVENTS, TASKS, decide, new_event};

/// For how long each is measured: the floor may be too slow for a count.
const TIME: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 8;
/// More than the floor gets through, at so many events for each.
const STREAMS: usize = 1_000;

pub(crate) fn run() -> bool {
    let Some(url) = url("postgres_hot_stream") else { return false };
    let rates = interleave(&mut [&mut || ours(&url), &mut || retrying(&url), &mut syncs]);
    let what = "postgres_hot_stream: commands of 64 tasks on one stream of 20 events";
    let floor = "bare load, decide, insert, and again after a conflict";
    let bar = Bar { what, floor, at_least: 100.0, unit: "commands/s" };
    let holds = bar.judge(&rates[0], &rates[1]);
    tell_syncs(&rates[2]);
    holds
}

fn ours(url: &str) -> f64 {
    let log = Log::fresh(url, CONNECTIONS);
    log.seed(1, EVENTS);
    let accounts = Repository::<Account>::new(log.store.clone());
    let done = Arc::new(AtomicUsize::new(0));
    let run = |ends: Instant| {
        log.in_tasks(TASKS, |_| {
            let (accounts, done) = (accounts.clone(), Arc::clone(&done));
            async move {
                while Instant::now() < ends {
                    let n = done.load(Ordering::Relaxed);
                    accounts.execute("0", |account| decide(account, n)).await.unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    };
    let rate = for_a_while(&done, run);
    let hot = log.runtime.block_on(accounts.load("0")).unwrap();
    assert_eq!(hot.version().get() as usize, EVENTS + done.load(Ordering::Relaxed));
    rate
}

/// All tasks are on one stream. When it has twice its events they go on to the next, so that loading stays as cheap as
/// it was.
fn retrying(url: &str) -> f64 {
    let log = Log::fresh(url, TASKS);
    log.seed(STREAMS, EVENTS);
    let bare = Bare::new(&log);
    let done = Arc::new(AtomicUsize::new(0));
    let run = |ends: Instant| {
        log.in_tasks(TASKS, |_| {
            let (pool, bare, done) = (log.pool.clone(), bare.clone(), Arc::clone(&done));
            async move {
                while Instant::now() < ends {
                    let mut conn = pool.acquire().await.unwrap();
                    // A command that came to nothing is decided anew at once.
                    while Instant::now() < ends {
                        let n = done.load(Ordering::Relaxed);
                        let stream = entry::account(n / EVENTS);
                        let (version, account) = bare.load(&mut conn, &stream).await;
                        let [decided] = &decide(&account, n).unwrap()[..] else { continue };
                        if bare.insert(&mut conn, &stream, version, &new_event(decided)).await {
                            done.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                    }
                }
            }
        });
    };
    let rate = for_a_while(&done, run);
    assert!(done.load(Ordering::Relaxed) < STREAMS * EVENTS);
    rate
}

/// How many a second are done until the time is over, after a moment that does not count.
fn for_a_while(done: &AtomicUsize, run: impl Fn(Instant)) -> f64 {
    run(Instant::now() + TIME / WARM as u32);
    let (began, before) = (Instant::now(), done.load(Ordering::Relaxed));
    run(began + TIME);
    rate(done.load(Ordering::Relaxed) - before, began.elapsed())
}
