//! `kill -9` of the server: what it has acknowledged is there, and broker and deliveries go on by themselves.

use std::time::Duration;

use freehold::backend::rabbitmq::NotOpen;
use freehold::{Broker, Deliveries, PublishError, Settle};

use crate::end_to_end::Mortal;
use crate::messages::{destination, number, outbound, publish, received, until};
use crate::publishers::{LAST, Publishers, check, received_by_task};
use crate::rabbitmq::fixture::{broker, unique};
use crate::rabbitmq::node::mortal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_of_the_server_in_order() {
    let mut node = mortal().await;
    let name = unique("killed");
    let broker = broker(&node, &name, Duration::from_secs(1)).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    let publishers = Publishers::start(&broker);
    // Under load.
    publishers.more(500).await;
    node.keeps(&format!("{name}.reader")).await;
    publishers.feel(|| node.kill()).await;
    node.start_again().await;
    publishers.more(200).await;
    let acknowledged = publishers.end().await;
    // The last message of a task may have been stored without an acknowledgement: what follows is behind it.
    publish(&broker, LAST).await.unwrap();
    let of_task = received_by_task(&consumer, acknowledged.len()).await;
    for (mut found, acknowledged) in of_task.into_iter().zip(&acknowledged) {
        // The one that was on its way was published again.
        found.dedup();
        check(found, *acknowledged);
    }
    println!("{} messages", acknowledged.iter().sum::<u128>());
}

#[tokio::test]
async fn a_broker_that_is_down_is_told_so_and_what_was_not_settled_comes_again() {
    let mut node = mortal().await;
    let name = unique("down");
    let broker = broker(&node, &name, Duration::from_secs(1)).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    for n in 0..3 {
        publish(&broker, n).await.unwrap();
    }
    let mut first = Vec::new();
    while first.len() < 3 {
        first.extend(until("deliveries", async || consumer.receive(3).await.ok()).await);
    }
    assert!(first.iter().all(|delivery| delivery.redeliveries == 0), "{first:?}");
    consumer.settle(first[1].tag, Settle::Done).await.unwrap();
    node.keeps(&format!("{name}.reader")).await;
    node.kill();
    until("no connection", async || match publish(&broker, 9).await {
        Err(PublishError::Unavailable(_)) => Some(()),
        Err(PublishError::Unknown(_)) => None,
        other => panic!("a dead server has answered {other:?}"),
    })
    .await;
    let waited = consumer.receive(1).await;
    assert!(matches!(waited, Err(PublishError::Unavailable(_))), "{waited:?}");
    // The tag is gone with the connection, and says so, also when there is another.
    let is_gone = async || {
        let settled = consumer.settle(first[0].tag, Settle::Done).await;
        matches!(&settled, Err(PublishError::Unavailable(why)) if why.is::<NotOpen>())
    };
    assert!(is_gone().await);
    node.start_again().await;
    let mut again = Vec::new();
    while !(again.contains(&0) && again.contains(&2)) {
        let next = until("deliveries", async || consumer.receive(3).await.ok()).await;
        assert!(is_gone().await);
        for delivery in next {
            let n = number(&delivery);
            // The server writes down some time later what was settled: the kill may have undone it.
            assert!(delivery.redeliveries > 0 || n == 9, "message {n} came before");
            consumer.settle(delivery.tag, Settle::Done).await.unwrap();
            again.push(n);
        }
    }
    until("the broker", async || broker.publish(&[outbound(10)]).await.remove(0).ok()).await;
    let mut rest = received(&consumer, 1).await;
    while !rest.contains(&10) {
        rest.extend(received(&consumer, 1).await);
    }
    rest.retain(|n| ![1, 9].contains(n));
    assert_eq!(rest, [10], "all others were settled");
}
