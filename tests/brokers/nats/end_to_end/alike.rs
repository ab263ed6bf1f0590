//! What is done to every medium, done to a stream.

use freehold::{Destination, Envelope, Metadata};

use super::stream::{STREAM, Stream};
use crate::end_to_end::other_language::{read_by_python, reads_cloud_events};
use crate::end_to_end::refused::{self, Refusals};
use crate::end_to_end::{World, dead, down, drawn, frozen, killed, late, takeover};
use crate::messages::destination;
use crate::nats::server::Server;

const KILLS: usize = 3;

/// The files of a server are there as soon as it has answered.
async fn at_once(_: &Server) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_while_the_broker_is_down_is_published_in_order_when_it_is_back() {
    let (seed, mut server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server).published_by(seed));
    down::is_gone_meanwhile(&world, &mut server, at_once).await;
}

async fn a_server_that_is_killed(configuration: &str) {
    let (seed, mut server) = (drawn(), Server::start_with(configuration));
    let world = World::new(seed, Stream::at(&server).published_by(seed));
    killed::under_load(&world, &mut server, at_once, KILLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_delays_messages_and_loses_none() {
    a_server_that_is_killed("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_is_with_a_server_that_writes_to_the_disk_before_it_acknowledges() {
    a_server_that_is_killed("jetstream { sync_interval: always }").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_frozen_for_longer_than_it_is_waited_for_delays_messages_and_loses_none() {
    let (seed, server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server).published_by(seed).patient());
    frozen::for_long(&world, &server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_dead_and_stays_open_is_left_for_another_and_nothing_is_lost() {
    let (seed, server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server).published_by(seed));
    dead::and_stays_open(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_and_consumers_that_are_gone_at_once_are_taken_over_from_and_nothing_is_lost() {
    let (seed, server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server).published_by(seed).forgetful());
    takeover::from_those_who_are_gone(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_frozen_past_its_lease_comes_too_late_and_nothing_happens_twice() {
    let (seed, server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server).one_by_one().forgetful().patient());
    let copies = late::relay_goes_on(&world).await;
    assert!(copies > 0, "a stream that has forgotten takes copies");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_another_language_reads_cloud_events() {
    let (seed, server) = (drawn(), Server::start());
    let world = World::new(seed, Stream::at(&server).published_by(seed));
    let read = move || {
        let arguments = [&server.url(), &format!("{STREAM}.>"), "3"];
        read_by_python("nats/cloud_events.py", &arguments)
    };
    reads_cloud_events(&world, read, ("x-channel", "web: 100%25")).await;
}

/// What NATS does not take.
const REFUSALS: Refusals = Refusals {
    bad: &[
        ("long", 2, "max payload size exceeded"),
        ("nowhere", 1, "the parts of a subject"),
        ("header", 2, "a header's name does not begin with"),
    ],
    spoil: |bad| match bad.key().as_str() {
        "long" => refused::long(&bad, 200_000),
        "header" => bad.with_metadata(Metadata::new().with_entry("Nats-Rollup", "all").unwrap()),
        _ => bad,
    },
    route,
};

fn route(envelope: &Envelope) -> Vec<Destination> {
    let is_astray = envelope.key().as_str() == "nowhere";
    vec![destination(if is_astray { "no where" } else { "said" })]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_nats_does_not_take_parks_its_key_and_the_others_flow() {
    let (seed, server) = (drawn(), Server::start_with("max_payload: 100000"));
    let world = World::new(seed, Stream::at(&server));
    refused::parks_its_key(&world, &REFUSALS, async |_| {}).await;
}
