//! B1, B2, B3 and B4: what is answered, what is kept, what is refused, and in which order it comes.

use bytes::Bytes;
use chrono::DateTime;
use uuid::Uuid;

use super::BrokerHarness;
use super::broker_kit::{
    Bench, destination, messages, outbound, outbounds, said, seen, source, too_long,
};
use crate::ports::{Outbound, PublishError};
use crate::types::{
    Envelope, Message, MessageId, MessageType, Metadata, OrderingKey, Position, Sequence,
    TraceContext,
};

/// B1: a call has as many answers as messages, each in its message's place; and none has none.
pub async fn b01_each_message_has_its_answer(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b01").await;
    bench.announce("reader", &["one"]).await;
    assert_eq!(bench.answers(&[]).await.len(), 0, "answers to no messages");
    let all = outbounds("all", 9, "one");
    let known = [1, 2, 6];
    for n in known {
        bench.publish_new(&all[n]).await;
    }
    let answers = bench.publish(&all).await;
    if bench.can().dedupe_window.is_some() {
        let are_known: Vec<_> = answers.iter().map(|answer| answer.is_duplicate).collect();
        let wanted: Vec<_> = (0..all.len()).map(|n| known.contains(&n)).collect();
        assert_eq!(are_known, wanted, "which of the messages the broker had already");
    }
}

fn text<T, E: std::fmt::Debug>(made: Result<T, E>) -> T {
    made.expect("the suite's messages are well formed")
}

/// A message with everything that a message can have, and texts that a protocol may stumble over.
fn full() -> Message {
    let odd = " Ünï \"coded\", 100%25; a=b:c\\ ";
    let at = DateTime::from_timestamp(1_700_000_000, 123_456_000).expect("a time within range");
    let trace = TraceContext::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let metadata = Metadata::new()
        .with_correlation(Uuid::from_u128(1))
        .with_causation(Uuid::from_u128(2))
        .with_trace(text(text(trace).with_state("a=b,c=d")));
    let metadata = text(metadata.with_actor(odd));
    let metadata = text(metadata.with_tenant("acme"));
    let metadata = text(metadata.with_entry("channel", "web: \"shop\", 100%"));
    let metadata = text(metadata.with_entry("X-Empty", ""));
    let every_byte: Vec<u8> = (0..=255).collect();
    let id = MessageId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"full"));
    let key = text(OrderingKey::new(odd));
    let envelope = Envelope::new(id, text(MessageType::new("suite.said.v1")), key, every_byte);
    let envelope = text(envelope.with_subject(odd));
    let envelope = text(envelope.with_content_type("application/octet-stream; a=\"b c\""));
    let envelope = text(envelope.with_schema("https://example.org/schema?a=b%20c#d"));
    let envelope = envelope.with_time(at).with_expiry_at(at).with_metadata(metadata);
    let place = Sequence::new(Position::new(12), Some(Position::new(3)));
    Message::new(envelope, source("/suite/full?a=b c"), Some(place))
}

/// B2: attributes, headers and payload come as they were published.
pub async fn b02_a_message_is_received_as_it_was_published(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b02_whole").await;
    bench.announce("reader", &["one"]).await;
    let full = Outbound::new(full(), destination("one"));
    let mut empty = outbound("empty", "empty", "one");
    let envelope = &empty.message.envelope;
    let (id, kind, key) = (envelope.id(), envelope.kind().clone(), envelope.key().clone());
    empty.message.envelope = Envelope::new(id, kind, key, Bytes::new());
    let plain = outbound("plain", "plain", "one");
    for outbound in [&full, &empty, &plain] {
        bench.publish_new(outbound).await;
    }
    let received = bench.consumer("reader", &["one"]).await.upto(&plain).await;
    let published = [full.message, empty.message, plain.message];
    assert_eq!(received.len(), published.len(), "messages received, and published");
    for (received, published) in received.iter().zip(&published) {
        assert_eq!(seen(received), seen(published), "what was received, and what was published");
    }
}

/// B2: every consumer of a destination receives every message for it, and none for another.
pub async fn b02_every_consumer_receives_what_is_for_its_destinations(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b02_consumers").await;
    let readers = [
        bench.consumer("first", &["one"]).await,
        bench.consumer("second", &["one"]).await,
        bench.consumer("both", &["one", "two"]).await,
        bench.consumer("other", &["two"]).await,
    ];
    let [a, b, c] = [("a", "one"), ("b", "two"), ("c", "one")].map(|(t, to)| outbound(t, t, to));
    let (end_one, end_two) = (outbound("end 1", "e1", "one"), outbound("end 2", "e2", "two"));
    for outbound in [&a, &b, &c, &end_one, &end_two] {
        bench.publish_new(outbound).await;
    }
    let of_one = messages(&[a.clone(), c.clone(), end_one.clone()]);
    let of_both = messages(&[a, b.clone(), c, end_one.clone(), end_two.clone()]);
    let of_two = messages(&[b, end_two.clone()]);
    let wanted =
        [(&of_one, &end_one), (&of_one, &end_one), (&of_both, &end_two), (&of_two, &end_two)];
    for (reader, (wanted, last)) in readers.iter().zip(wanted) {
        assert_eq!(said(&reader.upto(last).await), said(wanted), "what a consumer received");
    }
}

/// B3: a message that the broker does not take is refused and not stored, and the others of its call are stored. A broker that
/// takes messages of any length passes.
pub async fn b03_a_refused_message_does_not_keep_others_from_being_stored(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b03").await;
    let Some(bytes_max) = bench.can().bytes_max else { return };
    bench.announce("reader", &["one"]).await;
    let mut all = outbounds("all", 5, "one");
    for n in [1, 3] {
        all[n] = too_long(&format!("all.{n}"), &format!("all.{n}"), "one", bytes_max);
    }
    for (n, answer) in bench.answers(&all).await.into_iter().enumerate() {
        match answer {
            Ok(_) => assert!(n % 2 == 0, "message {n} is too long, and was stored"),
            Err(PublishError::Refused(_)) => assert!(n % 2 == 1, "message {n} was refused"),
            Err(other) => panic!("message {n} was answered {other:?}"),
        }
    }
    let end = outbound("end", "end", "one");
    bench.publish_new(&end).await;
    let mut received = said(&bench.consumer("reader", &["one"]).await.upto(&end).await);
    received.sort();
    let wanted = [&all[0], &all[2], &all[4], &end].map(|outbound| outbound.message.clone());
    assert_eq!(received, said(&wanted), "what is there, with messages that were refused among it");
}

/// B3: where a message goes to those only who are there, one that nobody is there for is refused, and not lost with good words. A
/// broker that keeps messages for those who come later passes.
pub async fn b03_what_nobody_is_there_for_is_refused(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b03_nobody").await;
    if !bench.can().routes_on_arrival {
        return;
    }
    bench.announce("reader", &["one"]).await;
    let call = [("a", "one"), ("b", "two"), ("c", "one")].map(|(tag, to)| outbound(tag, tag, to));
    let answers = bench.answers(&call).await;
    let is_told = matches!(answers[..], [Ok(_), Err(PublishError::Refused(_)), Ok(_)]);
    assert!(is_told, "of three messages, of which the second goes to nobody: {answers:?}");
    let mut received = said(&bench.consumer("reader", &["one"]).await.upto(&call[2]).await);
    received.sort();
    let [a, _, c] = call;
    assert_eq!(received, said(&messages(&[a, c])), "what is there");
}

/// B4: what was stored by calls one after the other is received in that order.
pub async fn b04_calls_one_after_the_other_are_received_in_order(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b04_calls").await;
    bench.announce("late", &["one"]).await;
    bench.announce("beside", &["two"]).await;
    let all: Vec<_> = (0..20).map(|n| outbound(&format!("{n}"), "key", "one")).collect();
    let early = bench.consumer("early", &["one"]).await;
    for (n, outbound) in all.iter().enumerate() {
        // Others of other destinations in the same call do not change it.
        let beside = outbounds(&format!("beside {n}"), n % 3, "two");
        let call: Vec<_> = beside.into_iter().chain([outbound.clone()]).collect();
        bench.publish(&call).await;
    }
    let late = bench.consumer("late", &["one"]).await;
    for consumer in [early, late] {
        let received = consumer.upto(&all[19]).await;
        assert_eq!(said(&received), said(&messages(&all)), "messages of calls one after the other");
    }
}

/// B4: a broker that says so receives the messages of one call in their order.
pub async fn b04_messages_of_one_call_are_received_in_order(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b04_call").await;
    if !bench.can().is_ordered {
        return;
    }
    bench.announce("reader", &["one"]).await;
    let all: Vec<_> = (0..30).map(|n| outbound(&format!("{n}"), "key", "one")).collect();
    bench.publish(&all).await;
    let received = bench.consumer("reader", &["one"]).await.upto(&all[29]).await;
    assert_eq!(said(&received), said(&messages(&all)), "the messages of one call");
}

/// B4: where one call may have two of a key, the second is not stored if the first was not, and that is what it is
/// answered.
pub async fn b04_nothing_is_stored_behind_one_of_its_key_that_was_not(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b04_behind").await;
    let (true, Some(bytes_max)) = (bench.can().is_ordered, bench.can().bytes_max) else { return };
    bench.announce("reader", &["one"]).await;
    let refused = too_long("refused", "key", "one", bytes_max);
    let behind = outbound("behind", "key", "one");
    let answers = bench.answers(&[refused, behind]).await;
    let is_behind =
        matches!(answers[..], [Err(PublishError::Refused(_)), Err(PublishError::Behind)]);
    assert!(is_behind, "of two of one key, of which the first is too long: {answers:?}");
    let end = outbound("end", "end", "one");
    bench.publish_new(&end).await;
    let received = bench.consumer("reader", &["one"]).await.upto(&end).await;
    assert_eq!(said(&received), said(&messages(&[end])), "what is there");
}
