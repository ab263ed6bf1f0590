//! Strong projections on PostgreSQL: views are never behind, whoever writes at the same time.

use std::collections::BTreeMap;
use std::time::Duration;

use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Connection, Executor};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::consistency::Behind;
use freehold::projection::{InlineError, On, Projection, ReadSide, Recorded, Strong, View, Views};
use freehold::{
    Commit, CommitError, Event, EventStore, ExpectedVersion, Fault, Filter, InlineStore, LeaseName,
    Position, Store, Unfoldable,
};
use serde::{Deserialize, Serialize};

use crate::errors::Role;
use crate::server::{Schemas, one, pool, stream};

#[derive(Serialize, Deserialize)]
enum Account {
    Opened { n: u64 },
}

impl Event for Account {
    const CATEGORY: &'static str = "account";
}

/// Which events led to each account, and to all of them.
struct Opened;

impl Projection for Opened {
    const NAME: &'static str = "opened";
    type View = Vec<u64>;
    type Events = Account;
    type Level = Strong;
}

impl On<Account> for Opened {
    fn on(&self, event: &Recorded<'_, Account>, views: &mut Views<'_, Vec<u64>>) {
        let Account::Opened { n } = event.event();
        views.update("all", |all| all.push(*n));
        views.update(event.id(), |one| one.push(*n));
        // Some touch whatever is there.
        if n.is_multiple_of(7) {
            views.change_under("s", |_, one| one.push(0));
        }
    }
}

fn reads(store: &PostgresStore) -> ReadSide {
    ReadSide::new(store.clone()).follow(store.clone())
}

async fn strong(store: &PostgresStore) -> View<Opened> {
    reads(store).inline(Opened, store.clone()).await.unwrap()
}

/// What the feed says.
async fn oracle(store: &PostgresStore) -> BTreeMap<String, Vec<u64>> {
    let mut views: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let events = store.read_all(Position::START, &Filter::all(), 9_999).await.unwrap().events;
    for event in events {
        let data: serde_json::Value = serde_json::from_slice(event.data()).unwrap();
        let n = data["n"].as_u64().unwrap();
        for key in ["all", event.stream().id()] {
            views.entry(key.to_owned()).or_default().push(n);
        }
        if n.is_multiple_of(7) {
            for (_, one) in views.iter_mut().filter(|(key, _)| key.starts_with('s')) {
                one.push(0);
            }
        }
    }
    views
}

async fn all(view: &View<Opened>) -> BTreeMap<String, Vec<u64>> {
    let page = view.page("", None, 9_999).await.unwrap().value;
    page.views.into_iter().map(|(key, view)| (key.as_str().to_owned(), view)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_sees_its_own_event_and_the_views_are_the_fold_of_the_feed() {
    let schemas = Schemas::new();
    let stores = [schemas.store("log").await, schemas.store("log").await];
    let views = [strong(&stores[0]).await, strong(&stores[1]).await];
    let writers = (0..12_u128).map(|writer| {
        let (store, view) = (&stores[writer as usize % 2], &views[writer as usize % 2]);
        async move {
            for n in 0..12_u128 {
                let (n, key) = (writer * 100 + n + 1, format!("s{}", writer / 3));
                let done = store.commit(one(n, &key)).await.unwrap();
                view.wait_for(done.token(), Duration::ZERO).await.unwrap();
                let own = view.get(&key).await.unwrap();
                assert!(own.value.unwrap().contains(&(n as u64)), "{n} is not there");
            }
        }
    });
    futures::future::join_all(writers).await;
    assert_eq!(all(&views[0]).await, oracle(&stores[0]).await);
    assert_eq!(oracle(&stores[0]).await["all"].len(), 144);
    let made_up = freehold::Token::new(stores[0].identity(), Position::new(9_999));
    let behind = views[0].wait_for(made_up, Duration::from_mins(1)).await.unwrap_err();
    assert!(matches!(behind, Behind::NotYetWritten { .. }), "{behind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_commits_in_a_transaction_is_folded_in_it() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let view = strong(&store).await;
    let mut connection = pool(1).await.acquire().await.unwrap().detach();

    let mut tx = connection.begin().await.unwrap();
    drop(store.commit_in(&mut tx, one(1, "s1")).await.unwrap());
    assert!(all(&view).await.is_empty(), "seen before it was committed");
    tx.commit().await.unwrap();
    assert_eq!(all(&view).await, oracle(&store).await);

    let mut tx = connection.begin().await.unwrap();
    drop(store.commit_in(&mut tx, one(2, "s1")).await.unwrap());
    tx.rollback().await.unwrap();
    assert_eq!(all(&view).await["all"], [1]);

    // A snapshot of its own would not see what others have folded.
    let mut tx = connection.begin().await.unwrap();
    tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    let refused = store.commit_in(&mut tx, one(3, "s1")).await.unwrap_err();
    assert!(matches!(refused, CommitError::Backend(_)), "{refused:?}");
    tx.rollback().await.unwrap();

    // One that cannot be folded leaves the transaction alive.
    let mut tx = connection.begin().await.unwrap();
    let id = freehold::EventId::new(uuid::Uuid::now_v7());
    let odd = freehold::NewEvent::new(id, freehold::EventName::new("Unheard").unwrap(), "{}");
    let odd = Commit::new().append(&stream("s1"), ExpectedVersion::Any, [odd]);
    let refused = store.commit_in(&mut tx, odd).await.unwrap_err();
    assert!(matches!(refused, CommitError::Unfoldable(Unfoldable::Failed { .. })), "{refused:?}");
    drop(store.commit_in(&mut tx, one(4, "s2")).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(all(&view).await, oracle(&store).await);
    assert_eq!(all(&view).await["all"], [1, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_gets_past_the_fold() {
    let schemas = Schemas::new();
    let (store, stranger) = (schemas.store("log").await, schemas.store("log").await);
    // One whose snapshot is of before, and who writes after.
    let mut connection = pool(1).await.acquire().await.unwrap().detach();
    let mut early = connection.begin().await.unwrap();
    early.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    early.execute("SELECT count(*) FROM pg_class").await.unwrap();

    let view = strong(&store).await;
    let _ = store.commit(one(1, "s1")).await.unwrap();
    let refused = stranger.commit(one(2, "s1")).await.unwrap_err();
    let CommitError::Unfoldable(Unfoldable::Missing(name)) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(name, "opened");
    let refused = stranger.commit_in(&mut early, one(3, "s5")).await.unwrap_err();
    assert!(matches!(refused, CommitError::Unfoldable(Unfoldable::Missing(_))), "{refused:?}");
    early.rollback().await.unwrap();

    let schema = schemas.name("log").as_str().to_owned();
    let insert = format!(
        "INSERT INTO {schema}.events (event_id, category, stream, version, name, data)
         VALUES (gen_random_uuid(), 'account', 's9', 1, 'Opened', '{{\"n\":9}}')"
    );
    let refused = pool(1).await.execute(AssertSqlSafe(insert)).await.unwrap_err();
    let code = refused.as_database_error().and_then(|said| said.code().map(String::from));
    assert_eq!(code.as_deref(), Some("FH001"), "{refused:?}");
    assert_eq!(all(&view).await, oracle(&store).await);

    // Detached, everybody may write again.
    store.detach(&LeaseName::new("opened").unwrap()).await.unwrap();
    let _ = stranger.commit(one(4, "s1")).await.unwrap();
    assert_eq!(all(&view).await["all"], [1]);
    drop(strong(&store).await);
    assert_eq!(all(&view).await, oracle(&store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fold_does_not_begin_while_a_writer_is_in_the_way_nor_without_the_right_to() {
    let schemas = Schemas::new();
    let options =
        PostgresOptions { lock_timeout: Duration::from_millis(100), ..schemas.options("log") };
    let store = PostgresStore::open_with(pool(5).await, options).await.unwrap();
    let mut connection = pool(1).await.acquire().await.unwrap().detach();
    let mut tx = connection.begin().await.unwrap();
    drop(store.commit_in(&mut tx, one(1, "s1")).await.unwrap());
    let busy = reads(&store).inline(Opened, store.clone()).await.unwrap_err();
    let InlineError::Commit(CommitError::Backend(busy)) = busy else { panic!("{busy:?}") };
    assert_eq!(busy.fault(), Fault::Busy, "{busy:?}");
    tx.commit().await.unwrap();
    let view = strong(&store).await;
    let _ = store.commit(one(2, "s1")).await.unwrap();
    assert_eq!(all(&view).await, oracle(&store).await);

    let role = Role::new().await;
    let schema = schemas.name("log").as_str().to_owned();
    let rights = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        role = role.0
    );
    pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(rights))).await.unwrap();
    let other = PostgresStore::open_with(role.pool().await, schemas.options("log")).await.unwrap();
    // To fold what is folded already, it needs no more than to write.
    let theirs = strong(&other).await;
    let _ = other.commit(one(3, "s1")).await.unwrap();
    assert_eq!(all(&theirs).await, oracle(&store).await);
    let denied = other.detach(&LeaseName::new("opened").unwrap()).await.unwrap_err();
    assert_eq!(denied.fault(), Fault::Denied, "{denied:?}");
    assert_eq!(all(&view).await, oracle(&store).await);
    drop((other, theirs));
    role.drop_it().await;
}
