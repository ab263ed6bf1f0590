//! What a relay makes of a message: where it goes, when, and how it says where it stands.

use std::time::Duration;

use chrono::TimeDelta;
use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::outbox::{Relay, RelayOptions};
use freehold::testkit::PausedClock;
use freehold::{
    Archive, Clock, Closing, Commit, Destination, Envelope, EventId, ExpectedVersion, Filter,
    MessageId, Outbox, Position, RecordedEvent, Store, StreamId,
};
use tokio::time::sleep;
use uuid::Uuid;

use super::fixture::{memory, message, name, options, send, source, stored, text};

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_each_of_its_destinations_and_tells_its_place_there() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let to = |name| Destination::new(name).unwrap();
    let route = move |envelope: &Envelope| match text(envelope).as_str() {
        "a2" => vec![to("here")],
        "b1" => vec![],
        _ => vec![to("here"), to("there")],
    };
    let relay = Relay::new(name("relay"), source(), store.clone())
        .publish_to(broker.clone())
        .route(route)
        .start();
    send(&store, &["a1", "a2", "b1", "a3"]).await;
    relay.drained().await.unwrap();
    let seen: Vec<_> = broker
        .messages()
        .into_iter()
        .map(|it| {
            let sequence = it.message.sequence.unwrap();
            let previous = sequence.previous.map(Position::get);
            let name = it.destination.to_string();
            (text(&it.message.envelope), name, sequence.at.get(), previous)
        })
        .collect();
    let wanted = [
        ("a1", "here", 1, None),
        ("a1", "there", 1, None),
        ("a2", "here", 2, Some(1)),
        ("a3", "here", 4, Some(2)),
        ("a3", "there", 4, Some(1)),
    ];
    let wanted: Vec<_> =
        wanted.map(|(text, to, at, before)| (text.to_owned(), to.to_owned(), at, before)).into();
    assert_eq!(seen, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_published_in_its_time_and_not_when_nobody_wants_it_any_more() {
    let clock = PausedClock::new();
    let (store, broker) = (MemoryStore::builder().clock(clock).build(), MemoryBroker::new());
    let in_secs = |secs| clock.now() + TimeDelta::seconds(secs);
    let commit = Commit::new()
        .send(&message("a3").with_delivery_at(in_secs(60)))
        .send(&message("a2").with_delivery_at(in_secs(30)))
        .send(&message("a1"))
        .send(&message("b1").with_expiry_at(in_secs(-1)))
        .send(&message("b2").with_expiry_at(in_secs(100)));
    store.commit(commit).await.unwrap();
    let relay = Relay::new(name("relay"), source(), store.clone())
        .publish_to(broker.clone())
        .clock(clock)
        .start();
    for (after_secs, wanted) in [
        (29, &["a1", "b2"][..]),
        (2, &["a1", "b2", "a2"]),
        (28, &["a1", "b2", "a2"]),
        (2, &["a1", "b2", "a2", "a3"]),
    ] {
        sleep(Duration::from_secs(after_secs)).await;
        relay.drained().await.unwrap();
        assert_eq!(stored(&broker), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn what_events_lead_to_is_published_with_ids_that_follow_from_them() {
    let (store, broker) = (memory(), MemoryBroker::new());
    send(&store, &[]).await;
    send(&store, &[]).await;
    // What closes the stream leads to nothing, and where the stream is makes no difference.
    let closing = Closing::new().event(EventId::new(Uuid::now_v7()));
    let order = StreamId::new("order", "1").unwrap();
    store.commit(Commit::new().append(&order, ExpectedVersion::Any, [closing])).await.unwrap();
    while store.archive(1).await.unwrap().has_more {}
    let mapping = |event: &RecordedEvent| {
        let of = |index| {
            let id = MessageId::of_event(event.id(), index);
            let text = format!("a{}", 2 * event.version().get() + index);
            let like = message(&text);
            Envelope::json(id, like.kind().clone(), like.key().clone(), &text)
        };
        Ok(vec![of(0)?, of(1)?])
    };
    for run in ["first", "second"] {
        let filter = Filter::all();
        let relay = Relay::of_events(name(run), source(), store.clone(), filter, mapping)
            .publish_to(broker.clone())
            .start();
        relay.drained().await.unwrap();
        relay.stop().await;
        // The broker knows them again: their ids are the same.
        assert_eq!(stored(&broker), ["a2", "a3", "a4", "a5"]);
    }
    let messages = broker.messages();
    let places = messages.iter().map(|it| it.message.sequence.unwrap());
    let places: Vec<_> = places.collect();
    assert!(places.windows(2).all(|pair| pair[1].previous == Some(pair[0].at)), "{places:?}");
    assert!(messages.iter().all(|it| it.message.envelope.time().is_some()));
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_knows_what_came_before() {
    let (store, broker) = (memory(), MemoryBroker::new());
    for text in ["a1", "b1", "a2", "b2"] {
        send(&store, &[text]).await;
        let relay = Relay::new(name("relay"), source(), store.clone());
        let relay = relay.publish_to(broker.clone()).options(options()).start();
        relay.drained().await.unwrap();
        relay.stop().await;
    }
    let before: Vec<_> = broker
        .messages()
        .iter()
        .map(|it| it.message.sequence.unwrap().previous.map(Position::get))
        .collect();
    assert_eq!(before, [None, None, Some(1), Some(2)]);
}

#[tokio::test(start_paused = true)]
async fn an_outbox_is_trimmed_behind_the_slowest_relay() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let options =
        RelayOptions { kept_positions: 2, trim_interval: Duration::from_secs(5), ..options() };
    let start = |of: &str, broker: MemoryBroker| {
        let relay = Relay::new(name(of), source(), store.clone());
        relay.publish_to(broker).options(options).start()
    };
    let oldest = async || {
        let page = store.outbox_page(Position::START, 1).await.unwrap();
        page.events.first().map(|event| event.position().get())
    };
    send(&store, &["a1"]).await;
    let slow = start("slow", MemoryBroker::new());
    slow.drained().await.unwrap();
    slow.stop().await;
    let fast = start("fast", broker.clone());
    send(&store, &["a2", "a3", "a4", "a5", "a6"]).await;
    fast.drained().await.unwrap();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(oldest().await, Some(1), "one has them all still before it");
    let slow = start("slow", MemoryBroker::new());
    slow.drained().await.unwrap();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(oldest().await, Some(5), "all have published them but so many are kept");
}
