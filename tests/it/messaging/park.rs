//! A message that the broker refuses: its key waits for an operator, and all others go on.

use std::time::Duration;

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::outbox::{Relay, RelayOptions, RunningRelay};
use freehold::subscription::ReplayError;
use freehold::testkit::{FaultyBroker, PausedClock};
use tokio::time::sleep;

use super::fixture::{firsts, memory, name, options, send, source, stored, text, wanted};

struct World {
    store: MemoryStore,
    inner: MemoryBroker,
    broker: FaultyBroker<MemoryBroker>,
}

impl World {
    fn refusing(these: &'static [&'static str], is_ordered: bool) -> Self {
        let inner = MemoryBroker::new();
        let broker = FaultyBroker::new(inner.clone());
        let broker = if is_ordered { broker } else { broker.unordered() };
        broker.refuse(move |it| these.contains(&text(&it.message.envelope).as_str()));
        Self { store: memory(), inner, broker }
    }

    fn relay(&self) -> RunningRelay {
        self.relay_of(options())
    }

    fn relay_of(&self, options: RelayOptions) -> RunningRelay {
        Relay::new(name("relay"), source(), self.store.clone())
            .publish_to(self.broker.clone())
            .options(options)
            .clock(PausedClock::new())
            .seed(7)
            .start()
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_refused_message_its_key_waits_and_others_go_on() {
    for (is_ordered, batch_messages_max) in [(true, 3), (false, 3), (true, 100), (false, 100)] {
        let options = RelayOptions { batch_messages_max, ..options() };
        let world = World::refusing(&["a2"], is_ordered);
        send(&world.store, &["a1", "b1", "a2", "b2", "a3", "c1", "a4", "b3"]).await;
        let relay = world.relay_of(options);
        relay.drained().await.unwrap();
        assert_eq!(firsts(&stored(&world.inner)), wanted(&["a1", "b1", "b2", "b3", "c1"]));
        let parked = relay.parked(10).await.unwrap();
        assert_eq!(parked.len(), 3, "{parked:?}");
        assert!(parked[0].error.as_ref().is_some_and(|why| why.contains("told to fail")));
        assert_eq!(parked[0].attempts, 3, "it was tried again before");
        assert!(parked[1..].iter().all(|behind| behind.error.is_none() && behind.attempts == 0));
        // What comes later waits, too, also after a restart.
        relay.stop().await;
        send(&world.store, &["a5", "b4"]).await;
        let relay = world.relay();
        relay.drained().await.unwrap();
        assert_eq!(relay.parked(10).await.unwrap().len(), 4);
        assert_eq!(stored(&world.inner).last().map(String::as_str), Some("b4"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_parked_key_is_released_in_order() {
    let world = World::refusing(&["a1"], true);
    send(&world.store, &["a1", "a2", "b1", "a3"]).await;
    let relay = world.relay();
    relay.drained().await.unwrap();
    let key = relay.parked(1).await.unwrap()[0].key.clone();
    let still = relay.retry(&key).await.unwrap_err();
    assert!(matches!(still, ReplayError::StillFails { replayed: 0, .. }), "{still:?}");
    world.broker.up();
    assert_eq!(relay.retry(&key).await.unwrap(), 3);
    send(&world.store, &["a4"]).await;
    relay.drained().await.unwrap();
    assert_eq!(firsts(&stored(&world.inner)), wanted(&["a1", "a2", "a3", "a4", "b1"]));
    assert!(relay.parked(10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_can_be_skipped_and_a_key_given_up() {
    let world = World::refusing(&["a1", "b1"], true);
    send(&world.store, &["a1", "a2", "b1", "b2", "a3"]).await;
    let relay = world.relay();
    relay.drained().await.unwrap();
    let parked = relay.parked(10).await.unwrap();
    let key_of = |key: &str| {
        let of_key = parked.iter().find(|it| it.key.ends_with(key));
        of_key.unwrap().key.clone()
    };
    assert_eq!(relay.skip(&key_of("a"), "nobody wants it").await.unwrap(), 2);
    assert_eq!(relay.discard(&key_of("b"), "nobody wants them").await.unwrap(), 2);
    send(&world.store, &["a4", "b3"]).await;
    relay.drained().await.unwrap();
    assert_eq!(firsts(&stored(&world.inner)), wanted(&["a2", "a3", "a4", "b3"]));
    // What is missing on purpose does not look as if it were lost.
    let messages = world.inner.messages();
    let of_a: Vec<_> =
        messages.iter().filter(|it| it.message.envelope.key().as_str() == "a").collect();
    for pair in of_a.windows(2) {
        let [before, after] = [pair[0], pair[1]].map(|it| it.message.sequence.unwrap());
        assert_eq!(after.previous, Some(before.at));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_read_is_parked_and_not_skipped() {
    let world = World::refusing(&[], true);
    send(&world.store, &["a1"]).await;
    let mapping = |event: &freehold::RecordedEvent| {
        if event.version().get() == 2 { Err("it makes no sense".into()) } else { Ok(Vec::new()) }
    };
    send(&world.store, &["b1"]).await;
    send(&world.store, &["c1"]).await;
    let filter = freehold::Filter::all();
    let relay = Relay::of_events(name("mapped"), source(), world.store.clone(), filter, mapping)
        .publish_to(world.broker.clone())
        .options(options())
        .seed(7)
        .start();
    relay.drained().await.unwrap();
    let parked = relay.parked(10).await.unwrap();
    assert_eq!(parked.len(), 2, "the event, and the one behind it in its stream");
    assert!(parked[0].error.as_ref().is_some_and(|why| why.contains("no sense")));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_trimmed_that_is_parked() {
    let world = World::refusing(&["a1"], true);
    send(&world.store, &["b1", "a1", "b2"]).await;
    let options =
        RelayOptions { kept_positions: 0, trim_interval: Duration::from_secs(5), ..options() };
    let relay = Relay::new(name("relay"), source(), world.store.clone())
        .publish_to(world.broker.clone())
        .options(options)
        .seed(7)
        .start();
    relay.drained().await.unwrap();
    sleep(Duration::from_mins(1)).await;
    world.broker.up();
    let key = relay.parked(1).await.unwrap()[0].key.clone();
    assert_eq!(relay.retry(&key).await.unwrap(), 1);
    assert_eq!(firsts(&stored(&world.inner)), wanted(&["a1", "b1", "b2"]));
}
