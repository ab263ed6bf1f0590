//! Callers that do not wait for the answer: whatever future is dropped, and wherever, leaves no transaction, no lock and no
//! lease behind.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use freehold::backend::postgres::sqlx::{self, PgPool, Row};
use freehold::{
    Archive, Commit, CommitError, DataSubject, DedupKey, EventStore, EventStoreExt, Filter,
    InboxKey, InlineStore, KeyId, Lease, LeaseName, Leases, NewKey, Outbox, Position, ReadFrom,
    RowSet, RowStore, RowsWanted, Store, StreamVersion, SubjectKey, SubjectKeys,
};
use futures::future::{BoxFuture, FutureExt};
use uuid::Uuid;

use crate::outbox::{message, sends};
use crate::server::{
    Schemas, advance, all_rows, event, granted, job, key, one, owner, pool, put, shown, stream, url,
};
use crate::sum::{sum, summed};

const LONG: Duration = Duration::from_mins(10);
/// How often each future is dropped, and how often it comes to its end.
const DROPPED_MIN: usize = 6;
const FINISHED_MIN: usize = 2;
/// After so many rounds there is something wrong with the test.
const ROUNDS_MAX: usize = 500;

fn subject(n: u32) -> DataSubject {
    DataSubject::new(&format!("customer-{n}")).unwrap()
}

fn first_key(of: u32) -> NewKey {
    NewKey { subject: subject(of), id: KeyId::FIRST, key: SubjectKey::new([7; 32]) }
}

/// A pool whose sessions can be told from all others, and somebody who watches them.
struct Watched {
    name: String,
    pool: PgPool,
    watcher: PgPool,
}

impl Watched {
    async fn new() -> Self {
        let name = format!("freehold_{}", Uuid::now_v7().simple());
        let options = url().parse::<PgConnectOptions>().unwrap().application_name(&name);
        let of_name = PgPoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
        Self { name, pool: of_name, watcher: pool(1).await }
    }

    /// Waits until no session is busy, within a transaction, or holds a lock; for ever if one is left behind.
    async fn are_quiet(&self) {
        let busy = "SELECT count(*) FROM pg_stat_activity AS a
                    WHERE application_name = $1
                      AND (state <> 'idle'
                           OR EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND locktype = 'advisory'))";
        let quiet = async {
            loop {
                let row = sqlx::query(busy).bind(&self.name).fetch_one(&self.watcher).await;
                if row.unwrap().get::<i64, _>(0) == 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let time_limit = Duration::from_secs(30);
        tokio::time::timeout(time_limit, quiet).await.expect("a transaction is left behind");
    }

    /// Drops the call at one await after the other, and then lets it end, again and again until both have happened often
    /// enough; `check` looks after each round. How many polls it takes to its end is for the machine to say: on a busy one, few.
    async fn drop_everywhere(
        &self,
        name: &str,
        mut call: impl FnMut() -> BoxFuture<'static, ()>,
        check: impl AsyncFn(),
    ) {
        let (mut polls, mut dropped, mut finished) = (1, 0, 0);
        while dropped < DROPPED_MIN || finished < FINISHED_MIN {
            if drop_after(polls, call()).await {
                (polls, finished) = (1, finished + 1);
            } else {
                (polls, dropped) = (polls + 1, dropped + 1);
            }
            self.are_quiet().await;
            check().await;
            let rounds = dropped + finished;
            assert!(rounds < ROUNDS_MAX, "{name}: {dropped} dropped, {finished} finished");
        }
    }
}

/// Polls a future so many times, and drops it. Between the polls the rest of the world moves on.
async fn drop_after(polls: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        let ready = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
        if ready {
            return true;
        }
        // What it waits for comes from the server, and takes its time.
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    false
}

/// A call of the store as a future of its own; one that ends must end well.
macro_rules! call {
    ($store:ident.$call:ident($($argument:expr),*)) => {{
        let store = $store.clone();
        (
            stringify!($call),
            Box::new(move || {
                let store = store.clone();
                async move {
                    let ended = store.$call($($argument),*).await;
                    assert!(ended.is_ok(), "{ended:?}");
                }
                .boxed()
            }) as Box<dyn FnMut() -> BoxFuture<'static, ()>>,
        )
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_leaves_no_transaction_and_no_lock_behind() {
    let schemas = Schemas::new();
    let watched = Watched::new().await;
    let store = PostgresStore::open_with(watched.pool.clone(), schemas.options("log")).await;
    let store = store.unwrap();
    store.prepare(&shown()).await.unwrap();
    let _ = store.commit(one(1, "a").rows([put("a", "1")])).await.unwrap();
    let _ = store.commit(sends(2, "a")).await.unwrap();
    let epoch = granted(&store, owner(1), LONG).await.epoch();
    let lease = move || Lease::new(job(), epoch);
    let other = || RowSet::new("other").unwrap();
    let some = || RowsWanted::Keys(vec![key("a")]);
    let of_accounts = || Filter::categories(["account"]).unwrap();
    let calls = [
        call!(store.read_stream(&stream("a"), ReadFrom::End, 9)),
        call!(store.read_all(Position::START, &Filter::all(), 9)),
        call!(store.read_all(Position::START, &of_accounts(), 9)),
        call!(store.head()),
        call!(store.end()),
        call!(store.changed(Position::START)),
        call!(store.outcome(&DedupKey::Event(event(1).id()))),
        call!(store.rows(&shown(), &some(), Some(&job()))),
        call!(store.prepare(&other())),
        call!(store.remove(&other())),
        call!(store.lease(&job())),
        call!(store.renew(&lease(), LONG)),
        call!(store.release(&lease())),
        call!(store.outbox_page(Position::START, 9)),
        call!(store.outbox_head()),
        call!(store.outbox_end()),
        call!(store.outbox_changed(Position::START)),
        call!(store.outbox_due(9)),
        call!(store.outbox_trim(Position::START)),
        call!(store.archive(9)),
        call!(store.rings(&[subject(1)])),
        call!(store.add(vec![first_key(1)])),
        call!(store.forget(&subject(2), Commit::new())),
        call!(store.forget(&subject(2), one(3, "b"))),
    ];
    for (name, call) in calls {
        watched.drop_everywhere(name, call, async || ()).await;
    }
    // These never end.
    for polls in 1..10 {
        let end = Position::new(u64::MAX);
        assert!(!drop_after(polls, store.changed(end)).await);
        assert!(!drop_after(polls, store.outbox_changed(end)).await);
        watched.are_quiet().await;
    }
    watched.pool.close().await;
}

/// What it has asked for may happen all the same: then it has the lease already, under an epoch that nobody was told of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_whose_claim_was_dropped_is_granted_the_lease_at_once() {
    let schemas = Schemas::new();
    let watched = Watched::new().await;
    let store = PostgresStore::open_with(watched.pool.clone(), schemas.options("log")).await;
    let store = store.unwrap();
    let (name, claim) = call!(store.claim(&job(), owner(1), LONG));
    let check = async || {
        let lease = granted(&store, owner(1), LONG).await;
        // So that the next claim finds it free.
        store.release(&lease).await.unwrap();
    };
    watched.drop_everywhere(name, claim, check).await;
    watched.pool.close().await;
}

/// A commit that was dropped happens whole or not at all; the same again tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_dropped_happens_once_or_not_at_all() {
    let schemas = Schemas::new();
    let watched = Watched::new().await;
    for is_folded in [false, true] {
        let options = schemas.options(if is_folded { "folded" } else { "plain" });
        let store = PostgresStore::open_with(watched.pool.clone(), options).await.unwrap();
        store.prepare(&shown()).await.unwrap();
        let view = if is_folded { Some(summed(&store).await) } else { None };
        let handles = |n: u128| InboxKey::new("tests", &n.to_string()).unwrap();
        let commit = |n: u128| match n % 4 {
            0 => one(n, "a"),
            1 => one(n, "a").rows([put(&n.to_string(), "1")]),
            2 => one(n, "a").inbox(handles(n)),
            _ => one(n, "a").send(&message(n, "a")),
        };
        let mut begun = 0;
        let call = || {
            begun += 1;
            let (store, commit) = (store.clone(), commit(begun));
            async move { drop(store.commit(commit).await.unwrap()) }.boxed()
        };
        watched.drop_everywhere("commit", call, async || ()).await;
        // Each is there once, whether or not somebody waited for it.
        for n in 1..=begun {
            let _ = store.commit(commit(n)).await.unwrap();
        }
        let version = store.version(&stream("a")).await.unwrap();
        assert_eq!(version, StreamVersion::new(begun as u64));
        let sent = store.outbox_page(Position::START, usize::MAX).await.unwrap().events;
        assert_eq!(sent.len() as u128, (begun + 1) / 4, "each is sent once");
        if let Some(view) = view {
            assert_eq!(sum(&view).await, (1..=begun as u64).sum::<u64>(), "each is folded once");
        }
    }
    // No connection of the pool is in a transaction: what is written now is committed.
    let store = PostgresStore::open_with(watched.pool.clone(), schemas.options("plain")).await;
    let store = store.unwrap();
    for n in 1_001..1_020 {
        let _ = store.commit(one(n, "b")).await.unwrap();
    }
    let elsewhere = schemas.store("plain").await;
    assert_eq!(elsewhere.version(&stream("b")).await.unwrap(), StreamVersion::new(19));
    watched.pool.close().await;
}

/// Rows and the checkpoint of a job: it goes on from where it is, whether or not it was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_a_job_that_is_dropped_happens_once_or_not_at_all() {
    let schemas = Schemas::new();
    let watched = Watched::new().await;
    let store = PostgresStore::open_with(watched.pool.clone(), schemas.options("log")).await;
    let store = store.unwrap();
    store.prepare(&shown()).await.unwrap();
    let lease = granted(&store, owner(1), LONG).await;
    let call = || {
        let (store, lease) = (store.clone(), lease.clone());
        async move {
            let at = store.lease(&job()).await.unwrap().checkpoint(store.identity()).get();
            let step = Commit::new().rows([put(&at.to_string(), "1")]);
            let step = step.advance(advance(&store, &lease, at, at + 1));
            match store.commit(step).await {
                // The step before, which nobody waited for, has moved it meanwhile.
                Ok(_) | Err(CommitError::Fenced(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        .boxed()
    };
    watched.drop_everywhere("advance", call, async || ()).await;
    let at = store.lease(&job()).await.unwrap().checkpoint(store.identity()).get();
    assert!(at >= FINISHED_MIN as u64, "{at}");
    assert_eq!(all_rows(&store).await.len() as u64, at, "each step has left its row");
    watched.pool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_dropped_while_it_was_opened_can_be_opened() {
    let schemas = Schemas::new();
    let watched = Watched::new().await;
    let mut begun = 0;
    let call = || {
        begun += 1;
        let options = schemas.options(&format!("open{begun}"));
        let opening = PostgresStore::open_with(watched.pool.clone(), options);
        async move { drop(opening.await.unwrap()) }.boxed()
    };
    watched.drop_everywhere("open_with", call, async || ()).await;
    for n in 1..=begun {
        let options = schemas.options(&format!("open{n}"));
        let store = PostgresStore::open_with(watched.pool.clone(), options).await.unwrap();
        let _ = store.commit(one(1, "a")).await.unwrap();
    }
    watched.pool.close().await;
}

/// Both lock out all who write, in a transaction of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beginning_and_ending_to_fold_can_be_dropped_and_writers_go_on() {
    let schemas = Schemas::new();
    let watched = Watched::new().await;
    let store = PostgresStore::open_with(watched.pool.clone(), schemas.options("log")).await;
    let store = store.unwrap();
    let writer = schemas.store("log").await;
    let begin = || {
        let store = store.clone();
        async move { drop(summed(&store).await) }.boxed()
    };
    watched.drop_everywhere("inline", begin, async || ()).await;
    let fold = || LeaseName::new("sum").unwrap();
    let (name, end) = call!(store.detach(&fold()));
    watched.drop_everywhere(name, end, async || ()).await;
    let _ = writer.commit(one(1, "a")).await.unwrap();
    watched.pool.close().await;
}

/// After a rollback nothing of it is left, and the connection is as good as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_commit_in_a_transaction_goes_with_it() {
    let schemas = Schemas::new();
    let watched = Watched::new().await;
    let store = PostgresStore::open_with(watched.pool.clone(), schemas.options("log")).await;
    let store = store.unwrap();
    let (mut polls, mut dropped, mut finished) = (1, 0, 0);
    while dropped < DROPPED_MIN || finished < FINISHED_MIN {
        // Begun here, since the driver can leave a connection within a transaction whose beginning is dropped.
        let mut tx = watched.pool.begin().await.unwrap();
        let has_ended = drop_after(polls, store.commit_in(&mut tx, one(1, "a"))).await;
        tx.rollback().await.unwrap();
        watched.are_quiet().await;
        assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::NONE);
        if has_ended {
            (polls, finished) = (1, finished + 1);
        } else {
            (polls, dropped) = (polls + 1, dropped + 1);
        }
        assert!(dropped + finished < ROUNDS_MAX, "{dropped} dropped, {finished} finished");
    }
    let _ = store.commit(one(1, "a")).await.unwrap();
    let page = store.read_all(Position::START, &Filter::all(), 9).await.unwrap();
    assert_eq!(page.events.len(), 1, "the feed goes on");
}
