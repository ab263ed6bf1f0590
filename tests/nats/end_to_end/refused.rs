//! Messages that NATS does not take: their keys wait for somebody, and all others flow.

use freehold::{Commit, Destination, Envelope, Metadata, Store};

use super::load::envelope;
use super::watched::Watched;
use super::world::{World, broker, eager, relay_of};
use crate::server::{Server, destination};

/// The keys with a bad message, which one it is, and what is said of it.
const BAD: [(&str, usize, &str); 3] = [
    ("long", 2, "max payload size exceeded"),
    ("nowhere", 1, "the parts of a subject"),
    ("header", 2, "a header's name does not begin with"),
];

/// Three messages of a key, one or all of which cannot be published.
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

/// What the key of messages is called among what is parked.
fn parked_under(key: &str) -> String {
    format!("outbox-{key}")
}

/// Where messages go: those of one key to what is no subject.
fn route(envelope: &Envelope) -> Vec<Destination> {
    let is_astray = envelope.key().as_str() == "nowhere";
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
    for (key, ..) in BAD {
        send_bad(&world, key).await;
    }
    load.more(100).await;
    let mut sent = load.end().await;
    relay.drained().await.unwrap();
    assert!(answers.refused() > 0, "nothing was refused: {answers:?}");
    let parked = relay.parked(100).await.unwrap();
    for (key, first, why) in BAD {
        let of_key: Vec<_> = parked.iter().filter(|it| it.key == parked_under(key)).collect();
        assert_eq!(of_key.len(), 4 - first, "{key}: {parked:?}");
        let told = of_key[0].error.as_deref().unwrap();
        assert!(told.contains(why), "{key}: {told}");
        assert!(of_key[1..].iter().all(|it| it.error.is_none()), "{key}: they only wait");
    }
    assert_eq!(parked.len(), 2 + 3 + 2, "{parked:?}");
    // All others have had their effects, and those before them in their keys.
    sent.extend(["long-1", "header-1"].map(str::to_owned));
    world.judge_effects(&server.client().await, &sent).await;
    // Somebody gives up what is bad, and what is behind it comes.
    assert_eq!(relay.discard(&parked_under("nowhere"), "there is no such place").await.unwrap(), 3);
    for key in ["long", "header"] {
        assert_eq!(relay.skip(&parked_under(key), "it is too bad").await.unwrap(), 1);
        sent.push(format!("{key}-3"));
    }
    world.judge(server.client().await, &sent, &relay).await;
}
