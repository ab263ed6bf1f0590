//! Opening: an exchange and a queue are made as they must be, or checked; and what a handle is fed.

use std::error::Error;
use std::time::Duration;

use freehold::backend::rabbitmq::lapin::ExchangeKind;
use freehold::backend::rabbitmq::lapin::options::{
    ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use freehold::backend::rabbitmq::lapin::types::FieldTable;
use freehold::backend::rabbitmq::{
    ConsumerOptions, OpenError, RabbitBroker, RabbitOptions, RabbitSettings,
};
use freehold::{Broker, Deliveries, Outbound, Settle};

use crate::messages::{destination, message, number, publish, received, until};
use crate::rabbitmq::fixture::{broker, channel, unique};
use crate::rabbitmq::node::shared;

const PATIENT: Duration = Duration::from_secs(10);

/// All that an error says, with its sources.
fn told(error: &dyn Error) -> String {
    let here = format!("{error} {error:?}\n");
    here + &error.source().map(told).unwrap_or_default()
}

async fn publish_to(broker: &RabbitBroker, n: u128, to: &str) {
    let one = Outbound::new(message(n, "key"), destination(to));
    broker.publish(&[one]).await.remove(0).unwrap();
}

#[tokio::test]
async fn an_exchange_or_a_queue_of_another_kind_is_not_opened() {
    let (_connection, theirs) = channel(shared().await.port()).await;
    let name = unique("direct");
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let declared = theirs.exchange_declare(
        name.as_str().into(),
        ExchangeKind::Direct,
        durable,
        FieldTable::default(),
    );
    declared.await.unwrap();
    let opened = RabbitBroker::open(shared().await.settings(), RabbitOptions::new(&name)).await;
    assert!(matches!(opened, Err(OpenError::Unfit(_))), "{opened:?}");

    let broker = broker(shared().await, &unique("kinds"), PATIENT).await;
    let name = format!("{broker:?}").split('"').nth(1).unwrap().to_owned();
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    let classic = format!("{name}.classic");
    theirs.queue_declare(classic.into(), durable, FieldTable::default()).await.unwrap();
    let opened = broker.consumer("classic", []).await;
    assert!(matches!(opened, Err(OpenError::Unfit(_))), "{opened:?}");
    // One that feeds one handle at a time is another kind of queue.
    broker.consumer("single", []).await.unwrap();
    let several = ConsumerOptions { is_single_active: false, ..Default::default() };
    let opened = broker.consumer_with("single", [], several).await;
    assert!(matches!(opened, Err(OpenError::Unfit(_))), "{opened:?}");
    broker.consumer("single", []).await.unwrap();

    let opened = broker.consumer("every", [destination("every.#")]).await;
    assert!(matches!(opened, Err(OpenError::RoutingKey(_))), "{opened:?}");
    let opened = broker.consumer(&"n".repeat(255), []).await;
    assert!(matches!(opened, Err(OpenError::Name)), "{opened:?}");
}

#[tokio::test]
async fn what_cannot_be_reached_is_told_and_the_password_is_not() {
    let port = shared().await.port();
    let nobody = "amqp://shop:s3cret@127.0.0.1:1/%2f".to_owned();
    let stranger = format!("amqp://shop:s3cret@127.0.0.1:{port}/%2f");
    // The client would go on in the open.
    let in_secret = format!("amqps://shop:s3cret@127.0.0.1:{port}/%2f");
    for (address, wanted) in [(nobody, "efused"), (stranger, "ACCESS_REFUSED"), (in_secret, "TLS")]
    {
        let settings = RabbitSettings::new(address.parse().unwrap()).named("suite");
        let shown = format!("{settings:?}");
        assert!(shown.contains("127.0.0.1"), "{shown}");
        let error = RabbitBroker::open(settings, RabbitOptions::new("shop")).await.unwrap_err();
        let told = told(&error);
        assert!(matches!(error, OpenError::Rabbit(_)) && told.contains(wanted), "{told}");
        for text in [shown, told] {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_handle_that_has_more_than_it_may_settle_waits_until_it_has_settled() {
    let broker = broker(shared().await, &unique("bounded"), PATIENT).await;
    let options = ConsumerOptions { unsettled_messages_max: 2, ..Default::default() };
    let consumer = broker.consumer_with("reader", [], options).await.unwrap();
    for n in 0..4 {
        publish(&broker, n).await.unwrap();
    }
    let mut open = consumer.receive(9).await.unwrap();
    if open.len() == 1 {
        open.extend(consumer.receive(9).await.unwrap());
    }
    assert_eq!(open.len(), 2);
    let waiting = tokio::time::timeout(Duration::from_millis(100), consumer.receive(9)).await;
    assert!(waiting.is_err(), "more than two are open: {waiting:?}");
    consumer.settle(open[0].tag, Settle::Done).await.unwrap();
    assert_eq!(consumer.receive(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn with_one_message_open_at_a_time_one_that_comes_again_keeps_its_place() {
    let broker = broker(shared().await, &unique("strict"), PATIENT).await;
    let options = ConsumerOptions { unsettled_messages_max: 1, ..Default::default() };
    let consumer = broker.consumer_with("reader", [], options).await.unwrap();
    for n in 0..3 {
        publish(&broker, n).await.unwrap();
    }
    for after in [Duration::from_millis(100), Duration::ZERO] {
        let first = consumer.receive(9).await.unwrap().remove(0);
        assert_eq!(number(&first), 0);
        consumer.settle(first.tag, Settle::Again(after)).await.unwrap();
    }
    assert_eq!(received(&consumer, 3).await, [0, 1, 2]);
}

#[tokio::test]
async fn one_handle_is_fed_at_a_time_and_when_it_is_idle_the_next_goes_on_in_order() {
    let broker = broker(shared().await, &unique("turns"), PATIENT).await;
    let open = async || {
        let options =
            ConsumerOptions { idle_timeout: Duration::from_millis(300), ..Default::default() };
        broker.consumer_with("reader", [], options).await.unwrap()
    };
    let (first, second) = (open().await, open().await);
    for n in 0..100 {
        publish(&broker, n).await.unwrap();
    }
    let open = first.receive(1).await.unwrap().remove(0);
    // It has one in hand, and is not idle, however long that takes.
    let waiting = tokio::time::timeout(Duration::from_secs(1), second.receive(9)).await;
    assert!(waiting.is_err(), "two handles are fed: {waiting:?}");
    first.settle(open.tag, Settle::Done).await.unwrap();
    // Nobody asks it any more: all that it was handed over goes back, each to its place.
    assert_eq!(received(&second, 99).await, (1..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_consumer_of_no_destination_receives_all_and_queues_of_one_destination_each_receive() {
    let name = unique("all");
    let broker = broker(shared().await, &name, PATIENT).await;
    let all = broker.consumer("all", []).await.unwrap();
    let one = broker.consumer("one", [destination("a.b")]).await.unwrap();
    for (n, to) in [(1, "a.b"), (2, "a.c"), (3, "a.b")] {
        publish_to(&broker, n, to).await;
    }
    assert_eq!(received(&all, 3).await, [1, 2, 3]);
    assert_eq!(received(&one, 2).await, [1, 3]);
    until("a queue that was deleted and is made again", async || {
        let (_connection, theirs) = channel(shared().await.port()).await;
        theirs
            .queue_delete(format!("{name}.one").into(), QueueDeleteOptions::default())
            .await
            .unwrap();
        one.receive(1).await.is_err().then_some(())
    })
    .await;
    let waiting = tokio::time::timeout(Duration::from_secs(1), one.receive(1)).await;
    assert!(waiting.is_err(), "there is nothing in it: {waiting:?}");
    publish(&broker, 4).await.unwrap();
    publish_to(&broker, 5, "a.b").await;
    assert_eq!(received(&one, 1).await, [5]);
}
