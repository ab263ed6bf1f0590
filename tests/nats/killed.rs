//! `kill -9` of the server: what it has acknowledged is there, and broker and deliveries go on by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use freehold::backend::nats::NatsBroker;
use freehold::{Broker, Deliveries, Outbound, PublishError, Settle};

use crate::server::{
    Server, destination, in_trouble, message, number, outbound, publish, received, until,
};

const TASKS: u128 = 8;
const KILLS: u64 = 5;

/// Publishes one message of its key after the other, each until it is acknowledged. Returns how many.
async fn publish_all(
    broker: NatsBroker,
    task: u128,
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    troubles: Arc<AtomicU64>,
) -> u128 {
    let mut done = 0;
    while !over.load(SeqCst) {
        let one = Outbound::new(message(task << 64 | done, &task.to_string()), destination("said"));
        match broker.publish(&[one]).await.remove(0) {
            Ok(_) => {
                done += 1;
                acknowledged.fetch_add(1, SeqCst);
            }
            Err(PublishError::Unavailable(_) | PublishError::Unknown(_)) => {
                troubles.fetch_add(1, SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(other) => panic!("trouble with the broker was answered {other:?}"),
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_of_the_server_and_is_there_once_and_in_order() {
    let mut server = Server::start();
    let broker = server.broker("killed", Duration::from_millis(500)).await;
    let over = Arc::new(AtomicBool::new(false));
    let (acknowledged, troubles) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (over, acknowledged) = (Arc::clone(&over), Arc::clone(&acknowledged));
            let troubles = Arc::clone(&troubles);
            tokio::spawn(publish_all(broker.clone(), task, over, acknowledged, troubles))
        })
        .collect();
    let more = async |wanted: u64| {
        until("more messages", async || (acknowledged.load(SeqCst) >= wanted).then_some(())).await;
    };
    for kill in 0..KILLS {
        // Under load, and each time at another moment of it.
        more(acknowledged.load(SeqCst) + 200 + 57 * kill).await;
        let before = troubles.load(SeqCst);
        server.kill();
        until("the kill", async || (troubles.load(SeqCst) > before).then_some(())).await;
        server.start_again();
    }
    more(acknowledged.load(SeqCst) + 100).await;
    over.store(true, SeqCst);
    let mut wanted = Vec::new();
    for task in tasks {
        wanted.push(task.await.unwrap());
    }
    // The last message of a task may have been stored without an acknowledgement: what follows is behind it.
    until("the last message", async || publish(&broker, 1 << 100).await.ok()).await;
    let open = async || broker.consumer("reader", [destination("said")]).await.ok();
    let consumer = until("the consumer", open).await;
    let mut of_task = vec![Vec::new(); wanted.len()];
    loop {
        let next = received(&consumer, 1).await;
        for n in next.iter().filter(|n| **n != 1 << 100) {
            of_task[usize::try_from(n >> 64).unwrap()].push(n & u128::from(u64::MAX));
        }
        if next.contains(&(1 << 100)) {
            break;
        }
    }
    for (mut found, done) in of_task.into_iter().zip(wanted) {
        assert!(found.len() as u128 >= done, "{done} were acknowledged, {} are there", found.len());
        assert!(found.len() as u128 <= done + 1, "messages that nobody was told of");
        found.truncate(usize::try_from(done).unwrap());
        assert_eq!(found, (0..done).collect::<Vec<_>>(), "lost, twice or out of order");
    }
    println!("{KILLS} kills, {} messages", acknowledged.load(SeqCst));
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
    server.start_again();
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
    server.start_again();
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
