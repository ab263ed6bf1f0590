//! S6: a message is handled once.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Harness;
use super::kit::{Log, all, append, id, inbox, rounds, stream};
use crate::types::{
    Commit, DedupKey,
    ExpectedVersion::{Any, NoStream, StreamExists},
    InboxKey, PartKind, StreamVersion,
};

/// S6: a second commit with the key writes nothing and is answered as the first was, whatever else it
/// holds and expects.
pub async fn s06_a_message_is_handled_once(h: &dyn Harness) {
    let log = Log::open(h, "s06_once").await;
    if !log.keeps(PartKind::Inbox).await {
        return;
    }
    let [a, b] = ["a", "b"].map(stream);
    let first = log.commit(append(&a, NoStream, &["a1"]).inbox(inbox("m1"))).await;
    assert!(!first.is_duplicate(), "the first of its kind");
    log.commit(append(&a, Any, &["a2"])).await;
    for again in [
        append(&a, NoStream, &["a1"]),
        append(&a, Any, &["other 1"]),
        append(&b, Any, &["other 2"]),
        append(&a, StreamVersion::new(9), &["other 3"]).and(append(&b, NoStream, &["other 4"])),
        Commit::new(),
    ] {
        log.repeated(again.inbox(inbox("m1")), &first).await;
    }
    log.holds(&b, &[]).await;
    log.commit(append(&b, NoStream, &["b1"]).inbox(inbox("m2"))).await;
    log.holds(&b, &["b1"]).await;
}

/// S6: a message that led to no events is handled once too.
pub async fn s06_a_message_without_events_is_handled_once(h: &dyn Harness) {
    let log = Log::open(h, "s06_eventless").await;
    if !log.keeps(PartKind::Inbox).await {
        return;
    }
    let a = stream("a");
    log.commit(append(&a, NoStream, &["a1"])).await;
    let first = log.commit(Commit::new().inbox(inbox("m1"))).await;
    log.repeated(Commit::new().inbox(inbox("m1")), &first).await;
    log.commit(append(&a, Any, &["a2"])).await;
    log.repeated(Commit::new().inbox(inbox("m1")), &first).await;
    log.repeated(append(&a, Any, &["a3"]).inbox(inbox("m1")), &first).await;
}

/// S6: of many deliveries of one message at once, one is handled.
pub async fn s06_of_racing_deliveries_one_is_handled(h: &dyn Harness) {
    let log = Log::open(h, "s06_race").await;
    if !log.keeps(PartKind::Inbox).await {
        return;
    }
    for round in 0..rounds(10, 200) {
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for delivery in 0..8 {
            let (log, together) = (log.clone(), together.clone());
            tasks.spawn(async move {
                let written = stream(&format!("{round} {delivery}"));
                let commit = append(&written, NoStream, &[written.as_str()]);
                together.wait().await;
                log.commit(commit.inbox(inbox(&format!("round {round}")))).await
            });
        }
        let answers = all("racing deliveries", tasks).await;
        let firsts: Vec<_> = answers.iter().filter(|answer| !answer.is_duplicate()).collect();
        let [first] = firsts[..] else { panic!("answered as the first: {firsts:?}") };
        for repeat in answers.iter().filter(|answer| answer.is_duplicate()) {
            assert_eq!(repeat, &first.clone().as_duplicate(), "what a repetition was told");
        }
        assert_eq!(log.feed().await.len() as u64, u64::from(round) + 1, "events in the feed");
    }
}

/// S6: other keys are other messages: neither the consumer nor the message id alone makes a key, nor the
/// two run together, nor a key that is alike.
pub async fn s06_messages_are_told_apart(h: &dyn Harness) {
    let log = Log::open(h, "s06_apart").await;
    if !log.keeps(PartKind::Inbox).await {
        return;
    }
    let [long_a, long_b] = ["a", "b"].map(|end| format!("{}{end}", "m".repeat(511)));
    for (n, (consumer, message)) in [
        ("mailer", "1"),
        ("biller", "1"),
        ("mailer", "2"),
        ("maile", "r1"),
        ("mailer ", "1"),
        ("Mailer", "1"),
        ("mailer", "%"),
        ("mäiler", "1"),
        ("mailer", &long_a),
        ("mailer", &long_b),
    ]
    .into_iter()
    .enumerate()
    {
        let key = InboxKey::new(consumer, message).expect("the suite's keys are well formed");
        let stream = stream(&n.to_string());
        let commit = append(&stream, NoStream, &[&format!("event {n}")]).inbox(key);
        let first = log.commit(commit.clone()).await;
        assert!(!first.is_duplicate(), "{consumer:?} {message:?} passed for another message");
        log.repeated(commit, &first).await;
    }
}

/// S6: a message whose commit was refused is not handled yet.
pub async fn s06_a_refused_message_is_not_handled(h: &dyn Harness) {
    let log = Log::open(h, "s06_refused").await;
    if !log.keeps(PartKind::Inbox).await {
        return;
    }
    let a = stream("a");
    log.refused(append(&a, StreamExists, &["a1"]).inbox(inbox("m1")), &[&a]).await;
    let first = log.commit(append(&a, NoStream, &["a1"]).inbox(inbox("m1"))).await;
    assert!(!first.is_duplicate(), "the refused delivery passed for a handled one");
    log.holds(&a, &["a1"]).await;
    assert!(log.outcome(&DedupKey::Event(id("a1"))).await.is_some(), "the outcome of the event");
}
