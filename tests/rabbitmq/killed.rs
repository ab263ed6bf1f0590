//! `kill -9` of the server: what it has acknowledged is there, and broker and deliveries go on by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use freehold::backend::rabbitmq::{NotOpen, RabbitBroker};
use freehold::{Broker, Deliveries, Outbound, PublishError, Settle};

use crate::fixture::{
    broker, destination, message, number, outbound, publish, received, unique, until,
};
use crate::node::mortal;

const TASKS: u128 = 8;
/// The message after all others.
const LAST: u128 = 1 << 100;

/// Publishes one message of its key after the other, each until it is acknowledged. Returns how many.
async fn publish_all(
    broker: RabbitBroker,
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
async fn what_was_acknowledged_survives_a_kill_of_the_server_in_order() {
    let mut node = mortal().await;
    let name = unique("killed");
    let broker = broker(&node, &name, Duration::from_secs(1)).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
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
    // Under load.
    more(500).await;
    node.keeps(&format!("{name}.reader")).await;
    let before = troubles.load(SeqCst);
    node.kill();
    until("the kill", async || (troubles.load(SeqCst) > before).then_some(())).await;
    node.start_again().await;
    more(acknowledged.load(SeqCst) + 200).await;
    over.store(true, SeqCst);
    let mut wanted = Vec::new();
    for task in tasks {
        wanted.push(task.await.unwrap());
    }
    // The last message of a task may have been stored without an acknowledgement: what follows is behind it.
    publish(&broker, LAST).await.unwrap();
    let mut of_task = vec![Vec::new(); wanted.len()];
    loop {
        let next = received(&consumer, 1).await;
        for n in next.iter().filter(|n| **n != LAST) {
            of_task[usize::try_from(n >> 64).unwrap()].push(n & u128::from(u64::MAX));
        }
        if next.contains(&LAST) {
            break;
        }
    }
    for (mut found, done) in of_task.into_iter().zip(wanted) {
        // The one that was on its way was published again.
        assert!(found.len() as u128 >= done, "{done} were acknowledged, {} are there", found.len());
        found.dedup();
        found.truncate(usize::try_from(done).unwrap());
        assert_eq!(found, (0..done).collect::<Vec<_>>(), "lost or out of order");
    }
    println!("{} messages", acknowledged.load(SeqCst));
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
