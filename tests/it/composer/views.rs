//! A projection's views as a source: how fresh they are, and that one reads one's own writes.

use std::convert::Infallible;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::composer::{ComposeError, Composer, Lookup, Nested, Scope, compose, within};
use freehold::consistency::Session;
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, ViewSource, Views};
use freehold::source::{Origin, PartReport};
use freehold::{Aggregate, Event, Repository};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Entry {
    Paid { cents: i64 },
}

impl Event for Entry {
    const CATEGORY: &'static str = "account";
}

#[derive(Clone, Default)]
struct Account;

impl Aggregate for Account {
    type Event = Entry;

    fn apply(&mut self, _: &Entry) {}
}

#[derive(Default, Serialize, Deserialize)]
struct Balance(i64);

struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type View = Balance;
    type Events = Entry;
    type Level = Eventual<1_000>;
}

impl On<Entry> for Balances {
    fn on(&self, event: &Recorded<'_, Entry>, views: &mut Views<'_, Balance>) {
        let Entry::Paid { cents } = **event;
        views.update(event.id(), |balance| balance.0 += cents);
    }
}

async fn pay(log: &MemoryStore, account: &str, cents: i64) -> Session {
    let accounts = Repository::<Account>::new(log.clone());
    let paid = accounts.execute(account, |_| Ok::<_, Infallible>(vec![Entry::Paid { cents }]));
    paid.await.unwrap().token().into()
}

async fn composed(
    source: ViewSource<Balances>,
    session: Session,
) -> Result<(Vec<Option<i64>>, Vec<String>, Session), ComposeError> {
    let lookup = Lookup::new(source);
    let terms = within(Duration::from_millis(500)).session(session);
    let done = compose(terms, async |cx| {
        let all = cx.all(&lookup, ["ada", "bob", ""].map(String::from)).optional().await;
        assert!(all.iter().all(|part| !matches!(part.origin, Origin::Live)));
        Ok(all.into_values().into_iter().map(|found| found.map(|view| view.0)).collect())
    });
    let done = done.await?;
    let reports = done.degraded.iter().map(PartReport::to_string).collect();
    Ok((done.value, reports, done.session))
}

/// The balance of an account, as a query.
struct BalanceOf(Lookup<ViewSource<Balances>>);

impl Composer for BalanceOf {
    const NAME: &'static str = "balance";
    type Query = String;
    type Answer = i64;

    async fn compose(&self, cx: &Scope, account: String) -> Result<i64, ComposeError> {
        Ok(cx.get(&self.0, account).await?.0)
    }
}

#[tokio::test]
async fn a_composition_that_is_a_source_hands_on_what_it_has_seen() {
    let log = MemoryStore::new();
    let reads = ReadSide::new(MemoryStore::new()).follow(log.clone());
    let kept = reads.run(Balances);
    let paid = pay(&log, "ada", 5).await;
    let balances = Lookup::new(reads.view::<Balances>().source());
    let nested = Lookup::new(Nested::new(BalanceOf(balances)));
    let terms = within(Duration::from_secs(5)).session(paid.clone());
    let done = compose(terms, async |cx| Ok(*cx.get(&nested, "ada".into()).await?)).await.unwrap();
    assert_eq!((done.value, done.session.marks()), (5, paid.marks()));
    let log_of = paid.marks()[0].log();
    pay(&log, "bob", 1).await;
    reads
        .view::<Balances>()
        .wait_for(pay(&log, "ada", 1).await, Duration::from_secs(5))
        .await
        .unwrap();
    let done = compose(within(Duration::from_secs(5)), async |cx| {
        Ok(*cx.get(&nested, "ada".into()).await?)
    });
    let done = done.await.unwrap();
    assert_eq!(done.value, 6);
    assert!(done.session.position(log_of) > paid.position(log_of));
    kept.stop().await;
}

#[tokio::test]
async fn a_view_is_a_source_that_honours_the_session() {
    let log = MemoryStore::new();
    let reads = ReadSide::new(MemoryStore::new()).follow(log.clone());
    let view = reads.view::<Balances>();
    let kept = reads.run(Balances);
    pay(&log, "ada", 5).await;
    let paid = pay(&log, "ada", 2).await;
    let (found, reports, seen) = composed(view.source(), paid.clone()).await.unwrap();
    assert_eq!((found, reports), (vec![Some(7), None, None], vec![]));
    assert_eq!(seen.marks(), paid.marks());

    // Nobody keeps the views up any more: what was written since is not in them.
    kept.stop().await;
    let paid = pay(&log, "ada", 1).await;
    let (found, reports, _) = composed(view.source(), paid.clone()).await.unwrap();
    assert_eq!(found, [None, None, None]);
    assert_eq!(reports, ["balances: 3 missing (failed)"]);
    let stale = view.source().or_stale(Duration::from_millis(20));
    let (found, reports, seen) = composed(stale, paid).await.unwrap();
    assert_eq!(found, [Some(7), None, None]);
    assert_eq!(reports, ["balances: 1 read model, 1 events behind"]);
    assert!(!seen.is_empty());
}
