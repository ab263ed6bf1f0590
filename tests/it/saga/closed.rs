//! Sagas that are over, and whose logs are closed and archived: they are found, told and started again as before.

use freehold::backend::memory::MemoryStore;
use freehold::saga::{Ended, Found, News, OperateError, Sagas, StartError};
use freehold::{
    Archive, Closing, Commit, EventId, EventStore, EventStoreExt, ExpectedVersion, Filter,
    Position, Store, StreamId, StreamVersion,
};
use uuid::Uuid;

use super::fixture::{Fulfilment, open, order};

#[tokio::test]
async fn a_saga_that_is_over_may_be_closed_and_is_known_as_before() {
    let store = MemoryStore::new();
    let shop = open(store.clone());
    let (id, ended) = shop.fulfil("1").await;
    assert_eq!(ended, Ended::Completed);
    let before = shop.history(&id).await;
    let closing = Closing::because("the year is over").event(EventId::new(Uuid::now_v7()));
    let log = StreamId::new("saga", id.as_str()).unwrap();
    let commit = Commit::new().append(&log, ExpectedVersion::StreamExists, [closing]);
    let _ = store.commit(commit).await.unwrap();
    while store.archive(3).await.unwrap().has_more {}

    let after = shop.history(&id).await;
    assert_eq!(after.split_last().unwrap(), (&"closed: the year is over".to_owned(), &before[..]));
    assert!(matches!(shop.sagas.find(&id).await.unwrap(), Found::Over(Ended::Completed)));
    assert_eq!(shop.ended(&id).await, Ended::Completed);
    assert_eq!(
        shop.sagas.start::<Fulfilment>("1", order()).await.unwrap(),
        id,
        "it is the same one"
    );
    let mut other = order();
    other.cents += 1;
    let changed = shop.sagas.start::<Fulfilment>("1", other).await;
    assert!(matches!(changed, Err(StartError::Changed(_))), "{changed:?}");
    let late = shop.sagas.cancel(&id, freehold::saga::By::new("ann", "too late")).await;
    assert!(matches!(late, Err(OperateError::Over(_))), "{late:?}");
    // Those who follow the log go on beyond it.
    let events = store.read_all(Position::START, &Filter::all(), 1_000).await.unwrap().events;
    let told = events.iter().filter(|event| event.closes()).map(Sagas::news::<Fulfilment>);
    let told: Vec<_> = told.map(Result::unwrap).collect();
    assert!(matches!(&told[..], [Some((of, News::GoesOn))] if *of == id));
    assert_eq!(shop.fulfil("2").await.1, Ended::Completed);
    shop.until_listed(&[]).await;
    let tail = store.read_tail(&log, StreamVersion::NONE).await.unwrap();
    assert_eq!(tail.len(), before.len() + 1);
}
