//! What a message does to an instance.

use freehold::process::{
    InvalidProcessName, News, ProcessManager, Processes, Reaction, Route, Standing,
};
use freehold::{
    Commit, Envelope, EventId, EventName, EventStore, ExpectedVersion, Filter, Metadata, NewEvent,
    OrderingKey, Position, Store, StreamId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fixture::{
    Heard, cancelled, envelope, hear, hear_all, noted, orders, outbox, paid, placed, sent, shipped,
};
use super::places::everywhere;

#[tokio::test]
async fn a_process_answers_each_message_and_ends() {
    everywhere(async |store| {
        let orders = orders(&store);
        hear_all(&orders, &store, &[placed("1"), noted("1", "a"), paid("1"), shipped("1")]).await;
        assert_eq!(sent(&store).await, ["1 t.pay.v1", "1 t.ship.v1", "1 t.confirmed.v1"]);
        assert_eq!(outbox(&store).await[2].data(), r#"{"notes":["a"]}"#);
        assert!(orders.list(None, 10).await.unwrap().0.is_empty(), "it is over");
    })
    .await;
}

#[tokio::test]
async fn the_log_tells_who_follows_it_which_instance_is_over() {
    everywhere(async |store| {
        let orders = orders(&store);
        let story = [paid("1"), placed("1"), noted("2", "x"), placed("2"), noted("2", "bad")];
        hear_all(&orders, &store, &story).await;
        hear_all(&orders, &store, &[noted("1", "a"), shipped("1"), cancelled("2")]).await;
        orders.end("2", "ann", "of no use").await.unwrap();
        let other = StreamId::new("order", "1").unwrap();
        let id = EventId::new(Uuid::from_u128(1));
        let event = NewEvent::new(id, EventName::new("Heard").unwrap(), "{}");
        let commit = Commit::new().append(&other, ExpectedVersion::Any, [event]);
        store.commit(commit).await.unwrap();
        let log = store.read_all(Position::START, &Filter::all(), 100).await.unwrap().events;
        let told: Vec<_> = log.iter().filter_map(|event| orders.news(event).unwrap()).collect();
        let told: Vec<_> = told.iter().map(|(instance, news)| (instance.as_str(), *news)).collect();
        let expected = [
            ("1", News::GoesOn),
            ("1", News::GoesOn),
            ("1", News::GoesOn),
            ("2", News::GoesOn),
            ("2", News::Parked),
            ("1", News::GoesOn),
            ("1", News::Over),
            ("2", News::GoesOn),
            ("2", News::Over),
        ];
        assert_eq!(told, expected);
    })
    .await;
}

#[tokio::test]
async fn what_comes_again_changes_nothing() {
    everywhere(async |store| {
        let orders = orders(&store);
        let story = [paid("1"), placed("1"), noted("1", "a"), shipped("1")];
        for heard in &story {
            assert!(hear(&orders, &store, envelope(heard)).await);
            assert!(!hear(&orders, &store, envelope(heard)).await, "{heard:?} again");
        }
        let before = sent(&store).await;
        hear_all(&orders, &store, &story).await;
        assert_eq!(sent(&store).await, before);
    })
    .await;
}

#[tokio::test]
async fn early_messages_wait_and_are_heard_in_their_order() {
    everywhere(async |store| {
        let orders = orders(&store);
        hear_all(&orders, &store, &[paid("1"), shipped("1")]).await;
        assert!(sent(&store).await.is_empty());
        let (listed, _) = orders.list(None, 10).await.unwrap();
        assert_eq!((listed[0].standing, listed[0].waiting), (Standing::Early, 2));
        hear_all(&orders, &store, &[placed("1")]).await;
        assert_eq!(sent(&store).await, ["1 t.pay.v1", "1 t.ship.v1", "1 t.confirmed.v1"]);
        let heard: Vec<_> = orders.find("1").await.unwrap().unwrap().heard().collect();
        assert_eq!(heard, ["t.placed.v1", "t.paid.v1", "t.shipped.v1"]);
    })
    .await;
}

#[tokio::test]
async fn late_messages_are_ignored_and_nothing_begins_twice() {
    everywhere(async |store| {
        let orders = orders(&store);
        hear_all(&orders, &store, &[placed("1"), paid("1"), shipped("1")]).await;
        let before = sent(&store).await;
        let imported = Heard::Imported { order: "1".into() };
        for late in [noted("1", "late"), cancelled("1"), imported] {
            assert!(!hear(&orders, &store, envelope(&late)).await, "{late:?}");
        }
        assert_eq!(sent(&store).await, before);
    })
    .await;
}

#[tokio::test]
async fn what_continues_nothing_is_ignored_and_so_is_what_is_for_nobody() {
    everywhere(async |store| {
        let orders = orders(&store);
        for heard in [noted("1", "a"), cancelled("1"), noted("nobody", "a")] {
            assert!(!hear(&orders, &store, envelope(&heard)).await, "{heard:?}");
        }
        let unknown = envelope(&placed("1"));
        let other = freehold::MessageType::new("t.other.v1").unwrap();
        let unknown =
            Envelope::new(unknown.id(), other, unknown.key().clone(), unknown.data().clone());
        assert!(!hear(&orders, &store, unknown).await, "a type that the process does not hear");
        assert!(orders.find("1").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_instance_is_stopped_by_its_last_message() {
    everywhere(async |store| {
        let orders = orders(&store);
        hear_all(&orders, &store, &[placed("1"), paid("1"), cancelled("1"), shipped("1")]).await;
        assert_eq!(sent(&store).await, ["1 t.pay.v1", "1 t.ship.v1", "1 t.refund.v1"]);
        assert!(orders.list(None, 10).await.unwrap().0.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_message_may_begin_again_what_has_begun_unless_it_must_be_the_first() {
    everywhere(async |store| {
        let orders = orders(&store);
        let again = Envelope::new(
            freehold::MessageId::new(Uuid::now_v7()),
            envelope(&placed("1")).kind().clone(),
            OrderingKey::new("1").unwrap(),
            r#"{"order":"1"}"#,
        );
        hear_all(&orders, &store, &[placed("1")]).await;
        assert!(hear(&orders, &store, again).await);
        assert_eq!(sent(&store).await, ["1 t.pay.v1", "1 t.pay.v1"]);
        hear_all(&orders, &store, &[Heard::Imported { order: "1".into() }]).await;
        let (listed, _) = orders.list(None, 10).await.unwrap();
        assert_eq!(listed[0].standing, Standing::Parked);
        assert_eq!(listed[0].why.as_deref(), Some("the instance has begun before"));
    })
    .await;
}

#[tokio::test]
async fn what_is_sent_names_its_cause_and_its_flow() {
    everywhere(async |store| {
        let orders = orders(&store);
        let flow = Uuid::now_v7();
        let begins = envelope(&placed("1"));
        let metadata = Metadata::new().with_correlation(flow);
        assert!(hear(&orders, &store, begins.clone().with_metadata(metadata)).await);
        hear_all(&orders, &store, &[noted("1", "far")]).await;
        let sent = outbox(&store).await;
        assert_eq!(sent[0].metadata().correlation(), Some(flow));
        assert_eq!(sent[0].metadata().causation(), Some(begins.id().as_uuid()));
        assert_eq!(sent[1].key().as_str(), "elsewhere");
        // It has begun a flow of its own.
        let far = envelope(&noted("1", "far")).id().as_uuid();
        assert_eq!(sent[1].metadata().correlation(), Some(far));
    })
    .await;
}

struct Unnameable;

#[derive(Serialize, Deserialize)]
enum Nothing {
    #[serde(rename = "t.nothing.v1")]
    Said,
}

impl ProcessManager for Unnameable {
    const NAME: &'static str = "No Name";
    type Event = Nothing;
    type State = ();

    fn correlate(&self, _: &Nothing) -> Route {
        Route::Ignore
    }

    fn react(
        &self,
        (): &(),
        _: &Nothing,
    ) -> Result<Reaction<Nothing>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Reaction::new())
    }

    fn evolve(&self, (): (), _: &Nothing) {}
}

#[tokio::test]
async fn a_name_that_no_process_can_have_is_refused() {
    let store = freehold::backend::memory::MemoryStore::new();
    assert_eq!(Processes::new(Unnameable, store).unwrap_err(), InvalidProcessName);
}
