//! What a consumer does with messages that it cannot handle, that come twice, and before which one is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::inbox::{Consumer, HandleError, Marks, OnGap, RetryError, RunningConsumer};
use freehold::outbox::Relay;
use freehold::testkit::PausedClock;
use freehold::{
    Broker, Commit, Destination, Envelope, Message, OrderingKey, Outbound, Position, Sequence,
};
use tokio::time::sleep;

use super::fixture::{
    consume, consumer_options, memory, message, name, noted, noting, send, source, text,
    until_noted,
};

fn outbound(text: &str, at: u64, previous: Option<u64>) -> Outbound {
    outbound_to("here", text, at, previous)
}

fn outbound_to(to: &str, text: &str, at: u64, previous: Option<u64>) -> Outbound {
    let envelope: Envelope = message(text);
    let destination = Destination::new(to).unwrap();
    let sequence = Sequence::new(Position::new(at), previous.map(Position::new));
    let mut message = Message::new(envelope, source(), Some(sequence));
    message.destination = Some(destination.clone());
    Outbound::new(message, destination)
}

async fn publish(broker: &MemoryBroker, messages: &[Outbound]) {
    for answer in broker.publish(messages).await {
        answer.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn messages_go_from_one_service_to_another_once_and_in_order() {
    for marks in [Marks::ById, Marks::BySequence(OnGap::Park)] {
        let (ours, theirs, broker) = (memory(), memory(), MemoryBroker::without_dedupe());
        let relay =
            Relay::new(name("relay"), source(), ours.clone()).publish_to(broker.clone()).start();
        let notes = consume(theirs.clone(), broker.consumer("notes", []), marks);
        for n in 0..20 {
            send(&ours, &[&format!("a{n:02}"), &format!("b{n:02}")]).await;
        }
        relay.drained().await.unwrap();
        until_noted(&theirs, 40).await;
        notes.stop().await;
        for key in ["a", "b"] {
            let wanted: Vec<_> = (0..20).map(|n| format!("{key}{n:02}")).collect();
            assert_eq!(noted(&theirs, key).await, wanted, "{marks:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_message_is_seen_and_waited_for() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let notes =
        consume(store.clone(), broker.consumer("notes", []), Marks::BySequence(OnGap::Park));
    publish(&broker, &[outbound("a1", 3, None), outbound("a3", 9, Some(7))]).await;
    until_noted(&store, 1).await;
    publish(&broker, &[outbound("a2", 7, Some(3))]).await;
    until_noted(&store, 3).await;
    assert_eq!(noted(&store, "a").await, ["a1", "a2", "a3"]);
    assert!(notes.parked(1).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_that_wait_for_one_are_handled_as_soon_as_it_comes() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let marks = Marks::BySequence(OnGap::Park);
    let options = freehold::inbox::ConsumerOptions { messages_max: 64, ..consumer_options(marks) };
    let notes = Consumer::new(name("notes"), broker.consumer("notes", []), store.clone())
        .options(options)
        .start(noting);
    let all: Vec<_> = (1..=30_u64)
        .map(|at| outbound(&format!("a{at:02}"), at, (at > 1).then(|| at - 1)))
        .collect();
    // As after a connection was lost: the first comes last, and the others in no good order.
    for late in all[1..].iter().rev() {
        publish(&broker, std::slice::from_ref(late)).await;
    }
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(noted(&store, "a").await, [""; 0], "the first of them is missing");
    publish(&broker, &all[..1]).await;
    sleep(Duration::from_millis(100)).await;
    let wanted: Vec<_> = (1..=30).map(|at| format!("a{at:02}")).collect();
    assert_eq!(noted(&store, "a").await, wanted, "they need not be delivered again for that");
    notes.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_stays_missing_parks_its_key_or_is_accepted() {
    for (on_gap, wanted) in [(OnGap::Park, &["a1"][..]), (OnGap::Accept, &["a1", "a3", "a4"])] {
        let (store, broker) = (memory(), MemoryBroker::new());
        let notes = consume(store.clone(), broker.consumer("notes", []), Marks::BySequence(on_gap));
        let gap =
            [outbound("a1", 3, None), outbound("a3", 9, Some(7)), outbound("a4", 11, Some(9))];
        publish(&broker, &gap).await;
        publish(&broker, &[outbound("b1", 12, None)]).await;
        sleep(Duration::from_mins(5)).await;
        assert_eq!(noted(&store, "a").await, wanted, "{on_gap:?}");
        assert_eq!(noted(&store, "b").await, ["b1"]);
        let parked = notes.parked(10).await.unwrap();
        assert_eq!(parked.len(), 3 - wanted.len());
        if on_gap == OnGap::Park {
            assert!(parked[0].error.as_ref().is_some_and(|why| why.contains("missing")));
            // One that comes after all is put where it belongs.
            publish(&broker, &[outbound("a2", 7, Some(3))]).await;
            sleep(Duration::from_secs(1)).await;
            let key = OrderingKey::new("a").unwrap();
            assert_eq!(notes.retry(&source(), &key).await.unwrap(), 3);
            assert_eq!(noted(&store, "a").await, ["a1", "a2", "a3", "a4"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_several_destinations_has_its_place_at_each() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let notes =
        consume(store.clone(), broker.consumer("notes", []), Marks::BySequence(OnGap::Park));
    // The second destination is ahead of the first.
    for (to, text, at, previous) in [
        ("here", "a1", 1, None),
        ("there", "a2", 2, None),
        ("there", "a4", 4, Some(2)),
        ("here", "a3", 3, Some(1)),
        ("here", "a5", 5, Some(3)),
    ] {
        publish(&broker, &[outbound_to(to, text, at, previous)]).await;
    }
    until_noted(&store, 5).await;
    assert_eq!(noted(&store, "a").await, ["a1", "a2", "a4", "a3", "a5"]);
    notes.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_retries_is_handled_though_one_before_it_is_missing() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let notes =
        consume(store.clone(), broker.consumer("notes", []), Marks::BySequence(OnGap::Park));
    publish(&broker, &[outbound("a2", 9, Some(7)), outbound("a3", 11, Some(9))]).await;
    sleep(Duration::from_mins(5)).await;
    assert_eq!(noted(&store, "a").await, [""; 0], "also the first of a key waits");
    let key = OrderingKey::new("a").unwrap();
    assert_eq!(notes.retry(&source(), &key).await.unwrap(), 2);
    assert_eq!(noted(&store, "a").await, ["a2", "a3"]);
}

#[tokio::test(start_paused = true)]
async fn who_joins_late_takes_the_first_message_of_a_key_as_it_comes() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let options = freehold::inbox::ConsumerOptions {
        joins_late: true,
        ..consumer_options(Marks::BySequence(OnGap::Park))
    };
    let notes = Consumer::new(name("notes"), broker.consumer("notes", []), store.clone())
        .options(options)
        .seed(7)
        .start(noting);
    publish(&broker, &[outbound("a2", 9, Some(7)), outbound("a4", 13, Some(11))]).await;
    sleep(Duration::from_mins(5)).await;
    assert_eq!(noted(&store, "a").await, ["a2"], "the next must fit");
    assert_eq!(notes.parked(10).await.unwrap().len(), 1);
}

/// Cannot handle `a2` until it is mended.
fn picky(store: &MemoryStore, broker: &MemoryBroker, mended: &Arc<AtomicBool>) -> RunningConsumer {
    let mended = Arc::clone(mended);
    Consumer::new(name("notes"), broker.consumer("notes", []), store.clone())
        .options(consumer_options(Marks::ById))
        .clock(PausedClock::new())
        .seed(7)
        .start(move |message: &Message| -> Result<Commit, HandleError> {
            match text(&message.envelope).as_str() {
                "a2" if !mended.load(Ordering::SeqCst) => Err(HandleError::never("it is picky")),
                "b1" if !mended.load(Ordering::SeqCst) => panic!("it is very picky"),
                _ => noting(message),
            }
        })
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_handled_parks_its_key_and_is_not_lost() {
    let (store, broker, mended) = (memory(), MemoryBroker::new(), Arc::default());
    let notes = picky(&store, &broker, &mended);
    let [a1, a2, a3] = [("a1", 1, None), ("a2", 2, Some(1)), ("a3", 4, Some(2))]
        .map(|(text, at, previous)| outbound(text, at, previous));
    publish(&broker, &[a1, a2, outbound("b1", 3, None), a3, outbound("c1", 5, None)]).await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(noted(&store, "a").await, ["a1"]);
    assert_eq!(noted(&store, "c").await, ["c1"]);
    notes.stop().await;
    // After a restart, what comes later still waits behind it.
    let notes = picky(&store, &broker, &mended);
    publish(&broker, &[outbound("a4", 6, Some(4))]).await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(noted(&store, "a").await, ["a1"]);
    let parked = notes.parked(10).await.unwrap();
    let texts: Vec<_> = parked.iter().map(|it| text(&it.message.envelope)).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(parked[0].error.as_ref().is_some_and(|why| why.contains("picky")), "{parked:?}");

    let [a, b] = ["a", "b"].map(|key| OrderingKey::new(key).unwrap());
    let still = notes.retry(&source(), &a).await.unwrap_err();
    assert!(matches!(still, RetryError::StillFails { released: 0, .. }), "{still:?}");
    assert_eq!(notes.discard(&source(), &b, "nobody wants it").await.unwrap(), 1);
    mended.store(true, Ordering::SeqCst);
    assert_eq!(notes.retry(&source(), &a).await.unwrap(), 3);
    publish(&broker, &[outbound("a5", 7, Some(6)), outbound("b2", 8, Some(3))]).await;
    until_noted(&store, 7).await;
    assert_eq!(noted(&store, "a").await, ["a1", "a2", "a3", "a4", "a5"]);
    assert_eq!(noted(&store, "b").await, ["b2"]);
    assert!(notes.parked(1).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_consumer_by_sequence_waits_for_the_lease_of_the_first() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let marks = Marks::BySequence(OnGap::Park);
    let first = consume(store.clone(), broker.consumer("notes", []), marks);
    publish(&broker, &[outbound("a1", 1, None)]).await;
    until_noted(&store, 1).await;
    let second = consume(store.clone(), broker.consumer("notes", []), marks);
    first.stop().await;
    publish(&broker, &[outbound("a2", 2, Some(1))]).await;
    until_noted(&store, 2).await;
    assert_eq!(noted(&store, "a").await, ["a1", "a2"]);
    second.stop().await;
}
