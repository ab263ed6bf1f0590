//! O8: messages that wait for their time.
//!
//! The store's clock is told by what it records. Nothing is said about how long anything takes: a store cannot be seen
//! to be too late.

use chrono::TimeDelta;
use tokio::task::JoinSet;

use super::OutboxHarness;
use super::kit::{all, append, message, rounds, stream};
use super::outbox_kit::{OutboxLog, SOON, ids, later, told};
use crate::types::{Commit, Envelope, ExpectedVersion::StreamExists};

/// O8: a message that is not due is not in the log, and does not move its head, until it is due and somebody asks; then it
/// is there once, behind all that was there.
pub async fn o08_a_message_appears_when_it_is_due_and_asked_for(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o08_appears").await;
    assert_eq!(log.due(10).await, None, "when the next one is due, in an empty outbox");
    let now = log.now().await;
    let soon = later("soon", now + SOON);
    let over = later("over", now - TimeDelta::hours(1));
    let before = log.head().await;
    log.commit(Commit::new().send(&soon)).await;
    assert_eq!([log.head().await, log.end().await], [before; 2], "a message that is not due");
    log.commit(Commit::new().send(&over).send(&message("now", "key"))).await;
    if log.appends {
        let refused = Commit::new().send(&later("refused", now + SOON));
        log.refused(refused.and(append(&stream("absent"), StreamExists, &["absent"]))).await;
    }
    log.holds(&[over, message("now", "key")]).await;
    let next = log.due(10).await;
    // A machine may be so slow that it is due by now: then there is nothing to see of the time before.
    if let Some(next) = next {
        assert_eq!(next, now + SOON, "when the next one is due");
        log.passed(now + SOON).await;
        log.holds(&[]).await;
        log.send(&["behind which it comes"]).await;
        assert_eq!(log.due(10).await, None, "when the next one is due, with none left");
        log.holds(&[message("behind which it comes", "key"), soon]).await;
    }
    let there = log.log().await;
    assert_eq!(log.due(10).await, None, "when the next one is due, with none left");
    assert_eq!(log.log().await, there, "what was due has come once");
}

/// O8: those that were due first come first, whoever was sent first; no more come than were asked for, and the time of
/// the next one is told.
pub async fn o08_what_is_due_comes_in_the_order_of_its_time(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o08_order").await;
    let now = log.now().await;
    let at = |n: i32| now + SOON + TimeDelta::microseconds(1) * n;
    let [first, second, third, fourth] = [1, 2, 3, 4].map(|n| later(&format!("due {n}"), at(n)));
    let hour = later("in an hour", now + TimeDelta::hours(1));
    log.commit(Commit::new().send(&third).send(&first)).await;
    log.commit(Commit::new().send(&hour).send(&fourth)).await;
    log.commit(Commit::new().send(&second)).await;
    log.passed(at(4)).await;
    assert_eq!(log.due(1).await, Some(at(2)), "when the second one is due");
    log.holds(std::slice::from_ref(&first)).await;
    assert_eq!(log.due(2).await, Some(at(4)), "when the fourth one is due");
    log.holds(&[first.clone(), second.clone(), third.clone()]).await;
    let next = log.due(10).await;
    assert_eq!(next, Some(now + TimeDelta::hours(1)), "when the last one is due");
    log.holds(&[first, second, third, fourth]).await;
}

/// O8: of many that ask at once for what is due, it comes once.
pub async fn o08_of_racing_askers_a_message_comes_once(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o08_race").await;
    for round in 0..rounds(3, 30) {
        let due = log.now().await + SOON;
        let messages: Vec<_> = (0..20)
            .map(|n| later(&format!("{round} {n}"), due + TimeDelta::microseconds(n)))
            .collect();
        log.commit(messages.iter().fold(Commit::new(), Commit::send)).await;
        log.passed(due + TimeDelta::milliseconds(1)).await;
        let mut tasks = JoinSet::new();
        for asker in 0..6 {
            let log = log.clone();
            tasks.spawn(async move { while log.due(1 + asker % 3).await.is_some() {} });
        }
        all("those who ask for what is due", tasks).await;
        let there = log.log().await;
        assert_eq!(ids(&there), messages.iter().map(Envelope::id).collect::<Vec<_>>(), "what came");
        assert_eq!(told(&there[0]), messages[0], "what came first");
    }
}
