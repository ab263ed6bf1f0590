//! What is often done instead fails in the same world: the tests beside this one could fail.

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::{
    Broker, Commit, Deliveries, Destination, Envelope, InboxKey, Message, Outbound, Outbox,
    Position, Sequence, Settle, Store,
};
use tokio::time::{Duration, sleep, timeout};

use super::fixture::{firsts, memory, message, noted, noting, send, source, stored, wanted};
use super::mortal::{End, Life, Mortal};

const SENT: [&str; 4] = ["a1", "a2", "b1", "a3"];

fn outbound(text: &str) -> Outbound {
    outbound_of(message(text))
}

fn outbound_of(envelope: Envelope) -> Outbound {
    let destination = Destination::from(envelope.kind());
    let sequence = Some(Sequence::new(Position::new(1), None));
    Outbound::new(Message::new(envelope, source(), sequence), destination)
}

/// Publishes what the outbox has behind `at`; the position is moved before, or after.
async fn publish_behind(
    at: &mut Position,
    moves_first: bool,
    store: &Mortal<MemoryStore>,
    broker: &Mortal<MemoryBroker>,
) {
    for event in store.outbox_page(*at, 100).await.unwrap().events {
        if moves_first {
            *at = event.position();
        }
        let outbound = outbound_of(Envelope::stored(event.data()).unwrap());
        broker.publish(&[outbound]).await.remove(0).unwrap();
        *at = event.position();
    }
}

/// At how many of its calls a relay like this can die so that something is lost.
async fn losses(moves_first: bool) -> usize {
    let mut losses = 0;
    for nth in 1..=5 {
        let (store, broker) = (memory(), MemoryBroker::new());
        send(&store, &SENT).await;
        let mut at = Position::START;
        for life in [Life::until(nth, End::Before), Life::default()] {
            let (store, broker) = (life.of(store.clone()), life.of(broker.clone()));
            let publish = publish_behind(&mut at, moves_first, &store, &broker);
            tokio::select! {
                biased;
                () = life.over() => {}
                () = publish => {}
            }
        }
        losses += usize::from(firsts(&stored(&broker)) != wanted(&SENT));
    }
    losses
}

#[tokio::test(start_paused = true)]
async fn who_moves_on_before_publishing_loses_messages() {
    assert_eq!(losses(true).await, SENT.len());
    assert_eq!(losses(false).await, 0);
}

#[tokio::test(start_paused = true)]
async fn who_publishes_before_the_commit_tells_of_what_never_happened() {
    let (store, broker) = (memory(), MemoryBroker::new());
    broker.publish(&[outbound("a1")]).await.remove(0).unwrap();
    super::fixture::send_in_vain(&store, &["a1"]).await;
    assert_eq!(stored(&broker), ["a1"]);
    assert_eq!(store.outbox_head().await.unwrap(), Position::START);
}

#[tokio::test(start_paused = true)]
async fn who_retries_one_and_goes_on_with_the_next_breaks_the_order() {
    use freehold::testkit::{BrokerFault, FaultyBroker};
    let inner = MemoryBroker::new();
    let broker = FaultyBroker::new(inner.clone()).unordered();
    broker.script([Some(BrokerFault::LostBefore)]);
    let mut left: Vec<_> = SENT.iter().map(|text| outbound(text)).collect();
    while !left.is_empty() {
        let answers = broker.publish(&left).await;
        let mut answers = answers.iter();
        left.retain(|_| answers.next().is_some_and(Result::is_err));
    }
    assert_ne!(firsts(&stored(&inner)), wanted(&SENT));
}

/// How a consumer goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    SettlesFirst,
    MarksFirst,
    MarksAfterwards,
    MarksWithTheEffect,
}

async fn consume(way: Way, life: &Life, store: &MemoryStore, broker: &MemoryBroker) {
    let (deliveries, store) = (life.of(broker.consumer("notes", [])), life.of(store.clone()));
    loop {
        for delivery in deliveries.receive(1).await.unwrap() {
            let message = delivery.message.unwrap();
            let key = InboxKey::new("notes", &message.envelope.id().to_string()).unwrap();
            let (mark, effect) = (Commit::new().inbox(key), noting(&message).unwrap());
            let settle = deliveries.settle(delivery.tag, Settle::Done);
            match way {
                Way::SettlesFirst => {
                    settle.await.unwrap();
                    store.commit(effect.and(mark)).await.unwrap();
                }
                Way::MarksFirst => {
                    if !store.commit(mark).await.unwrap().is_duplicate() {
                        store.commit(effect).await.unwrap();
                    }
                    settle.await.unwrap();
                }
                Way::MarksAfterwards => {
                    store.commit(effect).await.unwrap();
                    store.commit(mark).await.unwrap();
                    settle.await.unwrap();
                }
                Way::MarksWithTheEffect => {
                    store.commit(effect.and(mark)).await.unwrap();
                    settle.await.unwrap();
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_commit_the_mark_with_the_effect_loses_it_or_has_it_twice() {
    for (way, fails) in [
        (Way::SettlesFirst, true),
        (Way::MarksFirst, true),
        (Way::MarksAfterwards, true),
        (Way::MarksWithTheEffect, false),
    ] {
        let mut wrong = 0;
        for nth in 1..=12 {
            for end in [End::Before, End::After] {
                let (store, broker) = (memory(), MemoryBroker::new());
                for text in SENT {
                    broker.publish(&[outbound(text)]).await.remove(0).unwrap();
                }
                for life in [Life::until(nth, end), Life::default()] {
                    let lives = consume(way, &life, &store, &broker);
                    let _ = timeout(Duration::from_mins(1), async {
                        tokio::select! {
                            biased;
                            () = life.over() => {}
                            () = lives => {}
                        }
                    })
                    .await;
                }
                sleep(Duration::from_secs(1)).await;
                let is_right = noted(&store, "a").await == ["a1", "a2", "a3"]
                    && noted(&store, "b").await == ["b1"];
                wrong += usize::from(!is_right);
            }
        }
        assert_eq!(wrong > 0, fails, "{way:?} was wrong {wrong} times");
    }
}
