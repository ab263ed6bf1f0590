//! What cannot be known of the past is said, and is never half of it.

use std::error::Error;

use chrono::{DateTime, TimeDelta};
use fastrand::Rng;
use freehold::backend::memory::MemoryStore;
use freehold::event::{EventError, Misfit};
use freehold::projection::{PastError, ReadSide};
use freehold::testkit::ManualClock;
use freehold::{
    Clock, Commit, EventId, EventName, EventStore, EventStoreExt, ExpectedVersion, LogId, NewEvent,
    Position, Store, Token,
};
use uuid::Uuid;

use super::stories::{Shelves, one, reads};

fn token(store: &MemoryStore, at: u64) -> Token {
    Token::new(store.identity(), Position::new(at))
}

async fn put(store: &MemoryStore, data: &'static str) {
    let name = EventName::from_static("In").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::now_v7()), name, data);
    let stream = "shelf-a".parse().unwrap();
    store.commit(Commit::new().append(&stream, ExpectedVersion::Any, [event])).await.unwrap();
}

#[tokio::test]
async fn a_place_that_the_log_has_not_come_to_is_refused() {
    let store = MemoryStore::new();
    put(&store, r#"{"n":1}"#).await;
    let reads = reads(&store);
    assert_eq!(reads.as_of(&Shelves, token(&store, 1)).await.unwrap().iter().len(), 1);
    let error = reads.as_of(&Shelves, token(&store, 2)).await.unwrap_err();
    assert!(matches!(error, PastError::NotYetWritten { head } if head.get() == 1), "{error:?}");
    let other = LogId::new(Uuid::from_u128(7));
    let error = reads.as_of(&Shelves, Token::new(other, Position::new(1))).await.unwrap_err();
    assert!(matches!(error, PastError::OtherLog { token } if token == other), "{error:?}");
}

/// Of a thousand events that are folded at a time, the one that cannot be is named.
#[tokio::test]
async fn an_event_that_cannot_be_folded_is_named_and_the_places_before_it_are_known() {
    let store = MemoryStore::new();
    for n in 1..=40 {
        put(&store, if n == 23 { "nonsense" } else { r#"{"n":1}"# }).await;
    }
    let reads = reads(&store);
    let before = reads.as_of(&Shelves, token(&store, 22)).await.unwrap();
    assert_eq!(before.get("a").unwrap().iter().filter(|n| **n == 1).count(), 22);
    for at in [23, 24, 40] {
        let error = reads.as_of(&Shelves, token(&store, at)).await.unwrap_err();
        let PastError::Event { log, at, source } = &error else { panic!("{error:?}") };
        assert_eq!((*log, at.get()), (store.identity(), 23));
        let Some(EventError::Decode { stream, version, misfit, .. }) = source.downcast_ref() else {
            panic!("{source:?}")
        };
        assert_eq!((stream.as_str(), version.get(), *misfit), ("shelf-a", 23, Misfit::Json));
        assert!(error.source().is_some() && !error.to_string().contains("nonsense"), "{error}");
    }
}

#[tokio::test]
async fn views_that_are_longer_than_they_may_be_are_refused() {
    let (store, mut chance) = (MemoryStore::new(), Rng::with_seed(7));
    let mut last = None;
    for _ in 0..60 {
        last = Some(one(&store, &mut chance).await);
    }
    let of = |bytes| reads(&store).past_bytes_max(bytes);
    let views = of(10_000).as_of(&Shelves, last).await.unwrap();
    let long = |(key, view): (&freehold::RowKey, &Vec<i64>)| {
        key.as_str().len() + serde_json::to_string(view).unwrap().len()
    };
    let bytes = views.iter().map(long).sum();
    assert!(of(bytes).as_of(&Shelves, last).await.is_ok());
    let error = of(bytes - 1).as_of(&Shelves, last).await.unwrap_err();
    assert!(matches!(error, PastError::TooLarge { bytes_max } if bytes_max == bytes - 1));
}

/// Each log has a place of its own.
#[tokio::test]
async fn views_of_two_logs_are_as_of_a_place_in_each() {
    let (one, two) = (MemoryStore::new(), MemoryStore::new());
    for _ in 0..3 {
        put(&one, r#"{"n":1}"#).await;
        put(&two, r#"{"n":2}"#).await;
    }
    let reads = ReadSide::new(one.clone()).follow(one.clone()).follow(two.clone());
    for (of_one, of_two) in [(0, 0), (1, 0), (0, 2), (3, 1), (3, 3)] {
        let mut session = freehold::consistency::Session::new();
        session.observe(token(&one, of_one));
        session.observe(token(&two, of_two));
        let views = reads.as_of(&Shelves, session).await.unwrap();
        let of = |n| views.get("a").map_or(0, |shelf| shelf.iter().filter(|m| **m == n).count());
        assert_eq!(
            (of(1), of(2)),
            (usize::try_from(of_one).unwrap(), usize::try_from(of_two).unwrap())
        );
    }
    // A log of which nothing is said shows nothing.
    let views = reads.as_of(&Shelves, token(&two, 3)).await.unwrap();
    assert!(!views.get("a").unwrap().contains(&1));
}

/// The clock was set back: what was recorded behind a later event comes with it.
#[tokio::test]
async fn a_moment_ends_before_the_first_event_that_is_later() {
    let clock = ManualClock::at(DateTime::UNIX_EPOCH);
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let began = clock.now();
    for hours in [0, 2, 1] {
        clock.set(began + TimeDelta::hours(hours));
        put(&store, r#"{"n":1}"#).await;
    }
    for (hours, position) in [(-1, 0), (0, 1), (1, 1), (2, 3), (9, 3)] {
        let at = store.position_at(began + TimeDelta::hours(hours)).await.unwrap();
        assert_eq!(at.get(), position, "after {hours} hours");
    }
    assert_eq!(store.head().await.unwrap().get(), 3);
}
