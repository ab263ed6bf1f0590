//! After forgetting: every stream loads, every view is there, every message goes out, and nobody's data is in any of them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use freehold::aggregate::{Options, SnapshotPolicy};
use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::backend::sqlite::SqliteStore;
use freehold::outbox::Relay;
use freehold::personal::{SealedOptions, SealedStore};
use freehold::projection::{ReadSide, Want};
use freehold::{
    Commit, CommitError, Envelope, EventStore, InlineStore, LeaseName, MessageId, MessageType,
    OrderingKey, Outbox, Personal, Position, Repository, RowKey, RowSet, RowStore, RowValue,
    RowWrite, RowsWanted, Source, Store, SubjectKeys,
};
use uuid::Uuid;

use super::fixture::{
    Account, AccountEvent, Accounts, AtOnce, Line, SECRET, appended, opened, secret, subject,
};
use crate::aggregate::fixture::Watched;

pub(super) fn message(n: u128, of: u32) -> Envelope {
    let kind = MessageType::new("suite.opened.v1").unwrap();
    let key = OrderingKey::new("a").unwrap();
    Envelope::json(MessageId::new(Uuid::from_u128(n)), kind, key, &secret(of)).unwrap()
}

fn forgotten(of: u32) -> Personal<String> {
    Personal::forgotten(subject(of))
}

#[tokio::test]
async fn a_stream_loads_and_holds_the_typed_rest() {
    let store = SealedStore::new(MemoryStore::new());
    let accounts = Repository::<Account>::new(store.clone());
    let open = |_: &Account| Ok::<_, Infallible>(vec![AccountEvent::Opened { owner: secret(1) }]);
    accounts.execute("a", open).await.unwrap();
    let pay = |note| AccountEvent::Paid { cents: 250, note };
    for note in [Some(secret(2)), None, Some(secret(1))] {
        accounts.execute("a", |_| Ok::<_, Infallible>(vec![pay(note.clone())])).await.unwrap();
    }
    let done = store.forget(&subject(1)).await.unwrap();
    assert_eq!(done.versions()[0].0.to_string(), "freehold_forgetting-customer-1");
    // Nor does it tell what it has in memory.
    assert_eq!(accounts.load("a").await.unwrap().owner, Some(forgotten(1)));
    let account = Repository::<Account>::new(store.clone()).load("a").await.unwrap();
    assert_eq!((account.cents, account.owner.clone()), (750, Some(forgotten(1))));
    assert_eq!(account.notes, [secret(2), forgotten(1)]);
    // It happens once, and goes on: what is decided on the rest may be recorded, news of the forgotten may not.
    assert!(store.forget(&subject(1)).await.unwrap().is_duplicate());
    let fresh = Repository::<Account>::new(store.clone());
    fresh.execute("a", |_| Ok::<_, Infallible>(vec![pay(Some(forgotten(1)))])).await.unwrap();
    let news = fresh.execute("a", |_| Ok::<_, Infallible>(vec![pay(Some(secret(1)))])).await;
    let news = format!("{:?}", news.unwrap_err());
    assert!(news.contains("Forgotten") && news.contains("customer-1"), "{news}");
    assert_eq!(fresh.load("a").await.unwrap().cents, 1_000);
}

/// Whoever is told of it by another process drops what it has in memory, too, once it hears of it.
#[tokio::test]
async fn another_process_holds_a_state_until_it_hears_of_it() {
    let inner = MemoryStore::new();
    let store = SealedStore::new(inner.clone());
    // Few are remembered: what was known of one may have been given up for another.
    let options = SealedOptions {
        cached_time_max: Duration::ZERO,
        cached_subjects_max: 1,
        ..SealedOptions::default()
    };
    let elsewhere = SealedStore::with_options(inner, options);
    let accounts = Repository::<Account>::new(elsewhere.clone());
    store.commit(opened("a", 1, 1)).await.unwrap();
    assert_eq!(accounts.load("a").await.unwrap().owner, Some(secret(1)));
    store.commit(opened("b", 2, 2)).await.unwrap();
    assert_eq!(accounts.load("b").await.unwrap().owner, Some(secret(2)));
    store.forget(&subject(1)).await.unwrap();
    assert_eq!(accounts.load("a").await.unwrap().owner, Some(secret(1)), "nobody has told it");
    assert!(elsewhere.has_forgotten(&subject(1)).await.unwrap());
    assert_eq!(accounts.load("a").await.unwrap().owner, Some(forgotten(1)));

    // Or it is made to.
    assert_eq!(accounts.load("b").await.unwrap().owner, Some(secret(2)));
    store.forget(&subject(2)).await.unwrap();
    accounts.clear_cache();
    assert_eq!(accounts.load("b").await.unwrap().owner, Some(forgotten(2)));
}

/// Commands that overlap decide upon what those before them have decided, without reading; and not upon what is to be told no more.
#[tokio::test]
async fn a_busy_stream_is_read_again_when_somebody_is_forgotten() {
    let (inner, keys) = (Watched::new(), Arc::new(MemoryStore::new()));
    let store = SealedStore::with_keys(inner.clone(), keys, SealedOptions::default());
    let accounts = Repository::<Account>::new(store.clone());
    store.commit(opened("a", 1, 1)).await.unwrap();
    inner.shut();
    let commits_are = async |commits| {
        while inner.commits() < commits {
            tokio::task::yield_now().await;
        }
    };
    let pay = || {
        let accounts = accounts.clone();
        tokio::spawn(async move {
            let paid = || vec![AccountEvent::Paid { cents: 1, note: None }];
            let paying = accounts.execute("a", move |_| Ok::<_, Infallible>(paid()));
            paying.await.unwrap().into_state()
        })
    };
    let first = pay();
    commits_are(2).await;
    let forgetting = tokio::spawn({
        let store = store.clone();
        async move { store.forget(&subject(1)).await }
    });
    // The key is gone, and the log is about to say so.
    commits_are(3).await;
    let second = pay();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    inner.gate.add_permits(9);
    drop(forgetting.await.unwrap().unwrap());
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((first.cents, first.owner), (1, Some(secret(1))), "decided before");
    assert_eq!((second.cents, second.owner), (2, Some(forgotten(1))));
}

/// A state that was being read when somebody was forgotten is not kept.
#[tokio::test]
async fn a_state_that_was_read_while_somebody_was_forgotten_is_read_again() {
    let store = SealedStore::new(MemoryStore::new());
    let accounts = Repository::<Account>::new(store.clone());
    store.commit(opened("a", 1, 1)).await.unwrap();
    // Decisions wait for nobody, so somebody else forgets meanwhile.
    let forget = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        drop(runtime.block_on(store.forget(&subject(1))).unwrap());
    };
    let paying = accounts.execute("a", |account| {
        assert_eq!(account.owner, Some(secret(1)));
        std::thread::scope(|scope| scope.spawn(forget).join().unwrap());
        Ok::<_, Infallible>(vec![AccountEvent::Paid { cents: 1, note: None }])
    });
    paying.await.unwrap();
    let account = accounts.load("a").await.unwrap();
    assert_eq!((account.cents, account.owner.clone()), (1, Some(forgotten(1))));
}

#[tokio::test]
async fn a_commit_of_ones_own_happens_with_the_forgetting_or_neither_does() {
    let store = SealedStore::new(MemoryStore::new());
    store.commit(opened("a", 1, 1)).await.unwrap();
    let closed = AccountEvent::Paid { cents: -1, note: Some(secret(2)) };
    let conflict = Commit::new()
        .check(&super::fixture::account("a"), freehold::ExpectedVersion::NoStream)
        .and(appended("b", 2, &closed));
    let refused = store.forget_with(&subject(1), conflict).await;
    assert!(matches!(refused, Err(CommitError::Conflict(_))), "{refused:?}");
    assert_eq!(store.head().await.unwrap(), Position::new(1));
    let account = Repository::<Account>::new(store.clone()).load("a").await.unwrap();
    assert_eq!(account.owner, Some(secret(1)));
    store.forget_with(&subject(1), appended("b", 3, &closed)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), Position::new(3));
    let account = Repository::<Account>::new(store.clone()).load("b").await.unwrap();
    assert_eq!(account.notes, [secret(2)]);
}

#[tokio::test]
async fn a_snapshot_is_passed_over_and_the_state_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let inner = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
    let store = SealedStore::new(inner.clone());
    let uncached = || Options { cached_states_max: 0, ..Options::default() };
    let policy = SnapshotPolicy { every_events: 1, ..SnapshotPolicy::default() };
    let accounts = Repository::<Account>::with_snapshots(store.clone(), uncached(), policy);
    store.commit(opened("a", 1, 1).and(opened("b", 2, 2))).await.unwrap();
    for id in ["a", "b"] {
        accounts.load(id).await.unwrap();
    }
    let set = RowSet::new("freehold_snapshots").unwrap();
    let all = RowsWanted::Page { prefix: "".into(), after: None, limit: 9 };
    let count = async || inner.rows(&set, &all, None).await.map_or(0, |page| page.rows.len());
    while count().await < 2 {
        tokio::task::yield_now().await;
    }
    let kept = inner.rows(&set, &all, None).await.unwrap();
    let json = format!("{:?}", kept.rows.iter().map(|row| row.value.json()).collect::<Vec<_>>());
    assert!(!json.contains("Lovelace") && json.contains("sealed"), "{json}");
    store.forget(&subject(1)).await.unwrap();
    let with = Repository::<Account>::with_snapshots(store.clone(), uncached(), policy);
    let without = Repository::<Account>::with_options(store.clone(), uncached());
    for (id, owner) in [("a", forgotten(1)), ("b", secret(2))] {
        let loaded = with.load(id).await.unwrap();
        assert_eq!(loaded.state(), without.load(id).await.unwrap().state(), "{id}");
        assert_eq!(loaded.owner, Some(owner), "{id}");
    }
}

/// The views of a store, after what was recorded.
async fn views(store: &SealedStore<MemoryStore>, rebuilt: bool) -> (Line, Line, Option<Line>) {
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let kept = reads.upkeep(Accounts).start();
    let view = reads.view::<Accounts>();
    let head = freehold::Token::new(store.identity(), store.head().await.unwrap());
    view.wait_for(head, Duration::from_mins(1)).await.unwrap();
    if rebuilt {
        kept.rebuild().await.unwrap();
        while kept.rebuilding().await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let get = async |key: &str| view.get(key).want(Want::Head).await.unwrap().value;
    let found = (get("a").await.unwrap(), get("b").await.unwrap(), get("forgotten").await);
    kept.stop().await;
    found
}

#[tokio::test(start_paused = true)]
async fn a_view_forgets_is_told_and_forgets_again_when_it_is_rebuilt() {
    let store = SealedStore::new(MemoryStore::new());
    store.commit(opened("a", 1, 1).and(opened("b", 2, 2))).await.unwrap();
    let line = |owner, cents| Line { owner: Some(owner), cents, told: Vec::new() };
    let before = views(&store, false).await;
    assert_eq!(before, (line(secret(1), 0), line(secret(2), 0), None));
    store.forget(&subject(1)).await.unwrap();
    let paid = |id, n| appended(id, n, &AccountEvent::Paid { cents: 5, note: None });
    store.commit(paid("a", 3).and(paid("b", 4))).await.unwrap();
    for rebuilt in [false, true] {
        let (a, b, told) = views(&store, rebuilt).await;
        assert_eq!((a, b), (line(forgotten(1), 5), line(secret(2), 5)), "rebuilt: {rebuilt}");
        assert_eq!(told.unwrap().told, ["customer-1"], "rebuilt: {rebuilt}");
    }
}

/// What a fold makes of what it has read before the forgetting is forgotten on its way into the row.
#[tokio::test]
async fn a_row_that_comes_late_forgets() {
    let store = SealedStore::new(MemoryStore::new());
    store.commit(opened("a", 1, 1)).await.unwrap();
    store.forget(&subject(1)).await.unwrap();
    let (set, key) = (RowSet::new("late").unwrap(), RowKey::new("a").unwrap());
    store.prepare(&set).await.unwrap();
    let rows = [RowWrite::put(&set, &key, RowValue::of(&vec![secret(1), secret(2)]).unwrap())];
    store.commit(Commit::new().rows(rows).send(&message(7, 1))).await.unwrap();
    let read = store.rows(&set, &RowsWanted::Keys(vec![key]), None).await.unwrap();
    let found: Vec<Personal<String>> = read.rows[0].value.read().unwrap();
    assert_eq!(found, [forgotten(1), secret(2)]);
    let page = store.outbox_page(Position::START, 9).await.unwrap();
    let message = Envelope::stored(page.events[0].data()).unwrap();
    assert_eq!(serde_json::from_slice::<Personal<String>>(message.data()).unwrap(), forgotten(1));
}

/// Within the append: keys that a fold finds missing are asked for, and it begins again.
#[tokio::test(start_paused = true)]
async fn a_strong_view_is_sealed_and_forgets() {
    let inner = MemoryStore::new();
    let store = SealedStore::new(inner.clone());
    store
        .commit(
            (0..30).fold(Commit::new(), |all, n| {
                all.and(opened(&n.to_string(), u128::from(n) + 1, n))
            }),
        )
        .await
        .unwrap();
    // Another process, which knows no key yet.
    let other = SealedStore::new(inner.clone());
    let reads = ReadSide::new(other.clone()).follow(other.clone());
    let view = reads.inline(AtOnce, other.clone()).await.unwrap();
    let owner = async |id: &str| view.get(id).want(Want::Head).await.unwrap().value.unwrap().owner;
    assert_eq!(owner("7").await, Some(secret(7)));
    let (set, all) = (
        RowSet::new("at_once").unwrap(),
        RowsWanted::Page { prefix: "".into(), after: None, limit: 99 },
    );
    let rows = inner.rows(&set, &all, None).await.unwrap().rows;
    assert!(rows.len() == 30, "{}", rows.len());
    for row in &rows {
        assert!(!String::from_utf8_lossy(row.value.json()).contains("Lovelace"), "{row:?}");
    }
    other.commit(opened("new", 99, 99)).await.unwrap();
    assert_eq!(owner("new").await, Some(secret(99)));
    other.forget(&subject(7)).await.unwrap();
    let told = view.get("forgotten").want(Want::Head).await.unwrap().value.unwrap().told;
    assert_eq!((owner("7").await, told), (Some(forgotten(7)), vec!["customer-7".to_owned()]));
    // A row that was folded before is folded on.
    let paid = AccountEvent::Paid { cents: 5, note: Some(forgotten(7)) };
    other.commit(appended("7", 100, &paid)).await.unwrap();
    let line = view.get("7").want(Want::Head).await.unwrap().value.unwrap();
    assert_eq!((line.owner, line.cents), (Some(forgotten(7)), 5));
    other.detach(&LeaseName::new("at_once").unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_relay_publishes_what_is_known_and_what_is_left() {
    let inner = MemoryStore::new();
    let (store, broker) = (SealedStore::new(inner.clone()), MemoryBroker::new());
    store.commit(Commit::new().send(&message(1, 1)).send(&message(2, 2))).await.unwrap();
    let raw = inner.outbox_page(Position::START, 9).await.unwrap().events;
    assert!(raw.iter().all(|e| !String::from_utf8_lossy(e.data()).contains("Lovelace")));
    store.forget(&subject(1)).await.unwrap();
    let name = LeaseName::new("relay").unwrap();
    let relay = Relay::new(name, Source::new("/suite").unwrap(), store.clone());
    let relay = relay.publish_to(broker.clone()).start();
    relay.drained().await.unwrap();
    relay.stop().await;
    let read = |data: &bytes::Bytes| serde_json::from_slice::<Personal<String>>(data).unwrap();
    let sent: Vec<_> =
        broker.messages().iter().map(|it| read(it.message.envelope.data())).collect();
    assert_eq!(sent, [forgotten(1), secret(2)]);
}

/// A backup of the events, with the keys that are left.
#[tokio::test]
async fn an_old_backup_of_the_events_is_forgotten_too() {
    let keys = std::sync::Arc::new(MemoryStore::new());
    let folder = tempfile::tempdir().unwrap();
    let (live, backup) = (folder.path().join("live.db"), folder.path().join("backup.db"));
    let open = async |path| {
        let inner = SqliteStore::open(path).await.unwrap();
        SealedStore::with_keys(inner, keys.clone(), freehold::personal::SealedOptions::default())
    };
    let store = open(&live).await;
    store.commit(opened("a", 1, 1).and(opened("b", 2, 2))).await.unwrap();
    let copy = rusqlite_backup(&live, &backup);
    store.forget(&subject(1)).await.unwrap();
    let restored = open(&copy).await;
    let accounts = Repository::<Account>::new(restored);
    assert_eq!(accounts.load("a").await.unwrap().owner, Some(forgotten(1)));
    assert_eq!(accounts.load("b").await.unwrap().owner, Some(secret(2)));
    assert_eq!(keys.rings(&[subject(1)]).await.unwrap(), [freehold::KeyRing::Forgotten]);
    assert!(!std::fs::read(&copy).unwrap().windows(8).any(|part| part == &SECRET.as_bytes()[..8]));
}

fn rusqlite_backup(from: &std::path::Path, to: &std::path::Path) -> std::path::PathBuf {
    let conn = freehold::backend::sqlite::rusqlite::Connection::open(from).unwrap();
    conn.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
    to.to_owned()
}
