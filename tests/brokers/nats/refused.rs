//! What NATS does not take is refused, and what stands beside it in the call is stored.

use std::time::Duration;

use freehold::backend::nats::async_nats::{ConnectOptions, jetstream};
use freehold::backend::nats::{InvalidHeader, InvalidSubject, NatsBroker, NatsOptions};
use freehold::{Broker, Metadata, Outbound, PublishError};

use crate::messages::{destination, message, message_with, outbound, publish, received};
use crate::nats::server::Server;

const PATIENT: Duration = Duration::from_secs(5);

fn with_header(n: u128, name: &str, value: &str) -> Outbound {
    let metadata = Metadata::new().with_entry(name, value).unwrap();
    Outbound::new(message_with(n, "key", "{}", metadata), destination("said"))
}

fn to(n: u128, to: &str) -> Outbound {
    Outbound::new(message(n, "key"), destination(to))
}

#[tokio::test]
async fn what_nats_does_not_take_is_refused_and_the_others_of_the_call_are_stored() {
    let server = Server::start();
    let broker = server.broker("refused", PATIENT).await;
    let bytes_max = broker.capabilities().bytes_max.unwrap();
    let long = |n, bytes| {
        Outbound::new(
            message_with(n, "key", vec![b'1'; bytes], Metadata::new()),
            destination("said"),
        )
    };
    let refused = [
        long(100, bytes_max + 1),
        // The headers count as well.
        long(101, bytes_max),
        with_header(102, "two words", ""),
        with_header(103, "Nats-Rollup", "all"),
        with_header(104, "broken", "a\r\nNats-Rollup: all"),
        to(105, "two words"),
        to(106, "every.*"),
        to(107, "every.>"),
        to(108, "a..b"),
    ];
    let mut call = vec![outbound(0)];
    for (n, bad) in (1..).zip(&refused) {
        call.push(bad.clone());
        call.push(outbound(n));
    }
    for (n, answer) in broker.publish(&call).await.into_iter().enumerate() {
        match answer {
            Ok(_) => assert!(n % 2 == 0, "{:?} was stored", call[n]),
            Err(PublishError::Refused(why)) => {
                assert!(n % 2 == 1, "{:?} was refused", call[n]);
                let is_told = match (n - 1) / 2 {
                    0 | 1 => true,
                    2..=4 => why.is::<InvalidHeader>(),
                    _ => why.is::<InvalidSubject>(),
                };
                assert!(is_told, "{:?} was refused, since {why:?}", call[n]);
            }
            Err(other) => panic!("{:?} was answered {other:?}", call[n]),
        }
    }
    let consumer = broker.consumer("reader", []).await.unwrap();
    let mut all = received(&consumer, 10).await;
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
    let extent = broker.extent().await.unwrap().unwrap();
    assert_eq!(extent.last, 10, "messages in the stream, and nothing rolled up");
}

/// The stream's own limit is less than the server's.
#[tokio::test]
async fn a_message_that_is_too_long_for_the_stream_is_refused() {
    let server = Server::start();
    let config = jetstream::stream::Config {
        name: "short".to_owned(),
        subjects: vec!["short.>".to_owned()],
        max_message_size: 2_000,
        ..Default::default()
    };
    jetstream::new(server.client().await).create_stream(config).await.unwrap();
    let broker = server.broker("short", PATIENT).await;
    assert_eq!(broker.capabilities().bytes_max, Some(2_000));
    let long = message_with(1, "key", vec![b'1'; 2_001], Metadata::new());
    let call = [Outbound::new(long, destination("said")), outbound(2)];
    let answers = broker.publish(&call).await;
    assert!(matches!(answers[..], [Err(PublishError::Refused(_)), Ok(_)]), "{answers:?}");
}

/// The server says so where nobody can tell what it is about, and does not answer.
#[tokio::test]
async fn a_subject_that_the_user_may_not_publish_to_is_unknown() {
    let server = Server::start_with(
        r#"authorization { users: [
            { user: u, password: p, permissions: { publish: { deny: ["secret.said"] } } }
        ] }"#,
    );
    let options = ConnectOptions::with_user_and_password("u".to_owned(), "p".to_owned());
    let client = server.client_with(options).await;
    let answer_timeout = Duration::from_secs(2);
    let options = NatsOptions { answer_timeout, ..NatsOptions::new("secret") };
    let broker = NatsBroker::open(client, options).await.unwrap();
    let answers = broker.publish(&[outbound(1), to(2, "open")]).await;
    assert!(matches!(answers[..], [Err(PublishError::Unknown(_)), Ok(_)]), "{answers:?}");
    assert_eq!(broker.extent().await.unwrap().unwrap().last, 1);
}

#[tokio::test]
async fn a_stream_that_is_full_takes_nothing_and_no_message_is_to_blame() {
    let server = Server::start();
    let config = jetstream::stream::Config {
        name: "full".to_owned(),
        subjects: vec!["full.>".to_owned()],
        max_messages: 2,
        discard: jetstream::stream::DiscardPolicy::New,
        ..Default::default()
    };
    jetstream::new(server.client().await).create_stream(config).await.unwrap();
    let broker = server.broker("full", PATIENT).await;
    publish(&broker, 1).await.unwrap();
    publish(&broker, 2).await.unwrap();
    assert!(matches!(publish(&broker, 3).await, Err(PublishError::Unavailable(_))));
    assert!(publish(&broker, 2).await.unwrap().is_duplicate, "what is there is known");
}
