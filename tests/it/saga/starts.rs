//! Starts: two with one key are one saga, and one that is given up in the middle has happened or not.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use freehold::saga::{OperateError, SagaId, Sagas, StartError};
use freehold::testkit::{Faults, FaultyStore};
use freehold::{Commit, CommitError, EventId, EventName, ExpectedVersion, NewEvent, StreamId};
use futures::future::join_all;
use uuid::Uuid;

use super::exact::{PATIENCE, all_end, quick};
use super::fixture::{Fulfilment, Order, World, order, sagas};
use super::places::{Store, everywhere};

fn dear() -> Order {
    Order { cents: 99_999, ..order() }
}

#[tokio::test]
async fn a_key_that_is_started_twice_is_one_saga_wherever_it_is_started() {
    everywhere(async |store| {
        let world = World::default();
        let [one, other] = [(); 2].map(|()| sagas(Arc::clone(&store), &world));
        let running = one.run().unwrap();
        let id = one.start::<Fulfilment>("1", order()).await.unwrap();
        // While it runs, when it is over, and by somebody who runs nothing.
        assert_eq!(one.start::<Fulfilment>("1", order()).await.unwrap(), id);
        assert_eq!(all_end(&one, &world, std::slice::from_ref(&id)).await, 1);
        assert_eq!(one.start::<Fulfilment>("1", order()).await.unwrap(), id);
        assert_eq!(other.start::<Fulfilment>("1", order()).await.unwrap(), id);
        assert_eq!(world.calls().len(), 4, "{:?}", world.calls());
        running.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_started_with_another_input_is_refused() {
    everywhere(async |store| {
        let world = World::default();
        let [one, other] = [(); 2].map(|()| sagas(Arc::clone(&store), &world));
        let running = one.run().unwrap();
        let id = one.start::<Fulfilment>("1", order()).await.unwrap();
        for handle in [&one, &other] {
            let refused = handle.start::<Fulfilment>("1", dear()).await;
            assert!(matches!(refused, Err(StartError::Changed(of)) if of == id));
        }
        assert_eq!(all_end(&one, &world, &[id]).await, 1);
        let refused = one.start::<Fulfilment>("1", dear()).await;
        assert!(matches!(refused, Err(StartError::Changed(_))), "{refused:?}");
        running.stop().await;
    })
    .await;
}

/// By the one who runs them, several times, by two who do not, and by a commit: any of them may be the first.
#[tokio::test(flavor = "multi_thread")]
async fn starts_of_one_key_that_race_are_one_saga() {
    everywhere(async |store| {
        let world = World::default();
        // Some of the runner's commits and reads are late.
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let late = Faults::seeded(seed).delay(0.5, Duration::from_millis(15));
        let slow = FaultyStore::new(Arc::clone(&store), late);
        let builder = Sagas::builder(slow).options(quick(1));
        let runs = builder.saga(&Fulfilment(world.clone())).unwrap().build();
        let running = runs.run().unwrap();
        let starts_only = sagas(Arc::clone(&store), &world);
        let mut ids = Vec::new();
        for n in 0..30 {
            let key = n.to_string();
            let starting = starts_only.starting::<Fulfilment>(&key, &order()).unwrap();
            let by_commit = store.commit(starting.into_commit());
            let handles = [&runs, &starts_only, &runs];
            let starts = handles.map(|sagas| sagas.start::<Fulfilment>(&key, order()));
            let (started, committed) = tokio::join!(join_all(starts), by_commit);
            let id = SagaId::new("fulfilment", &key).unwrap();
            for started in started {
                assert_eq!(started.unwrap(), id);
            }
            assert!(matches!(committed, Ok(_) | Err(CommitError::Conflict(_))), "{committed:?}");
            ids.push(id);
        }
        assert_eq!(all_end(&runs, &world, &ids).await, 30);
        running.stop().await;
    })
    .await;
}

/// Which of them have been started.
async fn started(sagas: &Sagas, ids: &[SagaId]) -> Vec<SagaId> {
    let mut started = Vec::new();
    for id in ids {
        match sagas.has_ended(id).await {
            Ok(_) => started.push(id.clone()),
            Err(OperateError::Missing(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    started
}

/// Polls a future so often at most, each time when it has asked for it, and drops it. Whether it ended.
async fn poll_and_drop(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_dropped_at_any_await_has_happened_and_ends_or_has_not() {
    everywhere(async |store| {
        let world = World::default();
        // Whatever is asked of this store is waited for once more.
        let late = Faults::seeded(1).delay(1.0, Duration::from_millis(1));
        let slow = FaultyStore::new(Arc::clone(&store), late);
        let runs = sagas(slow, &world);
        let running = runs.run().unwrap();
        let mut ids = Vec::new();
        for round in 0..5 {
            for polls in 0..1_000 {
                let key = format!("{round}-{polls}");
                ids.push(SagaId::new("fulfilment", &key).unwrap());
                let start = runs.start::<Fulfilment>(&key, order());
                if poll_and_drop(start, polls).await {
                    assert!(polls > 1, "it never waited");
                    break;
                }
            }
        }
        let some = started(&runs, &ids).await;
        assert!((5..ids.len()).contains(&some.len()), "{} of {}", some.len(), ids.len());
        for id in &some {
            let ended = tokio::time::timeout(PATIENCE, runs.ended(id)).await;
            ended.unwrap_or_else(|_| panic!("{id} does not end")).unwrap();
        }
        for id in &ids {
            assert_eq!(runs.start::<Fulfilment>(id.key(), order()).await.unwrap(), *id);
        }
        assert_eq!(all_end(&runs, &world, &ids).await, ids.len());
        running.stop().await;
    })
    .await;
}

/// Its commit is under way when nothing may begin any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_comes_through_while_the_runner_stops_is_run_when_the_handle_runs_again() {
    everywhere(async |store| {
        let world = World::default();
        let late = Faults::seeded(1).delay(1.0, Duration::from_millis(50));
        let slow = FaultyStore::new(Arc::clone(&store), late);
        let runs = sagas(slow.clone(), &world);
        let running = runs.run().unwrap();
        let start = runs.start::<Fulfilment>("1", order());
        let (started, ()) = tokio::join!(start, running.stop());
        slow.heal();
        let again = runs.run().unwrap();
        assert_eq!(all_end(&runs, &world, &[started.unwrap()]).await, 1);
        again.stop().await;
    })
    .await;
}

fn form(expected: ExpectedVersion) -> Commit {
    let stream = StreamId::new("order_form", "1").unwrap();
    let name = EventName::from_static("Sent").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::now_v7()), name, "{}");
    Commit::new().append(&stream, expected, [event])
}

async fn commit_with_start(store: &Store, sagas: &Sagas, key: &str, form: Commit) -> bool {
    let starting = sagas.starting::<Fulfilment>(key, &order()).unwrap();
    match store.commit(form.and(starting.into_commit())).await {
        Ok(_) => true,
        Err(CommitError::Conflict(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_start_in_a_commit_that_conflicts_starts_nothing() {
    everywhere(async |store| {
        let world = World::default();
        let sagas = sagas(Arc::clone(&store), &world);
        let running = sagas.run().unwrap();
        store.commit(form(ExpectedVersion::NoStream)).await.unwrap();
        let new = || form(ExpectedVersion::NoStream);
        assert!(!commit_with_start(&store, &sagas, "never", new()).await);
        assert!(commit_with_start(&store, &sagas, "1", form(ExpectedVersion::Any)).await);
        // And the other way round: what was to be committed with a start that has been made before.
        assert!(!commit_with_start(&store, &sagas, "1", form(ExpectedVersion::Any)).await);
        let [never, one] = ["never", "1"].map(|key| SagaId::new("fulfilment", key).unwrap());
        assert_eq!(all_end(&sagas, &world, &[one]).await, 1);
        let missing = sagas.has_ended(&never).await;
        assert!(matches!(missing, Err(OperateError::Missing(_))), "{missing:?}");
        running.stop().await;
    })
    .await;
}
