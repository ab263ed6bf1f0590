//! The log of messages under writers that sleep and roll back, beside a reader of the kind that loses messages.
//!
//! The naive reader is the proof that the test can fail: if it loses nothing, the writers did not interleave, and what our
//! reader shows means nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::{Commit, Outbox, Position, RecordedEvent, Store};
use tokio::sync::watch;
use uuid::Uuid;

use crate::feed::{Chance, EMPTY_LOOKS, seed, stranger};
use crate::outbox::{insert_by_hand, message, sends};
use crate::server::{Schemas, one, pool};

const WRITERS: u128 = 48;
const MESSAGES: u128 = 25;
/// A page of the reader, which keeps up with the writers: else it would come when all is settled.
const PAGE: usize = 100;
/// After so many, the reader that trims does.
const TRIMMED_AT: usize = 150;

/// All that take part.
#[derive(Clone)]
struct Scene {
    schemas: Arc<Schemas>,
    pool: PgPool,
    /// The readers', so that they do not queue up with the writers.
    readers: PgPool,
    stores: [PostgresStore; 2],
    seed: u64,
    /// Whether some take the lock by hand. While they do, nobody would miss the locks of others.
    with_locks: bool,
}

impl Scene {
    async fn new(with_locks: bool) -> Self {
        let schemas = Arc::new(Schemas::new());
        let pool = pool(WRITERS as u32 + 12).await;
        let open = || PostgresStore::open_with(pool.clone(), schemas.options("log"));
        let stores = [open().await.unwrap(), open().await.unwrap()];
        let readers = crate::server::pool(4).await;
        Self { schemas, pool, readers, stores, seed: seed(), with_locks }
    }

    async fn reader(&self) -> PostgresStore {
        let options = self.schemas.options("log");
        PostgresStore::open_with(self.readers.clone(), options).await.unwrap()
    }

    fn schema(&self) -> String {
        self.schemas.name("log").as_str().to_owned()
    }

    /// Lets all writers write, and tells what each has committed, in its order.
    async fn write(&self) -> BTreeMap<String, Vec<Uuid>> {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| tokio::spawn(self.clone().write_as(writer))).collect();
        let mut written = BTreeMap::new();
        for (writer, done) in writers.into_iter().enumerate() {
            written.insert(format!("writer{writer}"), done.await.unwrap());
        }
        written
    }

    async fn write_as(self, writer: u128) -> Vec<Uuid> {
        let mut chance =
            Chance(self.seed ^ (writer as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (key, mut written) = (format!("writer{writer}"), Vec::new());
        for n in 0..MESSAGES {
            let id = writer * MESSAGES + n + 1;
            let store = &self.stores[chance.below(2) as usize];
            if chance.below(4) == 0 {
                let committed = store.commit(sends(id, &key)).await.unwrap();
                assert!(!committed.is_duplicate());
                written.push(Uuid::from_u128(id));
                continue;
            }
            let mut tx = self.pool.begin().await.unwrap();
            match chance.below(3) {
                0 if self.with_locks => self.insert_slowly(&mut tx, id, &key, &mut chance).await,
                1 => {
                    let insert = insert_by_hand(&self.schema(), &message(id, &key));
                    tx.execute(insert).await.unwrap();
                }
                _ => {
                    let with_event = chance.below(2) == 0;
                    let of = if with_event { one(id, &key) } else { Commit::new() };
                    let staged =
                        store.commit_in(&mut tx, of.send(&message(id, &key))).await.unwrap();
                    assert!(!staged.is_duplicate());
                }
            }
            chance.doze().await;
            if chance.below(7) == 0 {
                tx.rollback().await.unwrap();
            } else {
                tx.commit().await.unwrap();
                written.push(Uuid::from_u128(id));
            }
        }
        written
    }

    /// What the trigger and the default do, asleep in between.
    async fn insert_slowly(
        &self,
        tx: &mut sqlx::PgConnection,
        id: u128,
        key: &str,
        chance: &mut Chance,
    ) {
        let sql = |text: &str| AssertSqlSafe(text.replace("{schema}", &self.schema()));
        let lock = "SELECT pg_advisory_xact_lock_shared({schema}.outbox_lock())";
        tx.execute(sql(lock)).await.unwrap();
        chance.doze().await;
        let drawn = sqlx::query(sql("SELECT nextval('{schema}.outbox_positions')"));
        let position: i64 = drawn.fetch_one(&mut *tx).await.unwrap().get(0);
        chance.doze().await;
        let insert =
            "INSERT INTO {schema}.outbox (position, message_id, ordering_key, type, envelope)
                      VALUES ($1, $2::uuid, $3, 'shop.written.v1', $4::json)";
        let stored = String::from_utf8(message(id, key).to_stored().unwrap()).unwrap();
        let insert = sqlx::query(sql(insert)).bind(position).bind(Uuid::from_u128(id).to_string());
        insert.bind(key).bind(stored).execute(&mut *tx).await.unwrap();
    }

    /// The positions that are there, in order.
    async fn positions(&self) -> Vec<u64> {
        let select = format!("SELECT position FROM {}.outbox ORDER BY 1", self.schema());
        let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&self.pool).await.unwrap();
        rows.iter().map(|row| row.get::<i64, _>(0) as u64).collect()
    }
}

/// Remembers the largest position that it saw, until the writers have ended and nothing more comes.
async fn read_naively(scene: Scene, over: Arc<AtomicBool>) -> usize {
    let select = format!(
        "SELECT position FROM {}.outbox WHERE position > $1 ORDER BY position LIMIT 100",
        scene.schema()
    );
    let (mut last, mut seen, mut empty_looks) = (0_i64, 0, 0);
    while empty_looks < EMPTY_LOOKS {
        // In this order: what is written before they end is seen after it.
        let last_look = over.load(Ordering::SeqCst);
        let rows = sqlx::query(AssertSqlSafe(select.clone())).bind(last);
        let rows = rows.fetch_all(&scene.pool).await.unwrap();
        seen += rows.len();
        if let Some(row) = rows.last() {
            last = row.get(0);
        } else {
            empty_looks += usize::from(last_look);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    seen
}

/// Goes on from `upto`, until it has reached the end that it is told.
async fn follow(store: PostgresStore, mut end: watch::Receiver<Position>) -> Vec<RecordedEvent> {
    let (mut after, mut seen) = (Position::START, Vec::new());
    loop {
        let page = store.outbox_page(after, PAGE).await.unwrap();
        assert!(page.events.len() <= PAGE && page.upto >= after);
        seen.extend(page.events);
        after = page.upto;
        if page.has_more {
            continue;
        }
        if *end.borrow_and_update() <= after {
            return seen;
        }
        tokio::select! {
            changed = store.outbox_changed(after) => changed.unwrap(),
            _ = end.changed() => {}
        }
    }
}

/// As [`follow`] does. Now and then it trims behind itself, and goes on with a handle that knows nothing.
async fn relay(scene: Scene, mut end: watch::Receiver<Position>) -> Vec<RecordedEvent> {
    let (mut store, mut after, mut seen) = (scene.reader().await, Position::START, Vec::new());
    let mut trimmed = 0;
    loop {
        let page = store.outbox_page(after, PAGE).await.unwrap();
        seen.extend(page.events);
        after = page.upto;
        if seen.len() - trimmed >= TRIMMED_AT {
            let gone = store.outbox_trim(after).await.unwrap() as usize;
            assert_eq!(gone, seen.len() - trimmed, "all that was read, and no more");
            trimmed = seen.len();
            store = scene.reader().await;
            let (head, its_end) = (store.outbox_head().await, store.outbox_end().await);
            let (head, its_end) = (head.unwrap(), its_end.unwrap());
            assert!(head >= after && its_end >= head, "{after:?} {head:?} {its_end:?}");
        }
        if page.has_more {
            continue;
        }
        if *end.borrow_and_update() <= after {
            return seen;
        }
        tokio::select! {
            changed = store.outbox_changed(after) => changed.unwrap(),
            _ = end.changed() => {}
        }
    }
}

/// What was seen is what was committed, each once, in the order of positions and in that of each writer.
fn judge(seen: &[RecordedEvent], written: &BTreeMap<String, Vec<Uuid>>) {
    let positions: Vec<u64> = seen.iter().map(|message| message.position().get()).collect();
    assert!(positions.is_sorted_by(|left, right| left < right), "reordered or twice");
    let mut by_key = BTreeMap::<String, Vec<Uuid>>::new();
    for message in seen {
        by_key.entry(message.stream().id().to_owned()).or_default().push(message.id().as_uuid());
    }
    assert_eq!(&by_key, written, "lost, reordered, or rolled back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_rolled_back_is_seen_among_48_writers_of_messages() {
    let scene = Scene::new(true).await;
    // It has written, somewhere, and stays open to the end. Nobody waits for it.
    let stranger = stranger(&scene.pool, &format!("{}.strangers", scene.schema())).await;
    let over = Arc::<AtomicBool>::default();
    let naive = tokio::spawn(read_naively(scene.clone(), Arc::clone(&over)));
    let (end, ended) = watch::channel(Position::new(u64::MAX));
    let ours = tokio::spawn(follow(scene.reader().await, ended));
    let written = scene.write().await;
    over.store(true, Ordering::SeqCst);

    let truth = scene.positions().await;
    end.send_replace(Position::new(*truth.last().unwrap()));
    let ours = tokio::time::timeout(Duration::from_mins(1), ours).await;
    let seen = ours.expect("held up by a stranger").unwrap();
    let order: Vec<u64> = seen.iter().map(|message| message.position().get()).collect();
    assert_eq!(order, truth);
    judge(&seen, &written);
    let lost = truth.len() - naive.await.unwrap();
    println!("{} messages, of which the naive reader has lost {lost}", truth.len());
    assert!(lost > 0, "the test proves nothing");
    stranger.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_trims_behind_itself_and_always_begins_anew_misses_nothing() {
    let scene = Scene::new(false).await;
    let (end, ended) = watch::channel(Position::new(u64::MAX));
    let ours = tokio::spawn(relay(scene.clone(), ended));
    let written = scene.write().await;
    let last = scene.stores[1].outbox_end().await.unwrap();
    end.send_replace(last);
    judge(&ours.await.unwrap(), &written);
    assert!(scene.positions().await.len() < TRIMMED_AT);
}
