//! Messages that NATS does not take: their keys wait for somebody, and all others flow.

use freehold::{Commit, Destination, Envelope, Metadata, Store};

use super::load::envelope;
use super::watched::Watched;
use super::world::{World, broker, eager, relay_of};
use crate::server::{Server, destination};

/// The keys whose second message is bad, and what is said of it.
const BAD: [(&str, &str); 3] = [
    ("long", "maximum payload"),
    ("nowhere", "the parts of a subject"),
    ("header", "a header's name does not begin with"),
];

/// Three messages of a key, of which the second cannot be published.
async fn send_bad(world: &World, key: &str) {
    let bad = envelope(&format!("{key}-2"));
    let bad = match key {
        "long" => {
            let data = vec![b'x'; 200_000];
            Envelope::new(bad.id(), bad.kind().clone(), bad.key().clone(), data)
        }
        "header" => bad.with_metadata(Metadata::new().with_entry("Nats-Rollup", "all").unwrap()),
        _ => bad,
    };
    let commit = Commit::new()
        .send(&envelope(&format!("{key}-1")))
        .send(&bad)
        .send(&envelope(&format!("{key}-3")));
    world.sender().await.commit(commit).await.unwrap();
}

/// Where messages go: one of them to what is no subject.
fn route(envelope: &Envelope) -> Vec<Destination> {
    let is_astray = envelope.id() == super::load::envelope("nowhere-2").id();
    vec![destination(if is_astray { "no where" } else { "said" })]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_nats_does_not_take_parks_its_key_and_the_others_flow() {
    let world = World::new();
    let server = Server::start_with("max_payload: 100000");
    let (broker, answers) = Watched::new(broker(server.client_with(eager()).await).await);
    let relay = relay_of(world.sender().await, broker).route(route).start();
    let _consumers = world.consumers(server.client_with(eager()).await).await;
    let load = world.load().await;
    load.more(30).await;
    for (key, _) in BAD {
        send_bad(&world, key).await;
    }
    load.more(100).await;
    let mut sent = load.end().await;
    relay.drained().await.unwrap();
    assert!(answers.refused() > 0, "nothing was refused: {answers:?}");
    let parked = relay.parked(100).await.unwrap();
    for (key, why) in BAD {
        let of_key: Vec<_> = parked.iter().filter(|parked| parked.key == key).collect();
        let [bad, behind] = of_key[..] else { panic!("{key}: {parked:?}") };
        let told = bad.error.as_deref().unwrap();
        assert!(told.contains(why), "{key}: {told}");
        assert_eq!(behind.error, None, "{key}: it only waits");
    }
    assert_eq!(parked.len(), 2 * BAD.len(), "{parked:?}");
    // All others have had their effects, and those before them in their keys.
    sent.extend(BAD.map(|(key, _)| format!("{key}-1")));
    world.judge_effects(&server.client().await, &sent).await;
    // Somebody gives them up, and those behind them come.
    for (key, _) in BAD {
        assert_eq!(relay.skip(key, "it is too bad").await.unwrap(), 1);
        sent.push(format!("{key}-3"));
    }
    world.judge(server.client().await, &sent, &relay).await;
}
