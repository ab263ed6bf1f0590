//! Atomic batches: all of one is stored or nothing, whatever happens to the server; and streams that take none.

use std::time::Duration;

use freehold::backend::nats::async_nats::jetstream::{self, stream};
use freehold::backend::nats::{Batches, NatsBroker, NatsOptions};
use freehold::{Broker, Outbound};

use crate::end_to_end::Mortal;
use crate::messages::{destination, message, outbound, publish, received, until};
use crate::nats::server::{Server, eager};

const BATCH: u128 = 200;
/// The same, as the server counts.
const BATCH_STORED: u64 = 200;
const KILLS: u128 = 6;

fn options(name: &str) -> NatsOptions {
    NatsOptions {
        batches: Batches::From(2),
        answer_timeout: Duration::from_millis(500),
        ..NatsOptions::new(name)
    }
}

fn batch(nth: u128) -> Vec<Outbound> {
    let numbers = nth * BATCH..(nth + 1) * BATCH;
    numbers.map(|n| Outbound::new(message(n, &n.to_string()), destination("said"))).collect()
}

async fn last(broker: &NatsBroker) -> u64 {
    until("the extent", async || broker.extent().await.ok().flatten()).await.last
}

/// How many of the messages have come in a batch.
async fn in_batches(server: &Server, name: &str) -> usize {
    let context = jetstream::new(server.client().await);
    let stream = context.get_stream(name).await.unwrap();
    let mut count = 0;
    for at in 1..=stream.cached_info().state.last_sequence {
        let found = stream.get_raw_message(at).await.unwrap();
        count += usize::from(found.headers.get("Nats-Batch-Id").is_some());
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_batch_all_is_stored_or_nothing_when_the_server_is_killed() {
    let mut server = Server::start();
    let client = server.client_with(eager()).await;
    let broker = NatsBroker::open(client, options("killed")).await.unwrap();
    for nth in 0..KILLS {
        let before = last(&broker).await;
        // A client of its own, which does not send the rest when the server is back.
        let gone = NatsBroker::open(server.client().await, options("killed")).await.unwrap();
        let call = tokio::spawn(async move { gone.publish(&batch(nth)).await });
        // Each time a little later, from before it is sent to after it is stored.
        tokio::time::sleep(Duration::from_millis(u64::try_from(nth * nth).unwrap() * 2)).await;
        server.kill();
        call.abort();
        drop(call.await);
        server.start_again().await;
        let stored = last(&broker).await - before;
        println!("{stored} were stored");
        assert!([0, BATCH_STORED].contains(&stored), "{stored} of a batch are stored");
        let again = async || {
            let answers = broker.publish(&batch(nth)).await;
            answers.into_iter().collect::<Result<Vec<_>, _>>().ok()
        };
        let again = until("the batch", again).await;
        let known = again.iter().filter(|stored| stored.is_duplicate).count() as u64;
        assert!(known >= stored, "{known} of {stored} are known");
        assert_eq!(last(&broker).await, before + BATCH_STORED);
    }
    let consumer = broker.consumer("reader", []).await.unwrap();
    let mut all = received(&consumer, usize::try_from(KILLS * BATCH).unwrap()).await;
    all.sort_unstable();
    assert_eq!(all, (0..KILLS * BATCH).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_known_of_a_batch_is_not_stored_again_and_the_rest_is() {
    let server = Server::start();
    let broker = NatsBroker::open(server.client().await, options("known")).await.unwrap();
    for n in [3, 7] {
        publish(&broker, n).await.unwrap();
    }
    let answers = broker.publish(&(0..10).map(outbound).collect::<Vec<_>>()).await;
    let known: Vec<_> = answers.into_iter().map(|it| it.unwrap().is_duplicate).collect();
    assert_eq!(known, (0..10).map(|n| [3, 7].contains(&n)).collect::<Vec<_>>());
    assert_eq!(last(&broker).await, 10);
    for answer in broker.publish(&(10..20).map(outbound).collect::<Vec<_>>()).await {
        answer.unwrap();
    }
    assert_eq!(in_batches(&server, "known").await, 10, "the second call is a batch");
}

/// As the streams of older servers, which have no batches, and such as were made before.
#[tokio::test]
async fn a_stream_that_takes_no_batches_has_messages_one_by_one() {
    let server = Server::start();
    let context = jetstream::new(server.client().await);
    let config = stream::Config {
        name: "plain".to_owned(),
        subjects: vec!["plain.>".to_owned()],
        ..stream::Config::default()
    };
    context.create_stream(config.clone()).await.unwrap();
    for exclusive in [false, true] {
        let options = NatsOptions { exclusive, ..options("plain") };
        let broker = NatsBroker::open(server.client().await, options).await.unwrap();
        let first = if exclusive { 100 } else { 0 };
        for answer in broker.publish(&(first..first + 10).map(outbound).collect::<Vec<_>>()).await {
            answer.unwrap();
        }
    }
    assert_eq!(in_batches(&server, "plain").await, 0);

    // One that takes them, and then no more.
    let taking = stream::Config { allow_atomic_publish: true, ..config.clone() };
    context.update_stream(&taking).await.unwrap();
    let broker = NatsBroker::open(server.client().await, options("plain")).await.unwrap();
    for answer in broker.publish(&(200..210).map(outbound).collect::<Vec<_>>()).await {
        answer.unwrap();
    }
    assert_eq!(in_batches(&server, "plain").await, 10);
    context.update_stream(&config).await.unwrap();
    for answer in broker.publish(&(300..310).map(outbound).collect::<Vec<_>>()).await {
        answer.unwrap();
    }
    assert_eq!(in_batches(&server, "plain").await, 10);
    assert_eq!(last(&broker).await, 40);
}
