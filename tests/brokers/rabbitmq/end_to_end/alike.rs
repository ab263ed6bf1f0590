//! What is done to every medium, done to an exchange.

use freehold::{Destination, Envelope, Metadata};

use super::exchange::Exchange;
use crate::end_to_end::load::text;
use crate::end_to_end::other_language::{read_by_python, reads_cloud_events};
use crate::end_to_end::refused::{self, Refusals, parked_under};
use crate::end_to_end::{Medium, World, dead, down, drawn, frozen, killed, late, takeover};
use crate::messages::{destination, received_messages};
use crate::rabbitmq::node::{mortal, shared};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_while_the_broker_is_down_is_published_in_order_when_it_is_back() {
    let mut node = mortal().await;
    let world = World::new(drawn(), Exchange::at(&node).await);
    let is_ready = async |node: &_| world.medium.is_kept_by(node).await;
    down::is_gone_meanwhile(&world, &mut *node, is_ready).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_delays_messages_and_loses_none() {
    let mut node = mortal().await;
    let world = World::new(drawn(), Exchange::at(&node).await);
    let is_ready = async |node: &_| world.medium.is_kept_by(node).await;
    // A start takes seconds.
    let kills = if std::env::var_os("FREEHOLD_HEAVY").is_some() { 5 } else { 1 };
    killed::under_load(&world, &mut *node, is_ready, kills).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_frozen_for_longer_than_it_is_waited_for_delays_messages_and_loses_none() {
    let node = mortal().await;
    let world = World::new(drawn(), Exchange::at(&node).await);
    frozen::for_long(&world, &*node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_dead_and_stays_open_is_left_for_another_and_nothing_is_lost() {
    let world = World::new(drawn(), Exchange::at(shared().await).await);
    dead::and_stays_open(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_and_consumers_that_are_gone_at_once_are_taken_over_from_and_nothing_is_lost() {
    let world = World::new(drawn(), Exchange::at(shared().await).await);
    takeover::from_those_who_are_gone(&world).await;
}

/// The server knows no copy again and fences nobody: the inboxes do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_frozen_past_its_lease_comes_too_late_and_nothing_happens_twice() {
    let world = World::new(drawn(), Exchange::at(shared().await).await);
    let copies = late::relay_goes_on(&world).await;
    assert!(copies > 0, "what came too late was not stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_another_language_reads_cloud_events() {
    let world = World::new(drawn(), Exchange::at(shared().await).await);
    let (port, queue) = (world.medium.port().to_string(), world.medium.kept_in());
    let read = move || read_by_python("rabbitmq/cloud_events.py", &[&port, &queue, "3"]);
    reads_cloud_events(&world, read, ("X-Channel", "web: 100%25\r\nof two lines")).await;
}

/// What RabbitMQ does not take.
const REFUSALS: Refusals = Refusals {
    bad: &[
        // Longer than the server takes, which has not told.
        ("long", 2, "larger than configured max size"),
        ("nobody", 1, "no consumer is bound to the destination"),
        ("nowhere", 1, "a routing key has"),
        ("header", 2, "a header's name does not begin with"),
    ],
    spoil: |bad| match bad.key().as_str() {
        "long" => refused::long(&bad, 300_000),
        "header" => bad.with_metadata(Metadata::new().with_entry("CC", "said").unwrap()),
        _ => bad,
    },
    route,
};

fn route(envelope: &Envelope) -> Vec<Destination> {
    vec![match envelope.key().as_str() {
        "nobody" => destination("unheard"),
        "nowhere" => destination("said.*"),
        _ => destination("said"),
    }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_rabbitmq_does_not_take_parks_its_key_and_the_others_flow() {
    let world = World::new(drawn(), Exchange::at(shared().await).await);
    // Of those whom nobody heard, somebody now wants to hear.
    let somebody_hears = async |relay: &freehold::outbox::RunningRelay| {
        let broker = world.medium.publisher(world.medium.port()).await;
        let late = broker.consumer("late", [destination("unheard")]).await.unwrap();
        relay.retry(&parked_under("nobody")).await.unwrap();
        let heard = received_messages(&late, 3).await;
        let heard: Vec<_> = heard.iter().map(|it| text(&it.envelope)).collect();
        assert_eq!(heard, ["nobody-1", "nobody-2", "nobody-3"]);
    };
    refused::parks_its_key(&world, &REFUSALS, somebody_hears).await;
}
