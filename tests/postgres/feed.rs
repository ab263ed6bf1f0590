//! The feed under writers that sleep and roll back, beside readers of the kind that lose events.
//!
//! The naive readers are the proof that the test can fail: if none of them loses anything, the writers did not
//! interleave, and what our reader shows means nothing. Chance makes them do so, but on a slow machine not always while the naive
//! readers look: amid the others, one pair of writers does it for certain.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use freehold::backend::postgres::sqlx::{
    self, AssertSqlSafe, Executor, PgPool, Row, postgres::PgPoolOptions,
};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{Commit, EventStore, ExpectedVersion, Filter, Position};
use tokio::sync::watch;
use uuid::Uuid;

use crate::server::{Schemas, one, pool, put, shown, stream, url};

const WRITERS: u64 = 64;
const APPENDS: u64 = 40;
/// How often a naive reader looks again in the end, a millisecond apart: what it has not seen then, it never sees.
pub(crate) const EMPTY_LOOKS: usize = 500;

/// A generator of delays and choices, from a seed that is printed.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*, by Vigna: more than good enough to sleep by.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    pub(crate) async fn doze(&mut self) {
        if self.below(2) == 0 {
            tokio::time::sleep(Duration::from_micros(self.below(8_000))).await;
        }
    }
}

pub(crate) fn seed() -> u64 {
    let given = std::env::var("FEED_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| Uuid::now_v7().as_u128() as u64 | 1);
    println!("FEED_SEED={seed}");
    seed
}

/// When each event could be seen, and how long the slowest append took.
#[derive(Default)]
struct Written {
    seen_from: HashMap<u64, Instant>,
    slowest: Duration,
}

/// Appends by hand, asleep between lock, sequence, insert and commit; some are rolled back.
async fn write(pool: PgPool, schema: String, writer: u64, seed: u64) -> Written {
    let mut chance = Chance(seed ^ writer.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut written = Written::default();
    let sql = |text: &str| AssertSqlSafe(text.replace("{schema}", &schema));
    for n in 0..APPENDS {
        let began = Instant::now();
        let mut tx = pool.begin().await.unwrap();
        if chance.below(4) == 0 {
            // The transaction gets its id long before its position.
            tx.execute(sql("INSERT INTO {schema}.strangers DEFAULT VALUES")).await.unwrap();
            chance.doze().await;
        }
        // What the trigger does, with time between it and the insert.
        let lock = "SELECT pg_advisory_xact_lock_shared({schema}.events_lock())";
        tx.execute(sql(lock)).await.unwrap();
        chance.doze().await;
        let drawn =
            sqlx::query(sql("SELECT nextval('{schema}.positions')")).fetch_one(&mut *tx).await;
        let position: i64 = drawn.unwrap().get(0);
        chance.doze().await;
        let insert = "INSERT INTO {schema}.events (position, event_id, category, stream, version, name, data)
                      VALUES ($1, gen_random_uuid(), 'by_hand', $2, $3, 'Written', '')";
        let insert =
            sqlx::query(sql(insert)).bind(position).bind(format!("{writer}-{n}")).bind(1_i64);
        insert.execute(&mut *tx).await.unwrap();
        chance.doze().await;
        if chance.below(7) == 0 {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
            written.seen_from.insert(position as u64, Instant::now());
        }
        written.slowest = written.slowest.max(began.elapsed());
    }
    written
}

/// How a naive reader reads. Each has a cursor of two numbers, which not all of them need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Naive {
    Position,
    XminAndPosition,
    XidThenPosition,
    SnapshotXmax,
}

/// Reads as `how` until the writers have ended and nothing more comes. Returns what it saw, in order, and how much of
/// it before `strangers` ended.
async fn read_naively(
    how: Naive,
    pool: PgPool,
    schema: String,
    over: Arc<AtomicBool>,
    strangers: Arc<AtomicBool>,
    reached: watch::Sender<i64>,
) -> (Vec<u64>, usize) {
    let own = "xmin::text::bigint";
    let frontier = "(pg_snapshot_xmin(pg_current_snapshot())::text::bigint & 4294967295)";
    let rest = match how {
        Naive::Position | Naive::SnapshotXmax => "position > $2 ORDER BY position".to_owned(),
        Naive::XminAndPosition => {
            format!("position > $2 AND {own} < {frontier} ORDER BY position")
        }
        Naive::XidThenPosition => {
            format!("({own}, position) > ($1, $2) AND {own} < {frontier} ORDER BY {own}, position")
        }
    };
    let sql = format!(
        "SELECT {own}, position, pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
                pg_snapshot_xmax(pg_current_snapshot())::text::bigint
         FROM {schema}.events WHERE $1::bigint IS NOT NULL AND {rest} LIMIT 100"
    );
    let (mut cursor, mut seen, mut while_strangers) = ((0_i64, 0_i64), Vec::new(), 0);
    let (mut barrier, mut empty_looks) = (None, 0);
    loop {
        // In this order: what is written before they end is seen after it.
        let last_look = over.load(Ordering::SeqCst);
        let select = sqlx::query(AssertSqlSafe(sql.clone())).bind(cursor.0).bind(cursor.1);
        let rows = select.fetch_all(&pool).await.unwrap();
        let before = seen.len();
        for row in &rows {
            let (xid, position): (i64, i64) = (row.get(0), row.get(1));
            if how == Naive::SnapshotXmax && position != cursor.1 + 1 {
                let (xmin, xmax): (i64, i64) = (row.get(2), row.get(3));
                if xmin < *barrier.get_or_insert(xmax) && !last_look {
                    break;
                }
            }
            barrier = None;
            cursor = (xid, position);
            seen.push(position as u64);
        }
        reached.send_replace(cursor.1);
        if strangers.load(Ordering::SeqCst) {
            while_strangers = seen.len();
        }
        if seen.len() == before {
            empty_looks += usize::from(last_look);
            if empty_looks == EMPTY_LOOKS {
                return (seen, while_strangers);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A look of a reader of our feed.
struct Look {
    began: Instant,
    ended: Instant,
    seen: Vec<u64>,
    /// Whether it saw all that there was, and not a page that was full.
    is_whole: bool,
}

/// Follows our feed until it has reached `end`.
async fn follow(store: PostgresStore, mut end: watch::Receiver<u64>) -> Vec<Look> {
    let (mut after, mut looks) = (Position::START, Vec::new());
    loop {
        let began = Instant::now();
        let page = store.read_all(after, &Filter::all(), 50).await.unwrap();
        let seen = page.events.iter().map(|event| event.position().get()).collect();
        looks.push(Look { began, ended: Instant::now(), seen, is_whole: !page.has_more });
        after = page.upto;
        if page.has_more {
            continue;
        }
        if *end.borrow_and_update() <= after.get() {
            return looks;
        }
        // Not for long: a look is what shows that nothing could be seen.
        tokio::select! {
            changed = store.changed(after) => changed.unwrap(),
            _ = end.changed() => {}
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    }
}

/// A transaction that has written, somewhere, and stays open.
pub(crate) async fn stranger(
    pool: &PgPool,
    table: &str,
) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let create = format!("CREATE TABLE IF NOT EXISTS {table} (id serial)");
    pool.execute(AssertSqlSafe(create)).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    tx.execute(AssertSqlSafe(format!("INSERT INTO {table} DEFAULT VALUES"))).await.unwrap();
    tx
}

/// The server, with another database of its own; dropped by [`drop_neighbour`].
async fn neighbour(name: &str) -> PgPool {
    pool(1).await.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let options: sqlx::postgres::PgConnectOptions = url().parse().unwrap();
    PgPoolOptions::new().connect_with(options.database(name)).await.unwrap()
}

async fn drop_neighbour(pool_of_it: PgPool, name: &str) {
    pool_of_it.close().await;
    pool(1).await.execute(AssertSqlSafe(format!("DROP DATABASE {name} (FORCE)"))).await.unwrap();
}

/// What all who take part share.
struct Scene {
    schemas: Schemas,
    store: PostgresStore,
    pool: PgPool,
    seed: u64,
    over: Arc<AtomicBool>,
    strangers: Arc<AtomicBool>,
}

/// A naive reader at work, and up to where it has read.
struct NaiveReader {
    how: Naive,
    reached: watch::Receiver<i64>,
    task: tokio::task::JoinHandle<(Vec<u64>, usize)>,
}

impl Scene {
    async fn new(is_warm: bool) -> Self {
        let schemas = Schemas::new();
        // Writers by hand tell nobody, so what a reader waits between two looks is a part of its lag.
        let poll_interval = Duration::from_millis(5);
        let options = PostgresOptions { poll_interval, ..schemas.options("feed") };
        let store = PostgresStore::open_with(pool(10).await, options).await.unwrap();
        let pool = pool(WRITERS as u32 + 8).await;
        if is_warm {
            let _ = freehold::Store::commit(&store, one(1, "first")).await.unwrap();
        }
        let (over, strangers) = (Arc::default(), Arc::new(AtomicBool::new(true)));
        let scene = Self { schemas, store, pool, seed: seed(), over, strangers };
        let table = format!("CREATE TABLE {}.strangers (id serial)", scene.schema());
        scene.pool.execute(AssertSqlSafe(table)).await.unwrap();
        scene
    }

    fn schema(&self) -> String {
        self.schemas.name("feed").as_str().to_owned()
    }

    fn naive_readers(&self) -> [NaiveReader; 4] {
        [Naive::Position, Naive::XminAndPosition, Naive::XidThenPosition, Naive::SnapshotXmax].map(
            |how| {
                let (over, strangers) = (Arc::clone(&self.over), Arc::clone(&self.strangers));
                let (pool, schema) = (self.pool.clone(), self.schema());
                let (reaches, reached) = watch::channel(0);
                let reader = read_naively(how, pool, schema, over, strangers, reaches);
                NaiveReader { how, reached, task: tokio::spawn(reader) }
            },
        )
    }

    /// Lets all writers write.
    async fn write(&self, round: u64) -> Written {
        let mut written = Written::default();
        let write = |n| write(self.pool.clone(), self.schema(), n + round * WRITERS, self.seed);
        let writers: Vec<_> = (0..WRITERS).map(|n| tokio::spawn(write(n))).collect();
        for writer in writers {
            let one = writer.await.unwrap();
            written.seen_from.extend(one.seen_from);
            written.slowest = written.slowest.max(one.slowest);
        }
        written
    }

    /// Writes two events, of which the first one is committed when those who go by positions alone have read the second. Says how
    /// long that took, at most.
    async fn trick(&self, naive: &mut [NaiveReader; 4]) -> Duration {
        let began = Instant::now();
        let sql = |text: &str| AssertSqlSafe(text.replace("{schema}", &self.schema()));
        let insert = "INSERT INTO {schema}.events (position, event_id, category, stream, version, name, data)
                          VALUES ($1, gen_random_uuid(), 'trick', $1::text, 1, 'Written', '')";
        let draw = "SELECT nextval('{schema}.positions'), pg_current_xact_id_if_assigned() IS NULL
                    FROM pg_advisory_xact_lock_shared({schema}.events_lock())";
        let (mut late, first) = loop {
            let mut tx = self.pool.begin().await.unwrap();
            let drawn = tx.fetch_one(sql(draw)).await.unwrap();
            // Now and then the sequence itself is written, and who did so has an id that readers wait for.
            if drawn.get(1) {
                break (tx, drawn.get::<i64, _>(0));
            }
            tx.rollback().await.unwrap();
        };
        let mut early = self.pool.begin().await.unwrap();
        let second = early.fetch_one(sql(draw)).await.unwrap().get::<i64, _>(0);
        early.execute(sqlx::query(sql(insert)).bind(second)).await.unwrap();
        early.commit().await.unwrap();
        for reader in naive {
            if matches!(reader.how, Naive::Position | Naive::XminAndPosition) {
                let patience = Duration::from_mins(3);
                let is_tricked = reader.reached.wait_for(|reached| *reached >= second);
                let _ = tokio::time::timeout(patience, is_tricked).await.unwrap().unwrap();
            }
        }
        late.execute(sqlx::query(sql(insert)).bind(first)).await.unwrap();
        late.commit().await.unwrap();
        began.elapsed()
    }

    /// Waits until our feed has reached all that is written so far.
    async fn reach(&self, written: &Written) {
        let wanted = written.seen_from.keys().max().copied().unwrap();
        let all = async {
            loop {
                let head = self.store.head().await.unwrap();
                if head.get() >= wanted {
                    return;
                }
                self.store.changed(head).await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_mins(1), all).await.expect("held up by strangers");
    }

    /// All positions, in order.
    async fn truth(&self) -> Vec<u64> {
        let select = format!("SELECT position FROM {}.events ORDER BY 1", self.schema());
        let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&self.pool).await.unwrap();
        rows.iter().map(|row| row.get::<i64, _>(0) as u64).collect()
    }
}

async fn nothing_is_lost(is_warm: bool) {
    let scene = Scene::new(is_warm).await;
    let mut naive = scene.naive_readers();
    let (end, ended) = watch::channel(u64::MAX);
    let ours = tokio::spawn(follow(scene.store.clone(), ended));

    // The first round meets two strangers, in this database and in another. Nobody waits for them.
    let name = format!("freehold_{}", Uuid::now_v7().simple());
    let other = neighbour(&name).await;
    let table = format!("{}.strangers", scene.schema());
    let open = [stranger(&scene.pool, &table).await, stranger(&other, "strangers").await];
    let first = scene.write(0).await;
    scene.reach(&first).await;
    scene.strangers.store(false, Ordering::SeqCst);
    for stranger in open {
        stranger.rollback().await.unwrap();
    }
    let (trick, mut second) = tokio::join!(scene.trick(&mut naive), scene.write(1));
    // Looks note no more writers while very many of them wait for one; so those behind it may wait for it and for another.
    second.slowest += trick;
    scene.over.store(true, Ordering::SeqCst);

    let truth = scene.truth().await;
    end.send_replace(*truth.last().unwrap());
    let looks = ours.await.unwrap();
    let order: Vec<u64> = looks.iter().flat_map(|look| &look.seen).copied().collect();
    assert_eq!(order, truth, "lost, reordered or twice");
    for written in [first, second] {
        judge_ours(&looks, &written);
    }
    for NaiveReader { how, task, .. } in naive {
        let (seen, while_strangers) = task.await.unwrap();
        judge_naive(how, &seen, while_strangers, &truth);
    }
    scene.pool.close().await;
    drop_neighbour(other, &name).await;
}

/// No event of a round has come later than it had to.
fn judge_ours(looks: &[Look], written: &Written) {
    let mut lag = Duration::ZERO;
    for (nth, look) in looks.iter().enumerate() {
        let since = looks[..nth].iter().rfind(|before| before.is_whole);
        for position in &look.seen {
            let Some(seen_from) = written.seen_from.get(position) else { continue };
            lag = lag.max(look.ended.saturating_duration_since(*seen_from));
            // Whoever could fill a gap before the event, or held the lock when it was first looked for, is gone one append later.
            // A look that began after that must have found it, however long looks take on a busy machine.
            let first = looks[..nth].iter().find(|before| before.began >= *seen_from);
            if let (Some(first), Some(since)) = (first, since) {
                let late = since.began.saturating_duration_since(first.ended);
                assert!(late <= written.slowest, "{position} was passed over: {late:?}");
            }
        }
    }
    println!(
        "{} events, lag at most {lag:?}, slowest append {:?}",
        written.seen_from.len(),
        written.slowest
    );
}

fn judge_naive(how: Naive, seen: &[u64], while_strangers: usize, truth: &[u64]) {
    let lost = truth.len() - seen.iter().collect::<std::collections::HashSet<_>>().len();
    let is_ordered = seen.is_sorted();
    println!("{how:?}: lost {lost}, in order: {is_ordered}, beside strangers: {while_strangers}");
    match how {
        Naive::Position | Naive::XminAndPosition => assert!(lost > 0, "the test proves nothing"),
        Naive::XidThenPosition => {
            assert!(!is_ordered || while_strangers == 0, "the test proves nothing");
        }
        Naive::SnapshotXmax => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_among_64_writers_on_a_cold_sequence() {
    nothing_is_lost(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_among_64_writers_on_a_warm_sequence() {
    nothing_is_lost(true).await;
}

/// A transaction that has drawn the next position, and stays open.
async fn drawn_position(pool: &PgPool, schema: &str) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let insert = format!(
        "INSERT INTO {schema}.events (event_id, category, stream, version, name, data)
         VALUES (gen_random_uuid(), 'late', '1', 1, 'Written', '')"
    );
    let mut tx = pool.begin().await.unwrap();
    tx.execute(AssertSqlSafe(insert)).await.unwrap();
    tx
}

/// All of the feed that can be read after a position, by pages of at most `limit`.
async fn pages(
    store: &PostgresStore,
    mut after: Position,
    filter: &Filter,
    limit: usize,
) -> Vec<u64> {
    let mut seen = Vec::new();
    loop {
        let page = store.read_all(after, filter, limit).await.unwrap();
        seen.extend(page.events.iter().map(|event| event.position().get()));
        after = page.upto;
        if !page.has_more {
            return seen;
        }
    }
}

#[tokio::test]
async fn a_filtered_page_that_is_full_of_settled_events_ends_before_a_position_that_is_open() {
    let schemas = Schemas::new();
    let store = schemas.store("feed").await;
    let commit = async |n| drop(freehold::Store::commit(&store, one(n, "a")).await.unwrap());
    for n in 0..10 {
        commit(n).await;
    }
    let category = stream("a").category().to_owned();
    let filters = [vec![&*category, "late"], vec![&*category]].map(|categories| {
        let wanted: Vec<u64> = (1..=16).filter(|at| *at != 11 || categories.len() > 1).collect();
        (Filter::categories(categories).unwrap(), wanted)
    });
    // Now the store knows that ten are settled, and that is all it knows when the next ones come.
    assert_eq!(store.head().await.unwrap(), Position::new(10));
    let late = drawn_position(&pool(1).await, schemas.name("feed").as_str()).await;
    for n in 10..15 {
        commit(n).await;
    }
    let mut seen_before = Vec::new();
    for (filter, _) in &filters {
        for limit in 1..=20 {
            seen_before.push((limit, pages(&store, Position::START, filter, limit).await));
        }
    }
    // Judged when nothing is open any more that the clearing away would wait for.
    late.commit().await.unwrap();
    for (limit, seen) in seen_before {
        assert_eq!(seen, (1..=10).collect::<Vec<_>>(), "pages of {limit}");
    }
    for (filter, wanted) in &filters {
        for limit in 1..=20 {
            let seen = pages(&store, Position::START, filter, limit).await;
            assert_eq!(&seen, wanted, "{filter:?}, pages of {limit}");
        }
    }
}

#[tokio::test]
async fn a_commit_without_events_holds_no_feed_up() {
    let schemas = Schemas::new();
    let store = schemas.store("feed").await;
    freehold::RowStore::prepare(&store, &shown()).await.unwrap();
    let pool = pool(2).await;
    let holders = || async {
        let count = format!("SELECT count(*) FROM {}.feed_locks", schemas.name("feed").as_str());
        let row = sqlx::query(AssertSqlSafe(count)).fetch_one(&pool).await.unwrap();
        row.get::<i64, _>(0)
    };
    let rows = Commit::new().rows([put("a", "1")]);
    let guarded = rows.clone().check(&stream("a"), ExpectedVersion::NoStream);
    for (commit, wanted) in [(rows, 0), (guarded, 0), (one(1, "a"), 1)] {
        let mut tx = pool.begin().await.unwrap();
        let staged = store.commit_in(&mut tx, commit).await.unwrap();
        let found = holders().await;
        tx.rollback().await.unwrap();
        assert_eq!(found, wanted, "{staged:?}");
    }
}

/// While a log was never analyzed, all indexes that begin with the category look equally good to the planner: it took another
/// one, and read all of the category for each page of the feed.
#[tokio::test]
async fn only_one_index_can_be_taken_for_the_one_by_category() {
    let schemas = Schemas::new();
    schemas.store("feed").await;
    let by_category = format!(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_attribute
             ON attrelid = indrelid AND attnum = indkey[0]
         WHERE indrelid = '{}.events'::regclass AND attname = 'category'",
        schemas.name("feed").as_str(),
    );
    let found = sqlx::query(AssertSqlSafe(by_category)).fetch_all(&pool(1).await).await.unwrap();
    let found: Vec<String> = found.iter().map(|row| row.get(0)).collect();
    assert!(matches!(&*found, [one] if one.ends_with("events_category")), "{found:?}");
}
