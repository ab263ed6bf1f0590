//! Messages that a broker does not take: their keys wait for somebody, and all others flow.

use freehold::outbox::RunningRelay;
use freehold::{Commit, Destination, Envelope, Store};

use super::load::envelope;
use super::medium::Medium;
use super::watched::Watched;
use super::world::{World, relay_of};

/// What a broker does not take. Among the keys are `long` and `header`, with one bad message, and `nowhere`, whose messages go to a
/// destination that cannot be.
pub(crate) struct Refusals {
    /// The keys with a bad message of three, which one is the first, and what is said of it.
    pub(crate) bad: &'static [(&'static str, usize, &'static str)],
    /// Makes the second message of a key bad, if one of it is.
    pub(crate) spoil: fn(Envelope) -> Envelope,
    pub(crate) route: fn(&Envelope) -> Vec<Destination>,
}

/// Three messages of a key, one or all of which cannot be published.
async fn send_bad<M: Medium>(world: &World<M>, key: &str, spoil: fn(Envelope) -> Envelope) {
    let commit = Commit::new()
        .send(&envelope(&format!("{key}-1")))
        .send(&spoil(envelope(&format!("{key}-2"))))
        .send(&envelope(&format!("{key}-3")));
    world.sender().await.commit(commit).await.unwrap();
}

/// The same message with so much in it.
pub(crate) fn long(message: &Envelope, bytes: usize) -> Envelope {
    let (id, kind, key) = (message.id(), message.kind().clone(), message.key().clone());
    Envelope::new(id, kind, key, vec![b'x'; bytes])
}

/// What the key of messages is called among what is parked.
pub(crate) fn parked_under(key: &str) -> String {
    format!("outbox-{key}")
}

/// `and_then` is done when somebody has given up what is bad, before all is counted.
pub(crate) async fn parks_its_key<M: Medium>(
    world: &World<M>,
    refusals: &Refusals,
    and_then: impl AsyncFnOnce(&RunningRelay),
) {
    let (broker, answers) = Watched::new(world.medium.publisher(world.medium.port()).await);
    let _consumers = world.consumers().await;
    let relay = relay_of(world.sender().await, broker).route(refusals.route).start();
    let load = world.load().await;
    load.more(30).await;
    for (key, ..) in refusals.bad {
        send_bad(world, key, refusals.spoil).await;
    }
    load.more(100).await;
    let mut sent = load.end().await;
    relay.drained().await.unwrap();
    assert!(answers.refused() > 0, "nothing was refused: {answers:?}");
    let parked = relay.parked(100).await.unwrap();
    for (key, first, why) in refusals.bad {
        let of_key: Vec<_> = parked.iter().filter(|it| it.key == parked_under(key)).collect();
        assert_eq!(of_key.len(), 4 - first, "{key}: {parked:?}");
        let told = of_key[0].error.as_deref().unwrap();
        assert!(told.contains(why), "{key}: {told}");
        assert!(of_key[1..].iter().all(|it| it.error.is_none()), "{key}: they only wait");
    }
    let all: usize = refusals.bad.iter().map(|(_, first, _)| 4 - first).sum();
    assert_eq!(parked.len(), all, "{parked:?}");
    // All others have had their effects, and those before them in their keys.
    sent.extend(["long-1", "header-1"].map(str::to_owned));
    world.settled(&mut sent, &relay).await;
    world.judge_effects(&sent).await;
    // Somebody gives up what is bad, and what is behind it comes.
    assert_eq!(relay.discard(&parked_under("nowhere"), "there is no such place").await.unwrap(), 3);
    for key in ["long", "header"] {
        assert_eq!(relay.skip(&parked_under(key), "it is too bad").await.unwrap(), 1);
        sent.push(format!("{key}-3"));
    }
    and_then(&relay).await;
    world.judge(sent, &relay).await;
}
