//! Opening: a stream is made as it must be, or checked.

use std::time::Duration;

use freehold::backend::nats::async_nats::jetstream::{self, stream::Config};
use freehold::backend::nats::{NatsBroker, NatsOptions, OpenError};
use freehold::{Broker, Deliveries};

use crate::messages::{destination, publish, received};
use crate::nats::server::Server;

const PATIENT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_stream_that_is_not_there_is_made_and_opened_again_it_is_left_alone() {
    let server = Server::start();
    let window = Duration::from_secs(7);
    let options = NatsOptions { duplicate_window: window, ..NatsOptions::new("made") };
    let broker = NatsBroker::open(server.client().await, options).await.unwrap();
    assert_eq!(broker.capabilities().dedupe_window, Some(window));
    publish(&broker, 1).await.unwrap();
    let context = jetstream::new(server.client().await);
    let made = context.get_stream("made").await.unwrap().cached_info().config.clone();
    assert_eq!(made.subjects, ["made.>"]);
    assert_eq!(made.storage, jetstream::stream::StorageType::File);
    assert!(made.allow_atomic_publish, "this server offers it");

    // Its window stays, and what it says it can do is what the stream can do.
    let again = server.broker("made", PATIENT).await;
    assert_eq!(again.capabilities().dedupe_window, Some(window));
    assert!(publish(&again, 1).await.unwrap().is_duplicate);
}

#[tokio::test]
async fn a_stream_that_does_not_fit_is_not_opened() {
    let server = Server::start();
    let context = jetstream::new(server.client().await);
    let named = |name: &str, subject: &str| Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        ..Config::default()
    };
    context.create_stream(named("narrow", "narrow.one")).await.unwrap();
    context.create_stream(Config { no_ack: true, ..named("mute", "mute.>") }).await.unwrap();
    for name in ["narrow", "mute"] {
        let opened = NatsBroker::open(server.client().await, NatsOptions::new(name)).await;
        assert!(matches!(opened, Err(OpenError::Unfit(_))), "{name}: {opened:?}");
    }
    let options = NatsOptions { prefix: "a b".to_owned(), ..NatsOptions::new("fits") };
    let opened = NatsBroker::open(server.client().await, options).await;
    assert!(matches!(opened, Err(OpenError::Subject(_))), "{opened:?}");

    // One with more subjects than are needed fits.
    context.create_stream(named("wide", "shop.>")).await.unwrap();
    let options = NatsOptions { prefix: "shop.orders".to_owned(), ..NatsOptions::new("wide") };
    let broker = NatsBroker::open(server.client().await, options).await.unwrap();
    publish(&broker, 1).await.unwrap();
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    assert_eq!(received(&consumer, 1).await, [1]);
}

#[tokio::test]
async fn a_consumer_of_no_subject_is_not_opened() {
    let server = Server::start();
    let broker = server.broker("consumed", PATIENT).await;
    let opened = broker.consumer("reader", [destination("every.>")]).await;
    assert!(matches!(opened, Err(OpenError::Subject(_))), "{opened:?}");
    let opened = broker.consumer("two words", []).await;
    assert!(matches!(opened, Err(OpenError::Nats(_))), "{opened:?}");
}

#[tokio::test]
async fn a_handle_that_has_more_than_it_may_settle_waits_until_it_has_settled() {
    let server = Server::start();
    let broker = server.broker("bounded", PATIENT).await;
    for n in 0..4 {
        publish(&broker, n).await.unwrap();
    }
    let options = freehold::backend::nats::ConsumerOptions {
        unsettled_messages_max: 2,
        ..Default::default()
    };
    let consumer = broker.consumer_with("reader", [], options).await.unwrap();
    let mut open = consumer.receive(9).await.unwrap();
    if open.len() == 1 {
        open.extend(consumer.receive(9).await.unwrap());
    }
    assert_eq!(open.len(), 2);
    let waiting = tokio::time::timeout(Duration::from_millis(100), consumer.receive(9)).await;
    assert!(waiting.is_err(), "more than two are open: {waiting:?}");
    consumer.settle(open[0].tag, freehold::Settle::Done).await.unwrap();
    assert_eq!(consumer.receive(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn with_one_message_open_at_a_time_one_that_comes_again_keeps_its_place() {
    let server = Server::start();
    let broker = server.broker("strict", PATIENT).await;
    for n in 0..3 {
        publish(&broker, n).await.unwrap();
    }
    let options = freehold::backend::nats::ConsumerOptions {
        unsettled_messages_max: 1,
        ..Default::default()
    };
    let consumer = broker.consumer_with("reader", [], options).await.unwrap();
    let first = consumer.receive(9).await.unwrap().remove(0);
    consumer.settle(first.tag, freehold::Settle::Again(Duration::from_millis(100))).await.unwrap();
    assert_eq!(received(&consumer, 3).await, [0, 1, 2]);
}
