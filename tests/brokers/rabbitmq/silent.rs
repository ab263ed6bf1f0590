//! A server that runs no more and keeps its connections, or one that reads nothing: nobody knows what it has stored.

use std::time::Duration;

use freehold::backend::rabbitmq::Blocked;
use freehold::{Broker, Deliveries, PublishError, Settle};

use crate::end_to_end::Mortal;
use crate::messages::{destination, number, outbound, publish, received, until};
use crate::rabbitmq::fixture::{broker, unique};
use crate::rabbitmq::node::mortal;

#[tokio::test]
async fn messages_to_a_frozen_server_are_unknown_and_those_who_wait_are_told() {
    let node = mortal().await;
    let broker = broker(&node, &unique("silent"), Duration::from_secs(1)).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    until("the first message", async || publish(&broker, 0).await.ok()).await;
    let open = until("a delivery", async || consumer.receive(1).await.ok()).await.remove(0);
    node.freeze();
    let call: Vec<_> = (1..=20).map(outbound).collect();
    let answers = broker.publish(&call).await;
    assert_eq!(answers.len(), call.len());
    for answer in answers {
        assert!(matches!(answer, Err(PublishError::Unknown(_))), "{answer:?}");
    }
    // The next does not even get a connection.
    let answer = publish(&broker, 21).await;
    assert!(matches!(answer, Err(PublishError::Unavailable(_))), "{answer:?}");
    let settled = consumer.settle(open.tag, Settle::Done).await;
    assert!(matches!(settled, Err(PublishError::Unknown(_))), "{settled:?}");
    let waited = consumer.receive(1).await;
    assert!(matches!(waited, Err(PublishError::Unavailable(_))), "{waited:?}");
    node.go_on();
    until("the server", async || {
        broker.publish(&call).await.into_iter().collect::<Result<Vec<_>, _>>().ok()
    })
    .await;
    publish(&broker, 22).await.unwrap();
    let mut all = Vec::new();
    while !all.contains(&22) {
        all.extend(received(&consumer, 1).await);
    }
    all.sort_unstable();
    all.dedup();
    all.retain(|n| *n != 0);
    let (last, rest) = all.split_last().unwrap();
    assert_eq!((*last, rest), (22, &(1..=20).collect::<Vec<_>>()[..]));
}

#[tokio::test]
async fn a_call_that_is_dropped_while_the_server_is_frozen_is_stored_when_it_is_repeated() {
    let node = mortal().await;
    let broker = broker(&node, &unique("dropped"), Duration::from_secs(10)).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    publish(&broker, 0).await.unwrap();
    node.freeze();
    let call: Vec<_> = (1..=20).map(outbound).collect();
    let dropped = tokio::time::timeout(Duration::from_millis(50), broker.publish(&call)).await;
    assert!(dropped.is_err(), "a frozen server has answered");
    node.go_on();
    for answer in broker.publish(&call).await {
        answer.unwrap();
    }
    publish(&broker, 21).await.unwrap();
    let mut all = Vec::new();
    while !all.contains(&21) {
        all.extend(received(&consumer, 1).await);
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, (0..=21).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_is_short_of_disk_takes_nothing_says_so_and_goes_on_later() {
    let node = mortal().await;
    let broker = broker(&node, &unique("short"), Duration::from_secs(1)).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    publish(&broker, 1).await.unwrap();
    node.control(&["set_disk_free_limit", "1000000GB"]);
    let told = until("an answer that says so", async || match publish(&broker, 2).await {
        Err(PublishError::Unavailable(why)) => Some(why),
        Err(PublishError::Unknown(_)) => None,
        other => panic!("a server that is short of disk has answered {other:?}"),
    })
    .await;
    assert!(told.is::<Blocked>(), "{told:?}");
    // Who receives is not blocked.
    let open = consumer.receive(1).await.unwrap().remove(0);
    assert_eq!(number(&open), 1);
    consumer.settle(open.tag, Settle::Done).await.unwrap();
    node.control(&["set_disk_free_limit", "50MB"]);
    until("the server", async || publish(&broker, 3).await.ok()).await;
    let mut all = Vec::new();
    while !all.contains(&3) {
        all.extend(received(&consumer, 1).await);
    }
    assert!(all.iter().all(|n| [2, 3].contains(n)), "{all:?}");
}
