//! Every wait ends, with what was waited for or with the reason.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use freehold::consistency::{Behind, Reached, Session};
use freehold::projection::{
    Enrich, Eventual, Facts, On, Projection, ReadError, ReadSide, Recorded, View, Views, Want,
};
use freehold::subscription::SinkError;
use freehold::testkit::{Faults, FaultyStore, async_trait};
use freehold::{Position, RecordedEvent, Store, Token};
use tokio::time::Instant;

use super::fixture::{Accounts, Transfer, User, put, reads};
use crate::subscription::fixture::{memory, options, reach};

const SECOND: Duration = Duration::from_secs(1);

fn named() -> User {
    User::Named { name: "Ada".into() }
}

/// The answer, and how long it took.
async fn wait(view: &View<Accounts>, token: Token) -> (Result<Reached, Behind>, Duration) {
    let began = Instant::now();
    (view.wait_for(token, 10 * SECOND).await, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_says_how_far_behind_the_view_is() {
    let store = memory();
    let mut token = put(&store, "a", named()).await;
    for _ in 0..4 {
        token = put(&store, "a", named()).await;
    }
    tokio::time::sleep(SECOND).await;
    let (answer, took) = wait(&reads(&store).view(), token).await;
    let Err(Behind::TimedOut { lag }) = answer else { panic!("{answer:?}") };
    assert_eq!((lag.events, lag.time.as_secs(), took), (5, 11, 10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_log_or_of_the_future_is_answered_at_once() {
    let (store, other) = (memory(), memory());
    let token = put(&store, "a", named()).await;
    let view = reads(&store).view::<Accounts>();
    let (answer, took) = wait(&view, put(&other, "a", named()).await).await;
    assert!(matches!(answer, Err(Behind::OtherLog { token }) if token == other.identity()));
    assert!(took.is_zero());
    let future = Token::new(token.log(), Position::new(u64::MAX));
    let (answer, took) = wait(&view, future).await;
    assert!(matches!(answer, Err(Behind::NotYetWritten { head }) if head == token.position()));
    assert!(took.is_zero());
    let read = view.get("a").want(Want::AtLeast(future.into())).await;
    assert!(matches!(read, Err(ReadError::Behind(Behind::NotYetWritten { .. }))));
}

/// Refuses what is in the log.
struct Broken;

#[async_trait]
impl Enrich for Broken {
    async fn enrich(&self, _: &[RecordedEvent]) -> Result<Facts, SinkError> {
        Err(SinkError::fatal("out of order"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_stopped_by_an_error_says_so_at_once_and_what_is_reached_is_reached() {
    let store = memory();
    let reads = reads(&store);
    let running = reads.upkeep(Accounts).options(options()).start();
    let first = put(&store, "a", named()).await;
    reach(running.live().await.unwrap().progress(), first).await;
    running.stop().await;
    let view = reads.view::<Accounts>();
    let token = put(&store, "a", named()).await;
    let (answer, took) = wait(&view, token).await;
    assert!(matches!(answer, Err(Behind::Ended)) && took.is_zero(), "{answer:?}");
    let running = reads.upkeep(Accounts).enrich(Broken).options(options()).start();
    let (answer, took) = wait(&view, token).await;
    let Err(Behind::Stopped { error }) = answer else { panic!("{answer:?}") };
    assert_eq!(error.to_string(), "the sink is out of order");
    assert_eq!(std::error::Error::source(&*error).unwrap().to_string(), "out of order");
    assert!(took.is_zero());
    let (answer, _) = wait(&view, first).await;
    assert_eq!(answer.unwrap().at, Session::from(first));
    let stale = view.get("a").want(Want::Head).or_stale().await.unwrap();
    assert_eq!((stale.met, stale.lag.events), (false, 1));
    running.stop().await;
}

/// It was stopped and is started again: whoever waits is not told that it has ended.
#[tokio::test(start_paused = true)]
async fn a_view_whose_runner_was_started_again_is_waited_for() {
    let store = memory();
    let reads = reads(&store);
    let view = reads.view::<Accounts>();
    for _ in 0..3 {
        let running = reads.upkeep(Accounts).options(options()).start();
        let token = put(&store, "a", named()).await;
        wait(&view, token).await.0.unwrap();
        running.stop().await;
    }
}

/// Two runners in one process, as while one is replaced: the one that stands by says nothing of the other.
#[tokio::test(start_paused = true)]
async fn a_runner_that_only_stood_by_does_not_end_the_view() {
    let store = memory();
    let reads = reads(&store);
    let first = reads.upkeep(Accounts).options(options()).start();
    let view = reads.view::<Accounts>();
    wait(&view, put(&store, "a", named()).await).await.0.unwrap();
    let second = reads.upkeep(Accounts).options(options()).start();
    tokio::time::sleep(SECOND).await;
    second.stop().await;
    wait(&view, put(&store, "a", named()).await).await.0.unwrap();
    first.stop().await;
}

/// Asks for its own view, from inside the work on it.
struct Curious(Arc<OnceLock<View<Accounts>>>, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Enrich for Curious {
    async fn enrich(&self, events: &[RecordedEvent]) -> Result<Facts, SinkError> {
        let view = self.0.get().unwrap();
        let token = Token::new(view_log(view).await, events[0].position());
        let waited = view.wait_for(token, SECOND).await;
        let read = view.get("a").want(Want::Head).await;
        let any = view.get("a").await.is_ok();
        let mut said = self.1.lock().unwrap();
        said.push(format!("{:?} {:?} {any}", waited.err(), read.err()));
        Ok(Facts::new())
    }
}

async fn view_log(view: &View<Accounts>) -> freehold::LogId {
    view.get("a").await.unwrap().at.marks()[0].log()
}

#[tokio::test(start_paused = true)]
async fn a_projection_that_waits_for_itself_is_told_that_it_would_wait_for_ever() {
    let store = memory();
    let reads = reads(&store);
    let (view, said) = <(Arc<OnceLock<_>>, Arc<Mutex<Vec<_>>>)>::default();
    assert!(view.set(reads.view()).is_ok());
    let curious = Curious(view, Arc::clone(&said));
    let running = reads.upkeep(Accounts).enrich(curious).options(options()).start();
    let began = Instant::now();
    reach(running.live().await.unwrap().progress(), put(&store, "a", named()).await).await;
    assert!(began.elapsed().is_zero());
    let deadlock = "Some(WouldDeadlock) Some(Behind(WouldDeadlock)) true";
    assert_eq!(*said.lock().unwrap(), [deadlock]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_view_that_cannot_be_read_says_so() {
    let store = memory();
    let token = put(&store, "a", named()).await;
    let gone = FaultyStore::new(store.clone(), Faults::seeded(0).fail_from(1));
    let log = ReadSide::new(store.clone()).follow(gone.clone());
    let (answer, took) = wait(&log.view(), token).await;
    assert!(matches!(answer, Err(Behind::Unreadable(_))) && took.is_zero(), "{answer:?}");
    let views = ReadSide::new(gone.clone()).follow(store.clone());
    // It may be over soon, so it is waited out.
    let (answer, took) = wait(&views.view(), token).await;
    assert!(matches!(answer, Err(Behind::Unreadable(_))), "{answer:?}");
    assert_eq!(took, 10 * SECOND);
    gone.heal();
    let running = views.run(Accounts);
    wait(&views.view(), token).await.0.unwrap();
    running.stop().await;
}

/// Only to show that a view of its own can be of any shape.
struct Transfers;

impl Projection for Transfers {
    const NAME: &'static str = "transfers";
    type View = (u32, Vec<String>);
    type Events = Transfer;
    type Level = Eventual<1_000>;
}

impl On<Transfer> for Transfers {
    fn on(&self, event: &Recorded<'_, Transfer>, views: &mut Views<'_, Self::View>) {
        let Transfer::Moved { from, .. } = event.event();
        views.update("all", |(count, of)| {
            *count += 1;
            of.push(from.clone());
        });
    }
}

/// The log ends with events that the view does not want: it is as far as they are.
#[tokio::test(start_paused = true)]
async fn a_view_is_as_far_as_the_events_that_it_does_not_want() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let running = here.run(Transfers);
    for reads in [&here, &elsewhere] {
        let token = put(&store, "a", named()).await;
        reads.view::<Transfers>().wait_for(token, SECOND).await.unwrap();
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_projection_stops_also_while_somebody_looks_at_it() {
    let store = memory();
    let reads = reads(&store);
    let kept = reads.run(Accounts);
    let live = kept.live().await.unwrap();
    reach(live.progress(), put(&store, "a", named()).await).await;
    kept.stop().await;
    tokio::time::sleep(SECOND).await;
    let (answer, _) = wait(&reads.view(), put(&store, "a", named()).await).await;
    assert!(matches!(answer, Err(Behind::Ended)), "{answer:?}");
    drop(live);
}
