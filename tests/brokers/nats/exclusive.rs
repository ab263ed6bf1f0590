//! A stream that one relay has for itself: each message is stored where it is to stand, or not at all.

use std::time::Duration;

use freehold::backend::nats::{Batches, NatsBroker, NatsOptions, OtherPublisher};
use freehold::{Broker, Outbound, PublishError, Stored};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::messages::{destination, message, outbound, publish, received, until};
use crate::nats::server::{Server, eager};
use crate::proxy::Proxy;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Nearly at once, a stream takes a copy for another message.
const WINDOW: Duration = Duration::from_millis(100);

fn options(batches: Batches) -> NatsOptions {
    NatsOptions {
        exclusive: true,
        batches,
        answer_timeout: ANSWER_TIMEOUT,
        duplicate_window: WINDOW,
        ..NatsOptions::new("own")
    }
}

/// A handle whose client does not leave a connection because it is silent.
async fn open(port: u16, batches: Batches) -> NatsBroker {
    let client = eager().ping_interval(Duration::from_mins(1));
    let client = client.connect(format!("nats://127.0.0.1:{port}")).await.unwrap();
    NatsBroker::open(client, options(batches)).await.unwrap()
}

/// A call that goes on while the test does.
fn call(broker: &NatsBroker, out: Vec<Outbound>) -> JoinHandle<Vec<Result<Stored, PublishError>>> {
    let broker = broker.clone();
    tokio::spawn(async move { broker.publish(&out).await })
}

/// Waits until something of a call waits in the proxy. A call that has ended before has gone another way than the test.
async fn until_held<T>(proxy: &Proxy, call: &JoinHandle<T>) {
    let is_held = || proxy.held_bytes() > 0;
    until("what is held", async || (is_held() || call.is_finished()).then_some(())).await;
    assert!(is_held(), "the call has ended, and nothing of it was held");
}

/// Messages of one key.
fn of_one_key(numbers: std::ops::Range<u128>) -> Vec<Outbound> {
    numbers.map(|n| Outbound::new(message(n, "key"), destination("said"))).collect()
}

async fn last(broker: &NatsBroker) -> u64 {
    broker.extent().await.unwrap().unwrap().last
}

async fn all(broker: &NatsBroker) -> Vec<u128> {
    let count = usize::try_from(last(broker).await).unwrap();
    received(&broker.consumer("reader", []).await.unwrap(), count).await
}

fn is_fenced(answer: &Result<Stored, PublishError>) -> bool {
    matches!(answer, Err(PublishError::Unavailable(why)) if why.is::<OtherPublisher>())
}

async fn what_is_sent_too_late(batches: Batches) {
    let server = Server::start();
    let proxy = Proxy::before(server.port()).await;
    let (old, new) = (open(proxy.port(), batches).await, open(server.port(), batches).await);
    publish(&old, 0).await.unwrap();
    proxy.hold_after(0);
    let late = call(&old, of_one_key(100..120));
    until_held(&proxy, &late).await;
    // Who takes over publishes meanwhile.
    publish(&new, 1).await.unwrap();
    let answers = late.await.unwrap();
    assert!(matches!(answers[0], Err(PublishError::Unknown(_))), "{answers:?}");
    proxy.release();
    // It comes behind what was late, by the same connection.
    let next = publish(&old, 2).await;
    assert!(is_fenced(&next), "{next:?}");
    assert_eq!(last(&new).await, 2, "what was sent too late was stored");
    publish(&old, 3).await.unwrap();
    let next = publish(&new, 4).await;
    assert!(is_fenced(&next), "{next:?}");
    assert_eq!(all(&new).await, [0, 1, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_publisher_sends_too_late_is_refused_by_the_server() {
    what_is_sent_too_late(Batches::Never).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_a_publisher_sends_too_late_is_refused_by_the_server() {
    what_is_sent_too_late(Batches::From(2)).await;
}

async fn an_answer_that_is_lost(batches: Batches) {
    let server = Server::start();
    let proxy = Proxy::before(server.port()).await;
    let (broker, beside) = (open(proxy.port(), batches).await, open(server.port(), batches).await);
    publish(&broker, 0).await.unwrap();

    // Stored, and nobody was told.
    proxy.drop_answers();
    let stored = call(&broker, of_one_key(1..21));
    until("the messages", async || (last(&beside).await == 21).then_some(())).await;
    proxy.cut();
    for (at, answer) in (2..).zip(stored.await.unwrap()) {
        assert_eq!(answer.unwrap(), Stored::new(Some(at), false));
    }

    // Not stored: the half of it that has left is lost with the connection.
    proxy.hold_after(6_000);
    let lost = call(&broker, of_one_key(21..81));
    until_held(&proxy, &lost).await;
    let upto = last(&beside).await;
    proxy.cut();
    let answers = lost.await.unwrap();
    if batches == Batches::From(2) {
        assert_eq!(upto, 21, "half a batch was stored");
        assert!(matches!(answers[0], Err(PublishError::Unknown(_))), "{answers:?}");
    }
    // Only those: of what it has forgotten, the stream takes a copy for another message.
    let mut open = of_one_key(21..81);
    open.drain(..answers.iter().take_while(|answer| answer.is_ok()).count());
    until("the others", async || {
        let answers = broker.publish(&open).await;
        open.drain(..answers.iter().take_while(|answer| answer.is_ok()).count());
        open.is_empty().then_some(())
    })
    .await;
    assert_eq!(all(&beside).await, (0..81).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_answer_is_lost_is_found_in_the_stream_or_not_there() {
    an_answer_that_is_lost(Batches::Never).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_answer_is_lost_is_found_in_the_stream_or_not_there() {
    an_answer_that_is_lost(Batches::From(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_was_dropped_is_stored_once_though_the_stream_knows_no_copies_any_more() {
    for batches in [Batches::Never, Batches::From(2)] {
        let server = Server::start();
        let proxy = Proxy::before(server.port()).await;
        let broker = open(proxy.port(), batches).await;
        let beside = open(server.port(), batches).await;
        publish(&broker, 0).await.unwrap();
        proxy.drop_answers();
        let dropped = call(&broker, of_one_key(1..21));
        until("the messages", async || (last(&beside).await == 21).then_some(())).await;
        dropped.abort();
        drop(dropped.await);
        proxy.cut();
        sleep(WINDOW * 3).await;
        let again = async || {
            let answers = broker.publish(&of_one_key(1..31)).await;
            answers.into_iter().collect::<Result<Vec<_>, _>>().ok()
        };
        let again = until("the connection", again).await;
        let known: Vec<_> = again.iter().map(|stored| stored.is_duplicate).collect();
        assert_eq!(known, (1..31).map(|n| n < 21).collect::<Vec<_>>(), "{batches:?}");
        assert_eq!(all(&beside).await, (0..31).collect::<Vec<_>>(), "{batches:?}");
    }
}

#[tokio::test]
async fn messages_of_others_are_noticed_and_the_next_call_goes_on_behind_them() {
    let server = Server::start();
    let broker = open(server.port(), Batches::Never).await;
    publish(&broker, 0).await.unwrap();
    let shared = server.broker("own", ANSWER_TIMEOUT).await;
    publish(&shared, 1).await.unwrap();
    let answers = broker.publish(&[outbound(2), outbound(3)]).await;
    assert!(answers.iter().all(is_fenced), "{answers:?}");
    for answer in broker.publish(&[outbound(2), outbound(3)]).await {
        answer.unwrap();
    }
    assert_eq!(all(&broker).await, [0, 1, 2, 3]);
}

/// What is stored of a call is in the midst of it and at its end.
#[tokio::test]
async fn messages_that_are_known_do_not_move_the_others_of_their_call() {
    for batches in [Batches::Never, Batches::From(2)] {
        let server = Server::start();
        let options = NatsOptions { duplicate_window: Duration::from_mins(2), ..options(batches) };
        let broker = NatsBroker::open(server.client().await, options).await.unwrap();
        for n in [3, 4, 9] {
            publish(&broker, n).await.unwrap();
        }
        let answers = broker.publish(&(0..10).map(outbound).collect::<Vec<_>>()).await;
        let known: Vec<_> = answers.into_iter().map(|it| it.unwrap().is_duplicate).collect();
        assert_eq!(known, (0..10).map(|n| [3, 4, 9].contains(&n)).collect::<Vec<_>>());
        assert_eq!(all(&broker).await, [3, 4, 9, 0, 1, 2, 5, 6, 7, 8]);
    }
}
