//! Who carries a session reads their own writes, and never goes back in time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::consistency::Session;
use freehold::projection::{Eventual, Kept, On, Projection, ReadSide, Recorded, Views, Want};

use freehold::testkit::{Faults, FaultyStore};
use freehold::{Event, Repository, Store};
use serde::{Deserialize, Serialize};

use super::fixture::Of;
use crate::subscription::fixture::{TokioClock, memory, options};

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Wrote {
    Line { by: String, log: usize },
}

impl Event for Wrote {
    const CATEGORY: &'static str = "wrote";
}

/// How many lines each has written in each log.
struct Lines;

impl Projection for Lines {
    const NAME: &'static str = "lines";
    const PARTITIONS: u32 = 2;
    type View = HashMap<usize, u64>;
    type Events = Wrote;
    type Level = Eventual<1_000>;
}

impl On<Wrote> for Lines {
    fn on(&self, event: &Recorded<'_, Wrote>, views: &mut Views<'_, Self::View>) {
        let Wrote::Line { by, log } = event.event();
        views.update(by, |lines| *lines.entry(*log).or_default() += 1);
    }
}

/// What one user knows.
#[derive(Default)]
struct User {
    session: Session,
    written: HashMap<usize, u64>,
    read: HashMap<String, HashMap<usize, u64>>,
}

/// A process: it reads, and at times it runs the projection.
struct Process {
    reads: ReadSide,
    running: Option<Kept>,
}

fn process(views: &MemoryStore, logs: &[MemoryStore], seed: u64) -> Process {
    let slow = Faults::seeded(seed).delay(0.3, Duration::from_millis(8));
    let mut reads = ReadSide::new(FaultyStore::new(views.clone(), slow)).clock(TokioClock);
    for log in logs {
        reads = reads.follow(FaultyStore::new(log.clone(), slow));
    }
    Process { reads, running: None }
}

async fn write(logs: &[MemoryStore], user: &mut User, name: &str, log: usize) {
    let repository = Repository::<Of<Wrote>>::new(logs[log].clone());
    let line = Wrote::Line { by: name.to_owned(), log };
    let done = repository.execute("1", |_| Ok::<_, Infallible>(vec![line.clone()])).await;
    user.session.observe(done.unwrap().token());
    *user.written.entry(log).or_default() += 1;
}

async fn read(process: &Process, user: &mut User, of: &str, is_own: bool, what: &str) {
    let view = process.reads.view::<Lines>();
    let want = Want::AtLeast(user.session.clone());
    let fresh = view.get(of).want(want).within(Duration::from_mins(1)).await.unwrap();
    let lines = fresh.value.unwrap_or_default();
    let known = |of: &HashMap<usize, u64>, log: &usize| of.get(log).copied().unwrap_or_default();
    if is_own {
        assert_eq!(lines, user.written, "{what}: own writes");
    }
    for (log, count) in user.read.entry(of.to_owned()).or_default().iter() {
        assert!(known(&lines, log) >= *count, "{what}: back in time");
    }
    for mark in user.session.marks() {
        let at = fresh.at.position(mark.log());
        assert!(at >= mark.position() || at == mark.position(), "{what}: {at} < {mark}");
    }
    user.session.observe(&fresh.at);
    // It travels as a header.
    user.session = user.session.to_string().parse().unwrap();
    user.read.insert(of.to_owned(), lines);
}

async fn play(seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let logs: Vec<_> = (0..chance.usize(2..=3)).map(|_| memory()).collect();
    let views = memory();
    let mut processes: Vec<_> = (0..2).map(|n| process(&views, &logs, seed + n)).collect();
    let runner = |process: &Process| Some(process.reads.upkeep(Lines).options(options()).start());
    processes[0].running = runner(&processes[0]);
    let mut users: Vec<User> = (0..3).map(|_| User::default()).collect();
    for step in 0..60 {
        let what = format!("seed {seed}, step {step}");
        let (n, of) = (chance.usize(0..3), chance.usize(0..3));
        match chance.u8(0..20) {
            0..9 => {
                let log = chance.usize(0..logs.len());
                write(&logs, &mut users[n], &format!("u{n}"), log).await;
            }
            9..18 => {
                let process = &processes[chance.usize(0..2)];
                // One that was stopped answers that it has ended, and is not asked.
                if processes[1].running.is_none() || process.running.is_some() {
                    read(process, &mut users[n], &format!("u{of}"), n == of, &what).await;
                }
            }
            18 if processes[1].running.is_none() => processes[1].running = runner(&processes[1]),
            _ => {
                if let Some(second) = processes[1].running.take() {
                    second.stop().await;
                    // It comes back as a new process.
                    processes[1].reads = process(&views, &logs, seed + 7).reads;
                }
            }
        }
    }
    for process in processes {
        if let Some(running) = process.running {
            running.stop().await;
        }
    }
    assert!(logs.iter().all(|log| log.identity() != views.identity()));
}

#[tokio::test(start_paused = true)]
async fn a_session_reads_its_own_writes_and_never_goes_back_in_time() {
    for seed in 0..60 {
        println!("seed {seed}");
        play(seed).await;
    }
}
