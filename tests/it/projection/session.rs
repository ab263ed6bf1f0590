//! Who carries a session reads their own writes, and never goes back in time, also when the views are paused, or made anew; and
//! whoever waits is answered in time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::consistency::{Behind, Reached, Session};
use freehold::projection::{
    Eventual, Kept, On, Projection, ReadError, ReadSide, Recorded, UpkeepError, Views, Want,
};
use freehold::testkit::{Faults, FaultyStore};
use freehold::{Event, Position, Repository, RowKey, RowSet, RowStore, RowsWanted, Store, Token};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::fixture::Of;
use crate::subscription::fixture::{TokioClock, memory, options, until};

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

async fn write(logs: &[MemoryStore], user: &mut User, name: &str, log: usize) -> Token {
    let repository = Repository::<Of<Wrote>>::new(logs[log].clone());
    let line = Wrote::Line { by: name.to_owned(), log };
    let done = repository.execute("1", |_| Ok::<_, Infallible>(vec![line.clone()])).await;
    let token = done.unwrap().token().unwrap();
    user.session.observe(token);
    *user.written.entry(log).or_default() += 1;
    token
}

/// Reads what a session has seen at least; `false` if that is not there because the views are paused.
async fn read(process: &Process, user: &mut User, of: &str, is_own: bool, what: &str) -> bool {
    let view = process.reads.view::<Lines>();
    let want = Want::AtLeast(user.session.clone());
    let fresh = match view.get(of).want(want).within(Duration::from_mins(1)).await {
        Err(ReadError::Behind(Behind::Paused)) => return false,
        fresh => fresh.unwrap(),
    };
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
        assert!(at >= mark.position(), "{what}: {at} < {mark}");
    }
    user.session.observe(&fresh.at);
    // It travels as a header.
    user.session = user.session.to_string().parse().unwrap();
    user.read.insert(of.to_owned(), lines);
    true
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// It was written.
    True,
    /// It is of a log that nobody here follows.
    Foreign,
    /// It is beyond the end of the log.
    Forged,
}

/// What somebody waits for, the answer, how long it may take and how long it took.
type Waited = (Kind, Result<Reached, Behind>, Duration, Duration);

/// A run of the machine.
struct Run {
    seed: u64,
    chance: fastrand::Rng,
    logs: Vec<MemoryStore>,
    views: MemoryStore,
    /// The first always keeps the views up; the second comes and goes.
    processes: Vec<Process>,
    users: Vec<User>,
    is_paused: bool,
    written: Vec<Token>,
    waiting: JoinSet<Waited>,
    seen: Seen,
}

/// What all runs together must have shown.
#[derive(Debug, Default)]
struct Seen {
    swaps: u64,
    reached: u64,
    paused: u64,
    refused: u64,
}

fn runner(process: &Process) -> Option<Kept> {
    Some(process.reads.upkeep(Lines).options(options()).start())
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let logs: Vec<_> = (0..chance.usize(2..=3)).map(|_| memory()).collect();
        let views = memory();
        let mut processes: Vec<_> = (0..2).map(|n| process(&views, &logs, seed + n)).collect();
        processes[0].running = runner(&processes[0]);
        Self {
            seed,
            chance,
            logs,
            views,
            processes,
            users: (0..3).map(|_| User::default()).collect(),
            is_paused: false,
            written: Vec::new(),
            waiting: JoinSet::new(),
            seen: Seen::default(),
        }
    }

    fn first(&self) -> &Kept {
        self.processes[0].running.as_ref().unwrap()
    }

    async fn step(&mut self, step: u32) {
        let (n, of) = (self.chance.usize(0..3), self.chance.usize(0..3));
        match self.chance.u8(0..32) {
            0..9 => {
                let log = self.chance.usize(0..self.logs.len());
                let name = format!("u{n}");
                let token = write(&self.logs, &mut self.users[n], &name, log).await;
                self.written.push(token);
            }
            9..18 => self.read(n, of, step).await,
            18..23 => self.wait(),
            23..25 => self.rebuild().await,
            25..27 => self.pause(!self.is_paused).await,
            27 if self.processes[1].running.is_none() => {
                self.processes[1].running = runner(&self.processes[1]);
            }
            28 | 29 => sleep(Duration::from_millis(self.chance.u64(0..400))).await,
            _ => {
                if let Some(second) = self.processes[1].running.take() {
                    second.stop().await;
                    // It comes back as a new process.
                    self.processes[1] = process(&self.views, &self.logs, self.seed + 7);
                }
            }
        }
    }

    async fn read(&mut self, n: usize, of: usize, step: u32) {
        let what = format!("seed {}, step {step}", self.seed);
        let process = &self.processes[self.chance.usize(0..2)];
        let (user, of, is_own) = (&mut self.users[n], format!("u{of}"), n == of);
        let until = Instant::now() + Duration::from_secs(5);
        while !read(process, user, &of, is_own, &what).await && !self.is_paused {
            // It was resumed a moment ago, and not everybody has heard of that.
            assert!(Instant::now() < until, "{what}: it is not paused any more");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Somebody begins to wait, and goes on while other things happen.
    fn wait(&mut self) {
        let view = self.processes[self.chance.usize(0..2)].reads.view::<Lines>();
        let limit = Duration::from_millis(self.chance.u64(0..20_000));
        let Some(token) = self.chance.choice(&self.written).copied() else { return };
        let (kind, token) = match self.chance.u8(0..4) {
            0 => (Kind::Foreign, Token::new(memory().identity(), Position::new(1))),
            1 => (Kind::Forged, Token::new(token.log(), Position::new(u64::MAX / 2))),
            _ => (Kind::True, token),
        };
        self.waiting.spawn(async move {
            let began = Instant::now();
            (kind, view.wait_for(token, limit).await, limit, began.elapsed())
        });
    }

    async fn pause(&mut self, pause: bool) {
        let first = self.first();
        // Two who begin at the same moment stand in each other's way, and say so.
        until("it is written down", async || {
            let decided = if pause { first.pause().await } else { first.resume().await };
            let is_busy = |error: &UpkeepError| matches!(error, UpkeepError::Busy);
            assert!(decided.as_ref().err().is_none_or(|error| is_busy(error)), "{decided:?}");
            decided.is_ok()
        })
        .await;
        self.is_paused = pause;
    }

    async fn rebuild(&mut self) {
        let began = self.first().rebuild().await;
        // The keeper of the other process may be about to write something down.
        assert!(matches!(began, Ok(()) | Err(UpkeepError::Busy)), "{began:?}");
    }

    /// The number of the build that is read: how often one has taken the place of another.
    async fn live(&self) -> u64 {
        let wanted = RowsWanted::Keys(vec![RowKey::new(Lines::NAME).unwrap()]);
        let set = RowSet::new("freehold_views").unwrap();
        let page = self.views.rows(&set, &wanted, None).await.unwrap();
        page.rows[0].value.read::<serde_json::Value>().unwrap()["live"].as_u64().unwrap()
    }

    /// Everything comes to its end, and nobody has waited for longer than they wanted.
    async fn end(mut self) -> Seen {
        self.pause(false).await;
        until("rebuilt", async || self.first().rebuilding().await.unwrap().is_none()).await;
        for n in 0..3 {
            self.read(n, n, 60).await;
        }
        while let Some(waited) = self.waiting.join_next().await {
            let (kind, answer, limit, took) = waited.unwrap();
            let what = format!("seed {}: {kind:?} within {limit:?}: {answer:?}", self.seed);
            assert!(took <= limit + SLACK, "{what} after {took:?}");
            match (kind, &answer) {
                (Kind::True, Ok(_)) => self.seen.reached += 1,
                (Kind::True, Err(Behind::Paused)) => self.seen.paused += 1,
                (Kind::Foreign, Err(Behind::OtherLog { .. }))
                | (Kind::Forged, Err(Behind::NotYetWritten { .. })) => self.seen.refused += 1,
                (
                    Kind::True,
                    Err(Behind::TimedOut { .. } | Behind::Ended | Behind::Rebuilding { .. }),
                )
                // A view that does not move is not asked what it waits for.
                | (Kind::Forged, Err(Behind::Paused | Behind::Ended)) => {}
                _ => panic!("{what}"),
            }
        }
        self.seen.swaps = self.live().await;
        for running in self.processes.into_iter().filter_map(|process| process.running) {
            running.stop().await;
        }
        assert!(self.logs.iter().all(|log| log.identity() != self.views.identity()));
        self.seen
    }
}

/// What the last questions may take, on stores that are slow: how far it is when the time is over.
const SLACK: Duration = Duration::from_millis(200);

#[tokio::test(start_paused = true)]
async fn a_session_reads_its_own_writes_and_never_goes_back_in_time() {
    let mut seen = Seen::default();
    for seed in 0..120 {
        println!("seed {seed}");
        let mut run = Run::new(seed);
        for step in 0..80 {
            run.step(step).await;
        }
        let Seen { swaps, reached, paused, refused } = run.end().await;
        seen.swaps += swaps;
        seen.reached += reached;
        seen.paused += paused;
        seen.refused += refused;
    }
    // What the machine is about has happened.
    println!("{seen:?}");
    let Seen { swaps, reached, paused, refused } = seen;
    assert!(swaps > 100 && reached > 100 && paused > 20 && refused > 100, "{seen:?}");
}
