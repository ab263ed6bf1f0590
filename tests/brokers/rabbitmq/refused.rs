//! What RabbitMQ does not take is refused, and what stands beside it in the call is stored.

use std::time::Duration;

use freehold::backend::rabbitmq::lapin::options::{
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
};
use freehold::backend::rabbitmq::lapin::types::{AMQPValue, FieldTable};
use freehold::backend::rabbitmq::lapin::uri::AMQPUri;
use freehold::backend::rabbitmq::{
    InvalidHeader, InvalidRoutingKey, RabbitBroker, RabbitOptions, TooLong, Unroutable,
};
use freehold::{Broker, Metadata, Outbound, PublishError};

use crate::messages::{destination, message, message_with, outbound, publish, received, until};
use crate::rabbitmq::fixture::{broker, channel, unique};
use crate::rabbitmq::node::shared;

const PATIENT: Duration = Duration::from_secs(10);

fn with_header(n: u128, name: &str, value: &str) -> Outbound {
    let metadata = Metadata::new().with_entry(name, value).unwrap();
    Outbound::new(message_with(n, "key", "{}", metadata), destination("said"))
}

fn long(n: u128, bytes: usize) -> Outbound {
    let message = message_with(n, "key", vec![b'1'; bytes], Metadata::new());
    Outbound::new(message, destination("said"))
}

#[tokio::test]
async fn what_rabbitmq_does_not_take_is_refused_and_the_others_of_the_call_are_stored() {
    // The server takes 200,000 bytes, and has not told.
    let options =
        RabbitOptions { payload_bytes_max: 500_000, ..RabbitOptions::new(&unique("refused")) };
    let broker = RabbitBroker::open(shared().await.settings(), options).await.unwrap();
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    let to = |n, to: &str| Outbound::new(message(n, "key"), destination(to));
    let refused = [
        long(100, 500_001),
        long(101, 1_000_000),
        with_header(102, "CC", "said"),
        with_header(103, "x-death", "1"),
        with_header(104, "cloudEvents_id", "1"),
        to(105, "*"),
        to(106, "a.#"),
        to(107, "nobody"),
        long(108, 200_001),
        long(109, 300_000),
    ];
    let mut call = vec![outbound(0)];
    for (n, bad) in (1..).zip(&refused) {
        call.push(bad.clone());
        call.push(outbound(n));
    }
    for (n, answer) in broker.publish(&call).await.into_iter().enumerate() {
        match answer {
            Ok(_) => assert!(n % 2 == 0, "{:?} was stored", call[n].message.envelope.id()),
            Err(PublishError::Refused(why)) => {
                assert!(n % 2 == 1, "{:?} was refused: {why}", call[n].message.envelope.id());
                let is_told = match (n - 1) / 2 {
                    0 | 1 => why.is::<TooLong>(),
                    2..=4 => why.is::<InvalidHeader>(),
                    5 | 6 => why.is::<InvalidRoutingKey>(),
                    7 => why.is::<Unroutable>(),
                    _ => why.to_string().contains("larger than configured max size"),
                };
                assert!(is_told, "message {n} was refused, since {why:?}");
            }
            Err(other) => panic!("message {n} was answered {other:?}"),
        }
    }
    // One that is not told from the others is sent again with them, so that there are copies.
    let mut all = received(&consumer, 11).await;
    publish(&broker, 11).await.unwrap();
    while !all.contains(&11) {
        all.extend(received(&consumer, 1).await);
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, (0..12).collect::<Vec<_>>());
}

/// All headers go in one frame, which two sides agree on.
#[tokio::test]
async fn a_message_whose_headers_are_too_long_is_refused() {
    let address =
        format!("amqp://guest:guest@127.0.0.1:{}/%2f?frame_max=8192", shared().await.port());
    let address = address.parse::<AMQPUri>().unwrap();
    let broker = RabbitBroker::open(address, RabbitOptions::new(&unique("frames"))).await.unwrap();
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    let value = "v".repeat(1_000);
    let headed = |n, headers| {
        let metadata = (0..headers).fold(Metadata::new(), |metadata, n| {
            metadata.with_entry(&format!("h{n}"), &value).unwrap()
        });
        Outbound::new(message_with(n, "key", "{}", metadata), destination("said"))
    };
    let answers = broker.publish(&[headed(1, 7), headed(2, 8), outbound(3)]).await;
    match &answers[..] {
        [Ok(_), Err(PublishError::Refused(why)), Ok(_)] if why.is::<TooLong>() => {}
        other => panic!("long headers were answered {other:?}"),
    }
    assert_eq!(received(&consumer, 2).await, [1, 3]);
}

#[tokio::test]
async fn a_message_that_is_refused_by_itself_is_no_trouble_to_calls_beside_it() {
    let broker = broker(shared().await, &unique("beside"), PATIENT).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    let beside = async {
        for n in 0..200 {
            until("a message beside", async || match publish(&broker, n).await {
                Ok(_) => Some(()),
                Err(PublishError::Unknown(_) | PublishError::Unavailable(_)) => None,
                Err(other) => panic!("a good message was answered {other:?}"),
            })
            .await;
        }
    };
    let bad = async {
        for n in 0..10 {
            let answer = broker.publish(&[long(1_000 + n, 250_000)]).await.remove(0);
            assert!(matches!(answer, Err(PublishError::Refused(_))), "{answer:?}");
        }
    };
    tokio::join!(beside, bad);
    let mut all = Vec::new();
    while !all.contains(&199) {
        all.extend(received(&consumer, 1).await);
    }
    all.dedup();
    assert_eq!(all, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_exchange_that_is_gone_is_trouble_and_nothing_is_refused() {
    let name = unique("gone");
    let broker = broker(shared().await, &name, PATIENT).await;
    let consumer = broker.consumer("reader", [destination("said")]).await.unwrap();
    publish(&broker, 1).await.unwrap();
    let (_connection, theirs) = channel(shared().await.port()).await;
    theirs.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    for n in [2, 3] {
        let answer = publish(&broker, n).await;
        assert!(matches!(answer, Err(PublishError::Unavailable(_))), "{answer:?}");
    }
    // Who opens the consumer again binds its queue again.
    let again = broker.consumer("reader", [destination("said")]).await.unwrap();
    publish(&broker, 4).await.unwrap();
    drop(consumer);
    assert_eq!(received(&again, 2).await, [1, 4]);
}

#[tokio::test]
async fn a_queue_that_is_full_takes_nothing_and_no_message_is_to_blame() {
    let name = unique("full");
    let broker = broker(shared().await, &name, PATIENT).await;
    let (_connection, theirs) = channel(shared().await.port()).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(2));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    let queue = format!("{name}.small");
    theirs.queue_declare(queue.as_str().into(), durable, arguments).await.unwrap();
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    theirs.queue_bind(queue.into(), name.into(), "said".into(), options, none).await.unwrap();
    until("a full queue", async || match publish(&broker, 1).await {
        Ok(_) => None,
        Err(PublishError::Unavailable(_)) => Some(()),
        Err(other) => panic!("a full queue was answered {other:?}"),
    })
    .await;
}
