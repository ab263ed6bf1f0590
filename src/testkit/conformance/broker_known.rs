//! B5, B6 and B7: what is known again, what a dropped call leaves, and how far the broker's log goes.

use futures::poll;
use tokio::task::{JoinSet, yield_now};

use super::BrokerHarness;
use super::broker_kit::{Bench, all_seen, messages, outbound, outbounds, said, source};
use super::kit::{all, rounds};

/// B5: a message that is published again under its id, at once and after others, is not stored again, and the answer says so. A
/// broker that promises no such thing passes.
pub async fn b05_a_message_published_again_is_stored_once(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b05_again").await;
    if bench.can().dedupe_window.is_none() {
        return;
    }
    bench.announce("reader", &["one"]).await;
    let out = outbounds("known", 5, "one");
    for (n, outbound) in out.iter().enumerate() {
        bench.publish_new(outbound).await;
        for known in &out[..=n] {
            let again = bench.publish(std::slice::from_ref(known)).await.remove(0);
            assert!(again.is_duplicate, "{known:?} was published again, and taken for new");
        }
    }
    let end = outbound("end", "end", "one");
    bench.publish_new(&end).await;
    let received = bench.consumer("reader", &["one"]).await.upto(&end).await;
    let wanted = [messages(&out), messages(&[end])].concat();
    assert_eq!(said(&received), said(&wanted), "messages that were published again");
}

/// B5: of many who publish the same message at once, one stores it.
pub async fn b05_racing_copies_are_stored_once(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b05_race").await;
    if bench.can().dedupe_window.is_none() {
        return;
    }
    bench.announce("reader", &["one"]).await;
    let out = outbounds("raced", rounds(10, 100) as usize, "one");
    for outbound in &out {
        let mut racing = JoinSet::new();
        for _ in 0..6 {
            let (broker, outbound) = (bench.broker.clone(), outbound.clone());
            racing.spawn(async move { broker.publish(&[outbound]).await.remove(0) });
        }
        let answers = all("publishing copies", racing).await;
        let new = answers.iter().flatten().filter(|stored| !stored.is_duplicate).count();
        assert!(new <= 1, "{new} copies of one message were new: {answers:?}");
        bench.publish(std::slice::from_ref(outbound)).await;
    }
    let end = outbound("end", "end", "one");
    bench.publish_new(&end).await;
    let received = bench.consumer("reader", &["one"]).await.upto(&end).await;
    let wanted = [messages(&out), messages(&[end])].concat();
    assert_eq!(said(&received), said(&wanted), "messages of which copies raced");
}

/// B5: an id is its source's, and a message may go to several destinations: those are no copies.
pub async fn b05_other_sources_and_destinations_are_no_copies(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b05_others").await;
    bench.announce("one", &["one"]).await;
    bench.announce("two", &["two"]).await;
    let first = outbound("same", "key", "one");
    let elsewhere = outbound("same", "key", "two");
    let mut theirs = outbound("same", "key", "one");
    theirs.message.source = source("/suite/theirs");
    for outbound in [&first, &elsewhere, &theirs] {
        bench.publish_new(outbound).await;
    }
    let (end_one, end_two) = (outbound("end 1", "e1", "one"), outbound("end 2", "e2", "two"));
    bench.publish_new(&end_one).await;
    bench.publish_new(&end_two).await;
    let one = bench.consumer("one", &["one"]).await.upto(&end_one).await;
    let wanted = all_seen(&messages(&[first, theirs, end_one]));
    assert_eq!(all_seen(&one), wanted, "messages for the first destination");
    let two = bench.consumer("two", &["two"]).await.upto(&end_two).await;
    let wanted = all_seen(&messages(&[elsewhere, end_two]));
    assert_eq!(all_seen(&two), wanted, "messages for the second destination");
}

/// B6: of a call that is dropped after any number of polls, each message is there whole or not at all; published again, all are
/// there, and each once where ids are known again.
pub async fn b06_a_dropped_call_leaves_whole_messages(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b06").await;
    bench.announce("reader", &["one"]).await;
    let is_known_again = bench.can().dedupe_window.is_some();
    let (mut wanted, mut ended) = (Vec::new(), false);
    for polls in (0..4_u32).chain((2..12).map(|n| 1 << n)) {
        let out = outbounds(&format!("after {polls}"), 4, "one");
        let mut pending = bench.broker.publish(&out);
        for _ in 0..polls {
            ended = poll!(pending.as_mut()).is_ready();
            if ended {
                break;
            }
            // Between two polls, the broker's own tasks may get on.
            yield_now().await;
        }
        drop(pending);
        bench.publish(&out).await;
        wanted.extend(messages(&out));
        if ended {
            break;
        }
    }
    let end = outbound("end", "end", "one");
    bench.publish_new(&end).await;
    wanted.push(end.message.clone());
    let mut wanted = all_seen(&wanted);
    let mut received = all_seen(&bench.consumer("reader", &["one"]).await.upto(&end).await);
    for message in &received {
        assert!(wanted.contains(message), "half a message, or one of nobody's: {message:?}");
    }
    received.sort();
    wanted.sort();
    if !is_known_again {
        received.dedup();
    }
    assert_eq!(received, wanted, "messages of dropped calls that were repeated");
}

/// B7: the extent names the newest message, grows with every one that is stored, and with none that is known. A broker that does
/// not tell passes.
pub async fn b07_the_extent_names_the_newest_message(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b07_newest").await;
    if !bench.can().tells_extent {
        return;
    }
    bench.announce("reader", &["one"]).await;
    let mut before = bench.extent().await;
    assert_eq!(before.last, 0, "the extent of a log that never had a message");
    for outbound in outbounds("stored", 6, "one") {
        let stored = bench.publish_new(&outbound).await;
        let after = bench.extent().await;
        assert_eq!(after.log, before.log, "which log it is");
        assert!(after.last > before.last, "{} was {} before a message", after.last, before.last);
        assert_eq!(stored.position, Some(after.last), "where the newest message is");
        if bench.can().dedupe_window.is_some() {
            bench.publish(&[outbound]).await;
            assert_eq!(bench.extent().await, after, "after a message that is known");
        }
        before = after;
    }
}

/// B7: another handle tells the same extent, and deliveries do not change it.
pub async fn b07_every_handle_tells_the_same_extent(h: &dyn BrokerHarness) {
    let bench = Bench::open(h, "b07_handles").await;
    if !bench.can().tells_extent {
        return;
    }
    bench.announce("reader", &["one"]).await;
    let out = outbounds("stored", 3, "one");
    for outbound in &out {
        bench.publish_new(outbound).await;
    }
    let extent = bench.extent().await;
    bench.consumer("reader", &["one"]).await.upto(&out[2]).await;
    let other = Bench::open(h, "b07_handles").await;
    assert_eq!(other.extent().await, extent, "told by another handle, after all was settled");
}
