//! D1, D2 and D3: what a consumer receives, how often, and in which order.

use std::time::Duration;

use futures::poll;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::BrokerHarness;
use super::broker_kit::{Bench, all_seen, messages, outbound, outbounds, said, seen};
use super::kit::within;
use crate::ports::{Outbound, Settle};

/// By so much a broker may be early that counts its time in milliseconds.
const GRAIN: Duration = Duration::from_millis(10);

async fn publish_in_order(bench: &Bench<'_>, out: &[Outbound]) {
    for outbound in out {
        bench.publish_new(outbound).await;
    }
}

/// D1: what was handed out and not settled comes again when the consumer is opened again.
pub async fn d01_what_was_not_settled_comes_again(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "d01_again").await;
    bench.announce("reader", &["one"]).await;
    let out = outbounds("open", 4, "one");
    publish_in_order(&bench, &out).await;
    for _ in 0..2 {
        let consumer = bench.consumer("reader", &["one"]).await;
        let first = consumer.one().await.message.expect("a message");
        assert!(all_seen(&messages(&out)).contains(&seen(&first)), "{first:?} was never published");
    }
    let consumer = bench.consumer("reader", &["one"]).await;
    let mut received = Vec::new();
    while received.len() < out.len() {
        for delivery in consumer.receive(9).await {
            consumer.settle(&delivery, Settle::Done).await;
            received.push(delivery.message.expect("a message"));
        }
    }
    let mut said = said(&received);
    said.sort();
    assert_eq!(said, self::said(&messages(&out)), "what was not settled, and came again");
}

/// D1: what was settled as done or dropped does not come again, neither to this handle nor to the next.
pub async fn d01_what_was_settled_does_not_come_again(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "d01_settled").await;
    bench.announce("reader", &["one"]).await;
    let out = outbounds("settled", 4, "one");
    publish_in_order(&bench, &out).await;
    let consumer = bench.consumer("reader", &["one"]).await;
    for n in 0..out.len() {
        let delivery = consumer.one().await;
        let how = if n % 2 == 0 { Settle::Done } else { Settle::Dropped };
        consumer.settle(&delivery, how).await;
    }
    for round in 0..2 {
        let end = outbound(&format!("end {round}"), "end", "one");
        bench.publish_new(&end).await;
        let consumer = bench.consumer("reader", &["one"]).await;
        let received = consumer.upto(&end).await;
        assert_eq!(said(&received), said(&messages(&[end])), "what came after all was settled");
    }
}

/// D1: what is to come again comes again, says so, and not before its time.
pub async fn d01_what_is_to_come_again_does_after_its_time(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "d01_later").await;
    bench.announce("reader", &["one"]).await;
    let one = outbound("one", "one", "one");
    bench.publish_new(&one).await;
    let consumer = bench.consumer("reader", &["one"]).await;
    let mut count = 0;
    for time in [Duration::ZERO, Duration::from_millis(150), Duration::from_millis(300)] {
        let delivery = consumer.one().await;
        assert!(delivery.redeliveries >= count, "{} after {count}", delivery.redeliveries);
        count = delivery.redeliveries + 1;
        let since = Instant::now();
        consumer.settle(&delivery, Settle::Again(time)).await;
        let again = consumer.one().await;
        let passed = since.elapsed() + GRAIN;
        assert!(passed >= time, "it came again after {passed:?}, which is sooner than {time:?}");
        assert!(again.redeliveries >= count, "it came {} times before", again.redeliveries);
        count = again.redeliveries + 1;
        let message = again.message.as_ref().expect("a message");
        assert_eq!(seen(message), seen(&one.message), "what came again");
        consumer.settle(&again, Settle::Again(Duration::ZERO)).await;
    }
    consumer.settle(&consumer.one().await, Settle::Done).await;
    let end = outbound("end", "end", "one");
    bench.publish_new(&end).await;
    assert_eq!(said(&consumer.upto(&end).await), said(&messages(&[end])), "after it was done");
}

/// D2: messages come first in the order in which they were stored, however many are asked for at a time, also those that were
/// stored before anybody asked.
pub async fn d02_messages_come_in_the_order_in_which_they_were_stored(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "d02_order").await;
    bench.announce("reader", &["one"]).await;
    let out = outbounds("stored", 24, "one");
    publish_in_order(&bench, &out[..12]).await;
    let consumer = bench.consumer("reader", &["one"]).await;
    let mut received = Vec::new();
    for (n, limit) in [1, 2, 3, 50].into_iter().cycle().enumerate() {
        // From here on, publishing and receiving take turns.
        if let Some(outbound) = out.get(12 + n) {
            bench.publish_new(outbound).await;
        }
        for delivery in consumer.receive(limit).await {
            consumer.settle(&delivery, Settle::Done).await;
            received.push(delivery.message.expect("a message"));
        }
        if received.len() >= out.len() {
            break;
        }
    }
    assert_eq!(said(&received), said(&messages(&out)), "in which order messages came");
}

/// D2: who waits is handed the next message, and a wait that is dropped loses none.
pub async fn d02_a_wait_ends_with_the_next_message_and_loses_none(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "d02_wait").await;
    let consumer = bench.consumer("reader", &["one"]).await;
    let out = outbounds("waited", 8, "one");
    let mut received = Vec::new();
    for (n, outbound) in out.iter().enumerate() {
        let mut waiting = consumer.0.receive(4);
        for _ in 0..=n {
            assert!(poll!(waiting.as_mut()).is_pending(), "there is nothing to receive");
            yield_now().await;
        }
        if n % 2 == 0 {
            drop(waiting);
            bench.publish_new(outbound).await;
            waiting = consumer.0.receive(4);
        } else {
            bench.publish_new(outbound).await;
        }
        let next = within("a wait for the next message", waiting).await;
        for delivery in next.expect("deliveries can be received") {
            consumer.settle(&delivery, Settle::Done).await;
            received.push(delivery.message.expect("a message"));
        }
    }
    assert_eq!(said(&received), said(&messages(&out)), "messages that were waited for");
}

/// D3: what is no message comes as what is wrong with it, in its place, and does not come again when it was settled. A harness
/// that cannot store such a thing passes.
pub async fn d03_what_is_no_message_is_delivered_and_can_be_settled(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "d03").await;
    bench.announce("reader", &["one"]).await;
    let [before, after, end] = ["before", "after", "end"].map(|tag| outbound(tag, tag, "one"));
    bench.publish_new(&before).await;
    if !bench.inject_garbage("one").await {
        return;
    }
    bench.publish_new(&after).await;
    let consumer = bench.consumer("reader", &["one"]).await;
    let mut came = Vec::new();
    for _ in 0..3 {
        let delivery = consumer.one().await;
        came.push(delivery.message.as_ref().ok().map(|message| message.envelope.id()));
        consumer.settle(&delivery, Settle::Dropped).await;
    }
    let wanted = [Some(&before), None, Some(&after)];
    let wanted = wanted.map(|it| it.map(|outbound| outbound.message.envelope.id()));
    assert_eq!(came, wanted, "what came, with what is no message in its place");
    bench.publish_new(&end).await;
    let received = bench.consumer("reader", &["one"]).await.upto(&end).await;
    assert_eq!(said(&received), said(&messages(&[end])), "what came after all was settled");
}
