//! A server that runs no more and keeps its connections: nobody knows what it has stored.

use std::time::Duration;

use freehold::{Broker, PublishError};

use crate::end_to_end::Mortal;
use crate::messages::{destination, outbound, publish, received, until};
use crate::nats::server::Server;

#[tokio::test]
async fn messages_to_a_frozen_server_are_unknown_and_stored_once_when_they_are_published_again() {
    let server = Server::start();
    let broker = server.broker("silent", Duration::from_secs(1)).await;
    until("the first", async || publish(&broker, 0).await.ok()).await;
    server.freeze();
    let call: Vec<_> = (1..=20).map(outbound).collect();
    let answers = broker.publish(&call).await;
    assert_eq!(answers.len(), call.len());
    for answer in answers {
        assert!(matches!(answer, Err(PublishError::Unknown(_))), "{answer:?}");
    }
    assert!(matches!(broker.extent().await, Err(PublishError::Unavailable(_))));
    server.go_on();
    // What was on its way is stored now, as the answers show.
    let again = until("the server", async || {
        broker.publish(&call).await.into_iter().collect::<Result<Vec<_>, _>>().ok()
    })
    .await;
    assert!(
        again.iter().all(|stored| stored.is_duplicate),
        "they were not on their way: {again:?}"
    );
    until("the last", async || publish(&broker, 21).await.ok()).await;
    let open = async || broker.consumer("reader", [destination("said")]).await.ok();
    let consumer = until("the consumer", open).await;
    assert_eq!(received(&consumer, 22).await, (0..=21).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_that_is_dropped_while_the_server_is_frozen_is_stored_once_when_it_is_repeated() {
    let server = Server::start();
    let broker = server.broker("dropped", Duration::from_secs(30)).await;
    server.freeze();
    let call: Vec<_> = (1..=20).map(outbound).collect();
    let dropped = tokio::time::timeout(Duration::from_millis(50), broker.publish(&call)).await;
    assert!(dropped.is_err(), "a frozen server has answered");
    server.go_on();
    for answer in broker.publish(&call).await {
        answer.unwrap();
    }
    publish(&broker, 21).await.unwrap();
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    assert_eq!(received(&consumer, 21).await, (1..=21).collect::<Vec<_>>());
}
