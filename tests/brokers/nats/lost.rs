//! A stream that is gone, or has lost its end: the extent tells.

use std::time::Duration;

use freehold::backend::nats::async_nats::jetstream;
use freehold::backend::nats::{NatsBroker, NatsOptions, OtherStream};
use freehold::{Broker, PublishError};

use crate::end_to_end::Mortal;
use crate::messages::{destination, publish, received, until};
use crate::nats::server::Server;

const PATIENT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_stream_that_was_deleted_is_trouble_and_made_again_it_is_another_log() {
    let server = Server::start();
    let broker = server.broker("deleted", PATIENT).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    publish(&broker, 1).await.unwrap();
    publish(&broker, 2).await.unwrap();
    assert_eq!(received(&consumer, 2).await, [1, 2]);
    let before = broker.extent().await.unwrap().unwrap();
    assert_eq!(before.last, 2);

    jetstream::new(server.client().await).delete_stream("deleted").await.unwrap();
    assert!(matches!(publish(&broker, 3).await, Err(PublishError::Unavailable(_))));
    assert!(matches!(broker.extent().await, Err(PublishError::Unavailable(_))));

    let _ = server.broker("deleted", PATIENT).await;
    let after = broker.extent().await.unwrap().unwrap();
    assert_ne!(after.log, before.log, "which log it is");
    assert_eq!(after.last, 0);
    // The same id is new to the new stream, and the old handles go on with it.
    let stored = publish(&broker, 1).await.unwrap();
    assert!(!stored.is_duplicate);
    assert_eq!(received(&consumer, 1).await, [1]);
}

/// As after a power failure, where what was written and not synced is gone.
#[tokio::test]
async fn a_stream_that_has_lost_its_end_is_the_same_log_and_ends_sooner() {
    let mut server = Server::start();
    let broker = server.broker("robbed", PATIENT).await;
    for n in 1..=3 {
        publish(&broker, n).await.unwrap();
    }
    server.kill();
    let files = server.copy_files();
    server.start_again().await;
    until("the broker", async || publish(&broker, 4).await.ok()).await;
    publish(&broker, 5).await.unwrap();
    let before = broker.extent().await.unwrap().unwrap();
    assert_eq!(before.last, 5);

    server.kill();
    server.restore_files(&files);
    server.start_again().await;
    let after = until("the extent", async || broker.extent().await.ok().flatten()).await;
    assert_eq!((&after.log, after.last), (&before.log, 3));
    // Also its memory of ids ends there.
    let stored = publish(&broker, 5).await.unwrap();
    assert_eq!((stored.position, stored.is_duplicate), (Some(4), false));
    let known = publish(&broker, 3).await.unwrap();
    assert!(known.is_duplicate);
}

#[tokio::test]
async fn another_stream_that_has_the_subject_now_is_trouble_and_gets_nothing() {
    let server = Server::start();
    let broker = server.broker("mine", PATIENT).await;
    publish(&broker, 1).await.unwrap();
    let context = jetstream::new(server.client().await);
    context.delete_stream("mine").await.unwrap();
    let theirs = jetstream::stream::Config {
        name: "theirs".to_owned(),
        subjects: vec!["mine.>".to_owned()],
        ..Default::default()
    };
    let mut theirs = context.create_stream(theirs).await.unwrap();
    let Err(PublishError::Unavailable(why)) = publish(&broker, 2).await else {
        panic!("another stream has taken a message")
    };
    assert!(why.is::<OtherStream>(), "{why:?}");
    assert_eq!(theirs.info().await.unwrap().state.messages, 0);

    // A stream of one's own with the same subjects cannot be made.
    let options = NatsOptions { prefix: "mine".to_owned(), ..NatsOptions::new("again") };
    assert!(NatsBroker::open(server.client().await, options).await.is_err());
}
