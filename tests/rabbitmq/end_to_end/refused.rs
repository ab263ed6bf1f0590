//! Messages that RabbitMQ does not take: their keys wait for somebody, and all others flow.

use freehold::{Commit, Destination, Envelope, Metadata, Store};

use super::load::envelope;
use super::watched::Watched;
use super::world::{World, relay_of};
use crate::fixture::destination;
use crate::node::shared;

/// The keys with a bad message, which one it is, and what is said of it.
const BAD: [(&str, usize, &str); 4] = [
    ("long", 2, "larger than configured max size"),
    ("nobody", 1, "no consumer is bound to the destination"),
    ("nowhere", 1, "a routing key has"),
    ("header", 2, "a header's name does not begin with"),
];

/// Three messages of a key, one or all of which cannot be published.
async fn send_bad(world: &World, key: &str) {
    let bad = envelope(&format!("{key}-2"));
    let bad = match key {
        // Longer than the server takes, which has not told.
        "long" => {
            let data = vec![b'x'; 300_000];
            Envelope::new(bad.id(), bad.kind().clone(), bad.key().clone(), data)
        }
        "header" => bad.with_metadata(Metadata::new().with_entry("CC", "said").unwrap()),
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

fn route(envelope: &Envelope) -> Vec<Destination> {
    vec![match envelope.key().as_str() {
        "nobody" => destination("unheard"),
        "nowhere" => destination("said.*"),
        _ => destination("said"),
    }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_rabbitmq_does_not_take_parks_its_key_and_the_others_flow() {
    let world = World::new(shared().await.port()).await;
    let (broker, answers) = Watched::new(world.broker(world.port).await);
    let _consumers = world.consumers(world.port).await;
    let relay = relay_of(world.sender().await, broker).route(route).start();
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
    assert_eq!(parked.len(), 2 + 3 + 3 + 2, "{parked:?}");
    // All others have had their effects, and those before them in their keys.
    sent.extend(["long-1", "header-1"].map(str::to_owned));
    world.settled(&mut sent, &relay).await;
    world.judge_effects(&sent).await;
    // Somebody gives up what is bad, and what is behind it comes. And of those whom nobody heard, somebody now wants to hear.
    assert_eq!(relay.discard(&parked_under("nowhere"), "there is no such place").await.unwrap(), 3);
    for key in ["long", "header"] {
        assert_eq!(relay.skip(&parked_under(key), "it is too bad").await.unwrap(), 1);
        sent.push(format!("{key}-3"));
    }
    let broker = world.broker(world.port).await;
    let late = broker.consumer("late", [destination("unheard")]).await.unwrap();
    relay.retry(&parked_under("nobody")).await.unwrap();
    world.judge(sent, &relay).await;
    let heard = crate::fixture::received_messages(&late, 3).await;
    let heard: Vec<_> = heard.iter().map(|it| super::load::text(&it.envelope)).collect();
    assert_eq!(heard, ["nobody-1", "nobody-2", "nobody-3"]);
}
