//! O1 and O2: what stands in the outbox, and in which order.

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::OutboxHarness;
use super::kit::{append, inbox, message, stream};
use super::outbox_kit::{OutboxLog, later, sent};
use crate::ports::CommitError;
use crate::types::{
    Commit, Envelope,
    ExpectedVersion::{Any, NoStream, StreamExists},
    InvalidCommit, MessageId, MessageType, Metadata, OrderingKey,
};

/// Limits beyond these are too large to be tried.
const BYTES_MAX: usize = 64 << 20;

/// Messages with every attribute and without, and payloads of which JSON is only one kind.
fn all_kinds() -> Vec<Envelope> {
    let long = "k".repeat(190);
    let keys = ["1", "a-b", "A-b", " ", "é \"1\"", "%", &long];
    let payloads: [&[u8]; 9] = [
        b"{\"a\": 1.0,  \"b\":\"\\u00e9\"}",
        b" {} ",
        b"{}\n",
        b"null",
        b"",
        b"\xff\x00\xfe",
        b"{\"a\":",
        "\"é\"".as_bytes(),
        b"12345678901234567890.1234567890",
    ];
    let at = DateTime::from_timestamp(1_000_000_000, 123_456_789).expect("a time within range");
    let mut all = Vec::new();
    for (n, data) in payloads.into_iter().enumerate() {
        let tag = |part| MessageId::new(Uuid::from_u128(((n as u128) << 8) | part));
        let kind = |name| MessageType::new(name).expect("the suite's types are well formed");
        let key = OrderingKey::new(keys[n % keys.len()]).expect("the suite's keys are well formed");
        let plain = Envelope::new(tag(0), kind("suite.said.v1"), key.clone(), data);
        let metadata = Metadata::new()
            .with_tenant("acme")
            .and_then(|metadata| metadata.with_entry("x-é", "\"1\"\t"))
            .unwrap_or_default()
            .with_correlation(Uuid::from_u128(7));
        let full = Envelope::new(tag(1), kind(&long), key, data)
            .with_subject("é \"1\"")
            .and_then(|full| full.with_content_type("text/plain"))
            .and_then(|full| full.with_schema("https://example.org/schema"))
            .expect("the suite's attributes are well formed")
            .with_time(at)
            .with_expiry_at(at)
            // It is over: the message is due at once.
            .with_delivery_at(at)
            .with_metadata(metadata);
        all.extend([plain, full]);
    }
    all
}

/// O1: a message stands in the log as it was sent, with every attribute, and its payload byte for byte, be that JSON or
/// not; also beside an event and an inbox key.
pub async fn o01_a_message_stands_in_the_log_as_it_was_sent(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o01_sent").await;
    log.holds(&[]).await;
    let all = all_kinds();
    let (alone, together) = all.split_at(6);
    for envelope in alone {
        let done = log.commit(Commit::new().send(envelope)).await;
        assert_eq!(done.positions(), None, "positions of events, and there are none");
    }
    log.holds(alone).await;
    let commit = together.iter().fold(Commit::new(), Commit::send);
    let done = log.commit(log.laden(commit, "beside")).await;
    if log.appends {
        assert!(done.version_of(&stream("beside")).is_some(), "the event beside: {done:?}");
    }
    log.holds(&all).await;
}

/// O1: a commit that is refused sends none of its messages, whatever it is refused for; the same messages can be sent
/// afterwards.
pub async fn o01_what_is_refused_sends_nothing(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o01_refused").await;
    log.send(&["before"]).await;
    let [a, b] = ["a", "b"].map(|tag| message(tag, "key"));
    let both = || Commit::new().send(&a).send(&b);
    let error = log.refused(both().send(&a)).await;
    let twice = CommitError::Invalid(InvalidCommit::MessageTwice(a.id()));
    assert_eq!(format!("{error:?}"), format!("{twice:?}"), "a message that is there twice");
    let max = log.store.limits().bytes_per_message_max;
    if max < BYTES_MAX {
        let key = a.key().clone();
        let large = Envelope::new(a.id(), a.kind().clone(), key, vec![b' '; max + 1]);
        let error = log.refused(Commit::new().send(&b).send(&large)).await;
        let CommitError::Invalid(InvalidCommit::TooLarge { limit, .. }) = error else {
            panic!("a message that is too long was answered {error:?}");
        };
        assert_eq!(limit, max, "the limit that is told");
    }
    if log.appends {
        let stale = both().and(append(&stream("s"), StreamExists, &["s"]));
        let error = log.refused(stale).await;
        assert!(matches!(error, CommitError::Conflict(_)), "{error:?}");
        log.commit(append(&stream("s"), NoStream, &["s"])).await;
        let reused = both().and(append(&stream("other"), NoStream, &["s"]));
        let error = log.refused(reused).await;
        assert!(matches!(error, CommitError::IdReused(_)), "{error:?}");
    }
    log.commit(both()).await;
    log.holds(&[message("before", "key"), a, b]).await;
}

/// O1: a commit that happened before sends nothing when it is repeated, now or when something comes due.
pub async fn o01_a_repetition_sends_nothing(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o01_repeated").await;
    let due = log.now().await + TimeDelta::hours(1);
    let late = later("late", due);
    if log.appends {
        let commit = sent("beside", "key", 2).and(append(&stream("s"), NoStream, &["s"]));
        log.commit(commit.clone()).await;
        for again in [commit, sent("other", "key", 1).and(append(&stream("s"), NoStream, &["s"]))] {
            log.repeated(again.clone().send(&late)).await;
            log.repeated(again).await;
        }
    }
    if log.inbox {
        let commit = sent("handled", "key", 2).inbox(inbox("m1"));
        log.commit(commit.clone()).await;
        for again in [commit, sent("else", "key", 1).inbox(inbox("m1")), late_only(&late)] {
            log.repeated(again).await;
        }
    }
    assert_eq!(log.due(10).await, None, "a repetition has left something for later");
}

fn late_only(late: &Envelope) -> Commit {
    Commit::new().send(late).inbox(inbox("m1"))
}

/// O1: each commit sends its messages, also if another has sent the same: who publishes them tells them apart.
pub async fn o01_a_message_that_is_sent_by_two_commits_is_there_twice(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o01_twice").await;
    let [a, b] = ["a", "b"].map(|tag| message(tag, "key"));
    log.commit(Commit::new().send(&a)).await;
    log.commit(Commit::new().send(&b).send(&a)).await;
    log.holds(&[a.clone(), b, a]).await;
}

/// O2: messages stand in the order of their commits, by whichever handle, and those of a commit in its order, whatever
/// their keys and ids.
pub async fn o02_messages_stand_in_the_order_of_their_commits(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o02").await;
    let other = OutboxLog::open(h, "o02").await;
    let mut all = Vec::new();
    for n in 0..12_u32 {
        let of_commit: Vec<_> = (0..=n % 4)
            .map(|m| message(&format!("{n} {m}"), ["b", "a", "c"][(n + m) as usize % 3]))
            .collect();
        let commit = of_commit.iter().fold(Commit::new(), Commit::send);
        let writer = if n % 3 == 0 { &other } else { &log };
        // Commits with events may take another way through the store than those without.
        let beside = stream("beside");
        let commit = if log.appends && n % 2 == 0 {
            commit.and(append(&beside, Any, &[&n.to_string()]))
        } else {
            commit
        };
        writer.commit(commit).await;
        all.extend(of_commit);
    }
    log.holds(&all).await;
    other.holds(&all).await;
}
