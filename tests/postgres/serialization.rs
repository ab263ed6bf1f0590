//! Serialization failures and deadlocks (40001, 40P01): what may be tried again is, and what cannot be helped has a type.
//!
//! A trigger says what PostgreSQL says when it chooses a victim. It counts with a sequence, which no rollback takes back.

use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{
    Archive, Archived, BackendError, Closing, Commit, DataSubject, EventStore, EventStoreExt,
    ExpectedVersion, Fault, Filter, InboxKey, KeyId, KeyRing, LeaseState, Leases, NewKey, Outbox,
    Position, RowStore, Store, StreamVersion, SubjectKey, SubjectKeys,
};

use crate::errors::backend_error;
use crate::outbox::sends;
use crate::server::{
    Schemas, advance, all_rows, event, granted, job, one, owner, pid, pool, put, shown, stream,
    url, wait_for,
};
use crate::sum::{sum, summed};

const CODES: [&str; 2] = ["40001", "40P01"];
const LONG: std::time::Duration = std::time::Duration::from_mins(10);
/// How often a store in these tests tries again.
const RETRIES_MAX: u32 = 3;

/// A store whose server fails as it is told to.
struct Scene {
    schema: String,
    store: PostgresStore,
    pool: PgPool,
    _schemas: Schemas,
}

impl Scene {
    async fn new() -> Self {
        let schemas = Schemas::new();
        let options = PostgresOptions { retries_max: RETRIES_MAX, ..schemas.options("log") };
        let store = PostgresStore::open_with(pool(5).await, options).await.unwrap();
        store.prepare(&shown()).await.unwrap();
        let (schema, pool) = (schemas.name("log").as_str().to_owned(), pool(2).await);
        Self { schema, store, pool, _schemas: schemas }
    }

    async fn run(&self, sql: &str) {
        let sql = sql.replace("{s}", &self.schema);
        self.pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    }

    /// From now on `event` fails with the code, but for its try number `succeeds`, if there is to be one, and those after it.
    async fn fails(&self, code: &str, event: &str, succeeds: Option<u32>) {
        let succeeds = succeeds.unwrap_or(u32::MAX);
        let sql = format!(
            "CREATE SEQUENCE {{s}}.tries;
             CREATE FUNCTION {{s}}.fail() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF nextval('{{s}}.tries') < {succeeds} THEN
                     RAISE EXCEPTION 'a victim' USING ERRCODE = '{code}';
                 END IF;
                 RETURN NULL;
             END $$;
             CREATE {event} EXECUTE FUNCTION {{s}}.fail()"
        );
        self.run(&sql).await;
    }

    /// How often it was tried since it began to fail. From now on it does not.
    async fn tries(&self) -> i64 {
        let tries = format!("SELECT last_value FROM {}.tries WHERE is_called", self.schema);
        let tries = sqlx::query(AssertSqlSafe(tries)).fetch_one(&self.pool).await.unwrap().get(0);
        self.run("DROP FUNCTION {s}.fail() CASCADE; DROP SEQUENCE {s}.tries").await;
        tries
    }

    /// A commit that has everything, for each table that it writes.
    async fn of_everything(&self) -> Commit {
        let lease = granted(&self.store, owner(1), LONG).await;
        one(1, "a")
            .inbox(InboxKey::new("tests", "m1").unwrap())
            .send(&crate::outbox::message(2, "a"))
            .rows([put("a", "1")])
            .advance(advance(&self.store, &lease, 0, 5))
    }

    /// How much is stored of a commit of everything: events, messages, rows, and how far the job has come.
    async fn stored(&self) -> (usize, usize, usize, u64) {
        let events = self.store.read_all(Position::START, &Filter::all(), 9).await.unwrap().events;
        let messages = self.store.outbox_page(Position::START, 9).await.unwrap().events;
        let at = self.store.lease(&job()).await.unwrap().checkpoint(self.store.identity());
        (events.len(), messages.len(), all_rows(&self.store).await.len(), at.get())
    }
}

/// The statements of a commit that a trigger can make fail.
const STATEMENTS: [&str; 7] = [
    "TRIGGER fail BEFORE INSERT ON {s}.streams",
    "TRIGGER fail BEFORE INSERT ON {s}.events",
    "TRIGGER fail AFTER INSERT ON {s}.events",
    "TRIGGER fail BEFORE INSERT ON {s}.inbox",
    "TRIGGER fail BEFORE INSERT ON {s}.outbox",
    "TRIGGER fail BEFORE INSERT ON {s}.view_shown",
    "TRIGGER fail BEFORE INSERT ON {s}.checkpoints",
];

#[tokio::test]
async fn a_commit_that_is_chosen_as_a_victim_twice_happens_once() {
    for code in CODES {
        for statement in STATEMENTS {
            let scene = Scene::new().await;
            let commit = scene.of_everything().await;
            scene.fails(code, statement, Some(3)).await;
            let done = scene.store.commit(commit).await.unwrap();
            // The triggers of the schema write streams, too, so more statements may have come than tries.
            assert!(scene.tries().await >= 3, "{code}, {statement}");
            assert!(!done.is_duplicate(), "{code}, {statement}");
            assert_eq!(scene.stored().await, (1, 1, 1, 5), "{code}, {statement}");
        }
    }
}

#[tokio::test]
async fn a_commit_in_a_transaction_that_is_chosen_as_a_victim_twice_happens_once() {
    for code in CODES {
        for statement in STATEMENTS {
            let scene = Scene::new().await;
            let commit = scene.of_everything().await;
            scene.fails(code, statement, Some(3)).await;
            let mut tx = scene.pool.begin().await.unwrap();
            let staged = scene.store.commit_in(&mut tx, commit).await;
            // Whoever panicked before would leave the transaction open, and its schema could not be dropped.
            tx.commit().await.unwrap();
            assert!(!staged.unwrap().committed().is_duplicate(), "{code}, {statement}");
            assert!(scene.tries().await >= 3, "{code}, {statement}");
            assert_eq!(scene.stored().await, (1, 1, 1, 5), "{code}, {statement}");
        }
    }
}

#[tokio::test]
async fn a_commit_that_is_always_chosen_is_busy_after_its_retries_and_stores_nothing() {
    for code in CODES {
        let scene = Scene::new().await;
        let commit = scene.of_everything().await;
        scene.fails(code, "TRIGGER fail BEFORE INSERT ON {s}.events", None).await;
        let error = backend_error(scene.store.commit(commit.clone()).await);
        assert_eq!((error.fault(), error.is_transient()), (Fault::Busy, true), "{error:?}");
        assert_eq!(scene.tries().await, i64::from(1 + RETRIES_MAX), "{code}");
        assert_eq!(scene.stored().await, (0, 0, 0, 0), "{code}");

        scene.fails(code, "TRIGGER fail BEFORE INSERT ON {s}.events", None).await;
        let mut tx = scene.pool.begin().await.unwrap();
        let refused = scene.store.commit_in(&mut tx, commit.clone()).await;
        tx.rollback().await.unwrap();
        let error = backend_error(refused.map(freehold::backend::postgres::Staged::committed));
        assert_eq!((error.fault(), error.is_transient()), (Fault::Busy, true), "{error:?}");
        assert!(scene.tries().await > 1, "{code} is not tried again");
        assert_eq!(scene.stored().await, (0, 0, 0, 0), "{code}");

        // It was nothing that stays.
        let _ = scene.store.commit(commit).await.unwrap();
        assert_eq!(scene.stored().await, (1, 1, 1, 5), "{code}");
    }
}

#[tokio::test]
async fn a_neighbour_that_is_always_chosen_is_busy_alone() {
    for code in CODES {
        let scene = Scene::new().await;
        let only =
            "TRIGGER fail BEFORE INSERT ON {s}.events FOR EACH ROW WHEN (NEW.stream = 'chosen')";
        scene.fails(code, only, None).await;
        let store = &scene.store;
        let (left, chosen, right) = tokio::join!(
            store.commit(one(1, "a")),
            store.commit(one(2, "chosen")),
            store.commit(one(3, "b"))
        );
        let _ = (left.unwrap(), right.unwrap());
        assert_eq!(backend_error(chosen).fault(), Fault::Busy, "{code}");
        assert_eq!(store.version(&stream("chosen")).await.unwrap(), StreamVersion::NONE);
    }
}

/// Messages alone are a statement of their own, without a savepoint to go back to: the user's transaction is over.
#[tokio::test]
async fn messages_alone_in_a_transaction_that_is_chosen_are_busy() {
    for code in CODES {
        let scene = Scene::new().await;
        scene.run("CREATE TABLE {s}.mine (n int)").await;
        scene.fails(code, "TRIGGER fail BEFORE INSERT ON {s}.outbox", None).await;
        let mut tx = scene.pool.begin().await.unwrap();
        let insert = format!("INSERT INTO {}.mine VALUES (1)", scene.schema);
        tx.execute(AssertSqlSafe(insert)).await.unwrap();
        let refused = scene.store.commit_in(&mut tx, sends(1, "a")).await;
        tx.rollback().await.unwrap();
        let error = backend_error(refused.map(freehold::backend::postgres::Staged::committed));
        assert_eq!((error.fault(), error.is_transient()), (Fault::Busy, true), "{error:?}");
        assert_eq!(scene.stored().await, (0, 0, 0, 0), "{code}");
    }
}

/// Such a commit is a transaction of several statements, and even its end can fail.
#[tokio::test]
async fn a_commit_that_is_folded_and_chosen_as_a_victim_twice_happens_once() {
    let at_the_end = "CONSTRAINT TRIGGER fail AFTER INSERT ON {s}.events
                      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW";
    for code in CODES {
        for statement in ["TRIGGER fail BEFORE INSERT ON {s}.events", at_the_end] {
            let scene = Scene::new().await;
            let view = summed(&scene.store).await;
            scene.fails(code, statement, Some(3)).await;
            let _ = scene.store.commit(one(7, "a")).await.unwrap();
            assert_eq!(scene.tries().await, 3, "{code}, {statement}");
            assert_eq!(sum(&view).await, 7, "{code}, {statement}");

            scene.fails(code, statement, None).await;
            let error = backend_error(scene.store.commit(one(8, "a")).await);
            assert_eq!(error.fault(), Fault::Busy, "{code}, {statement}");
            assert_eq!(scene.tries().await, i64::from(1 + RETRIES_MAX), "{code}, {statement}");
            assert_eq!(sum(&view).await, 7, "{code}, {statement}");
        }
    }
}

/// No trigger says so here. Whoever comes last into the circle is the victim: the store, which waits for `c` when the gate is
/// open, while the user's transaction has `c` and waits for `a`, which the store has.
#[tokio::test]
async fn a_commit_in_a_deadlock_gives_way_and_happens_afterwards() {
    let schemas = Schemas::new();
    let options = url().parse::<PgConnectOptions>().unwrap();
    let impatient = options.clone().options([("deadlock_timeout", "10ms")]);
    let impatient = PgPoolOptions::new().connect_with(impatient).await.unwrap();
    let lock_timeout = std::time::Duration::from_mins(1);
    let options_of_store = PostgresOptions { lock_timeout, ..schemas.options("log") };
    let store = PostgresStore::open_with(impatient, options_of_store).await.unwrap();
    for (n, to) in [(1, "a"), (2, "b"), (3, "c")] {
        let _ = store.commit(one(n, to)).await.unwrap();
    }
    let patient = options.options([("deadlock_timeout", "10min")]);
    let patient = PgPoolOptions::new().connect_with(patient).await.unwrap();
    let (mut gate, mut user) = (patient.begin().await.unwrap(), patient.begin().await.unwrap());
    drop(store.commit_in(&mut gate, one(4, "b")).await.unwrap());
    let staged = store.commit_in(&mut user, one(5, "c")).await.unwrap();
    let committing = tokio::spawn({
        let all = [(6, "a"), (7, "b"), (8, "c")];
        let commit = all.into_iter().fold(Commit::new(), |commit, (n, to)| {
            commit.append(&stream(to), ExpectedVersion::Any, [event(n)])
        });
        let store = store.clone();
        async move { store.commit(commit).await }
    });
    let has_a = wait_for(pid(&mut gate).await, 1).await;
    let of_user = pid(&mut user).await;
    let waiting = store.commit_in(&mut user, one(9, "a"));
    let opening = async {
        let waits = "SELECT cardinality(pg_blocking_pids($1)) > 0";
        let it_waits = async {
            let look = || sqlx::query(waits).bind(of_user).fetch_one(&patient);
            while !look().await.unwrap().get::<bool, _>(0) {
                tokio::task::yield_now().await;
            }
        };
        let it_waits = tokio::time::timeout(std::time::Duration::from_secs(20), it_waits).await;
        gate.rollback().await.unwrap();
        it_waits.is_ok()
    };
    let (second, user_waits) = tokio::join!(waiting, opening);
    // Whoever panicked before would leave a transaction open, and its schema could not be dropped.
    user.commit().await.unwrap();
    let done = committing.await.unwrap();
    assert!(has_a && user_waits, "there was no circle");
    assert!(!staged.committed().is_duplicate() && !second.unwrap().committed().is_duplicate());
    assert!(!done.unwrap().is_duplicate());
    let page = store.read_all(Position::START, &Filter::all(), 99).await.unwrap();
    let mut ids: Vec<u128> =
        page.events.iter().map(|event| event.id().as_uuid().as_u128()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn a_lease_whose_statement_is_chosen_as_a_victim_is_busy_and_as_it_was() {
    let write = "TRIGGER fail BEFORE INSERT OR UPDATE ON {s}.leases";
    for code in CODES {
        let scene = Scene::new().await;
        let store = &scene.store;
        scene.fails(code, write, None).await;
        let error = store.claim(&job(), owner(1), LONG).await.unwrap_err();
        assert_eq!((error.fault(), error.is_transient()), (Fault::Busy, true), "{error:?}");
        assert!(scene.tries().await > 0, "{code}");
        assert_eq!(store.lease(&job()).await.unwrap(), LeaseState::default(), "{code}");

        let lease = granted(store, owner(1), LONG).await;
        let before = store.lease(&job()).await.unwrap();
        scene.fails(code, write, None).await;
        let error = store.renew(&lease, LONG).await.unwrap_err();
        assert_eq!((error.fault(), error.is_transient()), (Fault::Busy, true), "{error:?}");
        let error = store.release(&lease).await.unwrap_err();
        assert_eq!((error.fault(), error.is_transient()), (Fault::Busy, true), "{error:?}");
        assert!(scene.tries().await > 0, "{code}");
        assert_eq!(store.lease(&job()).await.unwrap(), before, "{code}");
        assert!(store.renew(&lease, LONG).await.unwrap(), "{code}");
    }
}

/// What tidies up, and what keeps keys, is not tried again by itself: whoever asked is told, and nothing of it is done.
#[tokio::test]
async fn upkeep_that_is_chosen_as_a_victim_is_busy_and_can_be_asked_for_again() {
    let subject = DataSubject::new("customer-1").unwrap();
    let keys = || {
        let (id, key) = (KeyId::FIRST, SubjectKey::new([7; 32]));
        vec![NewKey { subject: subject.clone(), id, key }]
    };
    for code in CODES {
        let scene = Scene::new().await;
        let store = &scene.store;
        let is_busy = async |error: BackendError| {
            assert_eq!((error.fault(), error.is_transient()), (Fault::Busy, true), "{error:?}");
            assert!(scene.tries().await > 0, "{code}");
        };
        let closing = Closing::because("over").event(event(1).id());
        let closing = Commit::new().append(&stream("a"), ExpectedVersion::Any, [closing]);
        let _ = store.commit(closing).await.unwrap();
        scene.fails(code, "TRIGGER fail BEFORE INSERT ON {s}.archive", None).await;
        is_busy(store.archive(9).await.unwrap_err()).await;
        assert_eq!(store.archive(9).await.unwrap(), Archived::new(1, 1, false), "{code}");

        let later = "2100-01-01T00:00:00Z".parse().unwrap();
        let later = crate::outbox::message(1, "a").with_delivery_at(later);
        let _ = store.commit(Commit::new().send(&later)).await.unwrap();
        scene.run("UPDATE {s}.outbox_later SET due = to_timestamp(0)").await;
        scene.fails(code, "TRIGGER fail BEFORE INSERT ON {s}.outbox", None).await;
        is_busy(store.outbox_due(9).await.unwrap_err()).await;
        assert_eq!(scene.stored().await.1, 0, "{code}");
        assert_eq!(store.outbox_due(9).await.unwrap(), None);
        assert_eq!(scene.stored().await.1, 1, "{code}");

        scene.fails(code, "TRIGGER fail BEFORE DELETE ON {s}.outbox", None).await;
        is_busy(store.outbox_trim(Position::new(9)).await.unwrap_err()).await;
        assert_eq!(scene.stored().await.1, 1, "{code}");
        assert_eq!(store.outbox_trim(Position::new(9)).await.unwrap(), 1, "{code}");

        let added = "TRIGGER fail BEFORE INSERT ON {s}.subject_keys";
        scene.fails(code, added, None).await;
        is_busy(store.add(keys()).await.unwrap_err()).await;
        let rings = async || store.rings(std::slice::from_ref(&subject)).await.unwrap();
        assert_eq!(rings().await, [KeyRing::EMPTY], "{code}");
        assert_eq!(store.add(keys()).await.unwrap(), rings().await, "{code}");
        scene.fails(code, added, None).await;
        let refused = store.forget(&subject, one(3, "b")).await;
        is_busy(backend_error(refused)).await;
        assert_ne!(rings().await, [KeyRing::Forgotten], "{code}");
        assert_eq!(store.version(&stream("b")).await.unwrap(), StreamVersion::NONE, "{code}");
        let _ = store.forget(&subject, one(3, "b")).await.unwrap();
        assert_eq!(rings().await, [KeyRing::Forgotten], "{code}");
    }
}
