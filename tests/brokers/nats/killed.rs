//! `kill -9` of the server: what it has acknowledged is there, and broker and deliveries go on by themselves.

use std::time::Duration;

use freehold::{Broker, Deliveries, PublishError, Settle};

use crate::end_to_end::Mortal;
use crate::messages::{destination, in_trouble, number, outbound, publish, received, until};
use crate::nats::server::Server;
use crate::publishers::{LAST, Publishers, check, received_by_task};

const KILLS: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_of_the_server_and_is_there_once_and_in_order() {
    let mut server = Server::start();
    let broker = server.broker("killed", Duration::from_millis(500)).await;
    let publishers = Publishers::start(&broker);
    for kill in 0..KILLS {
        // Under load, and each time at another moment of it.
        publishers.more(200 + 57 * kill).await;
        publishers.feel(|| server.kill()).await;
        server.start_again().await;
    }
    publishers.more(100).await;
    let acknowledged = publishers.end().await;
    // The last message of a task may have been stored without an acknowledgement: what follows is behind it.
    until("the last message", async || publish(&broker, LAST).await.ok()).await;
    let open = async || broker.consumer("reader", [destination("said")]).await.ok();
    let consumer = until("the consumer", open).await;
    let of_task = received_by_task(&consumer, acknowledged.len()).await;
    for (found, acknowledged) in of_task.into_iter().zip(&acknowledged) {
        assert!(found.len() as u128 <= acknowledged + 1, "messages that nobody was told of");
        check(found, *acknowledged);
    }
    println!("{KILLS} kills, {} messages", acknowledged.iter().sum::<u128>());
}

#[tokio::test]
async fn a_broker_that_is_down_is_told_so_and_goes_on_when_the_server_is_back() {
    let mut server = Server::start();
    let broker = server.broker("down", Duration::from_secs(1)).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    publish(&broker, 1).await.unwrap();
    let extent = broker.extent().await.unwrap();
    let open = consumer.receive(1).await.unwrap().remove(0);
    server.kill();
    until("no connection", async || {
        let error = in_trouble(&broker, 2).await;
        matches!(error, PublishError::Unavailable(_)).then_some(())
    })
    .await;
    assert!(matches!(broker.extent().await, Err(PublishError::Unavailable(_))));
    assert!(matches!(
        consumer.settle(open.tag, Settle::Done).await,
        Err(PublishError::Unavailable(_))
    ));
    server.start_again().await;
    assert_eq!(number(&open), 1);
    until("the broker", async || publish(&broker, 3).await.ok()).await;
    let after = broker.extent().await.unwrap().unwrap();
    let before = extent.unwrap();
    assert!(after.log == before.log && after.last > before.last, "{before:?}, and then {after:?}");
    // The server may have forgotten that it has delivered this, since it writes that down some time later. Then it does not answer,
    // and delivers it again.
    if let Err(error) = consumer.settle(open.tag, Settle::Done).await {
        assert!(matches!(error, PublishError::Unknown(_)), "{error:?}");
    }
    let all = until("the last message", async || {
        let all = received(&consumer, 1).await;
        all.contains(&3).then_some(all)
    })
    .await;
    // The first may have come again before it could be settled: it was open for longer than the server waits.
    assert!(all.iter().all(|n| [1, 3].contains(n)), "what was not stored has come: {all:?}");
}

#[tokio::test]
async fn what_was_not_settled_comes_again_after_a_kill_of_the_server() {
    let mut server = Server::start();
    let broker = server.broker("unsettled", Duration::from_secs(2)).await;
    for n in 0..3 {
        publish(&broker, n).await.unwrap();
    }
    let options = freehold::backend::nats::ConsumerOptions {
        ack_wait: Duration::from_secs(1),
        ..Default::default()
    };
    let consumer = broker.consumer_with("reader", [], options).await.unwrap();
    let mut first = Vec::new();
    while first.len() < 3 {
        first.extend(consumer.receive(3).await.unwrap());
    }
    consumer.settle(first[1].tag, Settle::Done).await.unwrap();
    server.kill();
    until("no connection", async || broker.extent().await.err()).await;
    server.start_again().await;
    let mut again = Vec::new();
    while !(again.contains(&0) && again.contains(&2)) {
        let next = until("deliveries", async || consumer.receive(3).await.ok()).await;
        for delivery in next {
            // How often it came before is not asked: the server writes that down some time later, too.
            consumer.settle(delivery.tag, Settle::Done).await.unwrap();
            again.push(number(&delivery));
        }
    }
    let beside = outbound(9);
    broker.publish(&[beside]).await.remove(0).unwrap();
    // The server writes down what was settled some time later: the kill may have undone it.
    let mut rest = received(&consumer, 1).await;
    while !rest.contains(&9) {
        rest.extend(received(&consumer, 1).await);
    }
    rest.retain(|n| *n != 1);
    assert_eq!(rest, [9], "all others were settled");
}
