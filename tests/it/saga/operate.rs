//! Sagas that wait for an operator, and what an operator can do.

use std::time::Duration;

use freehold::saga::{By, Cancelled, Ended, GivenUp, OperateError, Resolution, SagaId, Standing};
use freehold::testkit::{Faults, FaultyStore};

use super::fixture::{Fulfilment, Goes, Shop, in_memory, order};

fn by() -> By {
    By::new("ann", "looked at it")
}

/// A saga that waits for an operator.
async fn suspended(shop: &Shop) -> SagaId {
    let id = shop.sagas.start::<Fulfilment>("1", order()).await.unwrap();
    shop.until_suspended(&id).await;
    id
}

#[tokio::test]
async fn a_compensation_that_is_broken_suspends_the_saga_until_it_is_retried() {
    let shop = in_memory();
    shop.world.script("confirm", [Goes::Refused]);
    shop.world.script("refund", [Goes::Broken]);
    let id = suspended(&shop).await;
    let listed = shop.sagas.list("", 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].standing, Standing::Suspended);
    assert_eq!(listed[0].why.as_deref(), Some("`charge`: as scripted"));
    let stuck = shop.sagas.stuck(Duration::ZERO, 10).await.unwrap();
    assert_eq!(stuck[0].id, id);
    shop.sagas.retry(&id, by()).await.unwrap();
    assert_eq!(shop.ended(&id).await, Ended::Compensated);
    assert!(shop.world.effects().is_empty());
    shop.until_listed(&[]).await;
}

#[tokio::test]
async fn a_compensation_that_fails_too_often_suspends_the_saga() {
    let shop = in_memory();
    shop.world.script("confirm", [Goes::Refused]);
    shop.world.script("refund", [Goes::Fails; 4]);
    let id = suspended(&shop).await;
    let why = shop.sagas.list("", 1).await.unwrap().remove(0).why.unwrap();
    assert_eq!(why, "`charge`: its compensation was tried as often as it may be: not now");
    let resolution = Resolution::Undone;
    shop.sagas.resolve(&id, "charge", resolution, by()).await.unwrap();
    assert_eq!(shop.ended(&id).await, Ended::Compensated);
    // Nobody has taken it back but the operator.
    let left = shop.world.effects();
    assert_eq!(left.keys().collect::<Vec<_>>(), ["fulfilment/1:charge:0:do"]);
}

#[tokio::test]
async fn a_step_behind_the_pivot_waits_for_an_operator_and_is_never_given_up() {
    let shop = in_memory();
    shop.world.script("ship", [Goes::Broken]);
    let id = suspended(&shop).await;
    let error = shop.sagas.compensate(&id, by()).await.unwrap_err();
    assert!(matches!(error, OperateError::TooLate), "{error:?}");
    let wrong = Resolution::Happened("\"a text\"".to_owned());
    let error = shop.sagas.resolve(&id, "ship", wrong, by()).await.unwrap_err();
    assert!(matches!(error, OperateError::OutOfPlace(_)), "{error:?}");
    let shipped = Resolution::Happened("7".to_owned());
    shop.sagas.resolve(&id, "ship", shipped, by()).await.unwrap();
    assert_eq!(shop.ended(&id).await, Ended::Completed);
}

#[tokio::test]
async fn what_is_broken_before_the_pivot_can_be_given_up() {
    let shop = in_memory();
    shop.world.script("charge", [Goes::Broken]);
    let id = suspended(&shop).await;
    shop.sagas.compensate(&id, by()).await.unwrap();
    assert_eq!(shop.ended(&id).await, Ended::Compensated);
    assert!(shop.world.effects().is_empty(), "{:?}", shop.history(&id).await);
}

#[tokio::test]
async fn a_saga_whose_pivot_has_not_happened_is_given_up_when_an_operator_says_so() {
    let store = freehold::backend::memory::MemoryStore::new();
    let shop = super::fixture::open(store.clone());
    shop.world.script("confirm", [Goes::Broken]);
    let id = suspended(&shop).await;
    let error = shop.sagas.resolve(&id, "ship", Resolution::DidNot, by()).await.unwrap_err();
    assert!(matches!(error, OperateError::OutOfPlace(_)), "{error:?}");
    shop.sagas.resolve(&id, "confirm", Resolution::DidNot, by()).await.unwrap();
    assert_eq!(shop.ended(&id).await, Ended::Compensated);
    assert!(shop.world.effects().is_empty(), "{:?}", shop.history(&id).await);
    let Some(GivenUp::ByHand { actor, reason }) = GivenUp::of(&store, &id).await.unwrap() else {
        panic!("{:?}", shop.history(&id).await);
    };
    assert_eq!((&*actor, &*reason), ("ann", "looked at it"));
}

#[tokio::test]
async fn an_operator_without_a_runner_tries_again_for_a_while() {
    let store = freehold::backend::memory::MemoryStore::new();
    let shop = super::fixture::open(store.clone());
    shop.world.script("charge", [Goes::Broken]);
    let id = suspended(&shop).await;
    let failing = FaultyStore::new(store.clone(), Faults::seeded(7).fail_before(1.0));
    let desk = super::fixture::sagas(failing.clone(), &shop.world);
    let error = desk.retry(&id, by()).await.unwrap_err();
    assert!(matches!(error, OperateError::Commit(_)), "{error:?}");
    let failing = FaultyStore::new(store, Faults::seeded(7).fail_before(0.5));
    let desk = super::fixture::sagas(failing.clone(), &shop.world);
    desk.retry(&id, by()).await.unwrap();
    assert!(failing.injected().failed_before > 0);
    assert_eq!(shop.ended(&id).await, Ended::Completed);
}

#[tokio::test]
async fn an_abandoned_saga_is_over_and_stays_as_it_is() {
    let shop = in_memory();
    shop.world.script("charge", [Goes::Broken]);
    let id = suspended(&shop).await;
    shop.sagas.abandon(&id, by()).await.unwrap();
    assert_eq!(shop.ended(&id).await, Ended::Abandoned);
    assert_eq!(shop.world.effects().len(), 1, "the reservation is still there");
    let error = shop.sagas.retry(&id, by()).await.unwrap_err();
    assert!(matches!(error, OperateError::Over(Ended::Abandoned)), "{error:?}");
    let last = shop.history(&id).await.pop();
    assert_eq!(last.as_deref(), Some("ann abandons it: looked at it"));
    shop.until_listed(&[]).await;
}

#[tokio::test]
async fn an_operator_can_do_nothing_about_a_saga_that_needs_nobody() {
    let shop = in_memory();
    let missing = SagaId::new("fulfilment", "2").unwrap();
    let error = shop.sagas.retry(&missing, by()).await.unwrap_err();
    assert!(matches!(error, OperateError::Missing(_)), "{error:?}");
    shop.world.script("charge", [Goes::Hangs]);
    let id = shop.sagas.start::<Fulfilment>("1", order()).await.unwrap();
    for error in [
        shop.sagas.retry(&id, by()).await.unwrap_err(),
        shop.sagas.abandon(&id, by()).await.unwrap_err(),
        shop.sagas.resolve(&id, "charge", Resolution::DidNot, by()).await.unwrap_err(),
    ] {
        assert!(matches!(error, OperateError::NotSuspended), "{error:?}");
    }
    assert_eq!(shop.ended(&id).await, Ended::Completed);
}

#[tokio::test]
async fn who_asks_twice_is_told_that_it_is_too_late() {
    let shop = in_memory();
    shop.world.script("confirm", [Goes::Hangs]);
    shop.world.script("ship", [Goes::Broken]);
    let id = shop.sagas.start::<Fulfilment>("1", order()).await.unwrap();
    while !shop.world.calls().iter().any(|key| key.contains("confirm")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The pivot is being decided just now, and is not given up any more.
    assert_eq!(shop.sagas.cancel(&id, by()).await.unwrap(), Cancelled::Asked);
    shop.until_suspended(&id).await;
    assert_eq!(shop.sagas.cancel(&id, by()).await.unwrap(), Cancelled::TooLate);
    shop.sagas.retry(&id, by()).await.unwrap();
    assert_eq!(shop.ended(&id).await, Ended::Completed);
}

#[tokio::test]
async fn a_suspended_saga_is_still_suspended_after_a_restart_and_can_be_helped_from_elsewhere() {
    let store = freehold::backend::memory::MemoryStore::new();
    let shop = super::fixture::open(store.clone());
    shop.world.script("charge", [Goes::Broken]);
    let id = suspended(&shop).await;
    let world = shop.world.clone();
    shop.running.stop().await;
    // One who only operates.
    let desk = super::fixture::sagas(store.clone(), &world);
    desk.retry(&id, by()).await.unwrap();
    let sagas = super::fixture::sagas(store, &world);
    let _running = sagas.run().unwrap();
    assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Completed);
    assert_eq!(world.effects().len(), 3);
}
