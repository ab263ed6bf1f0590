//! What cannot be heard, and what an operator can do about it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use freehold::inbox::{HandleError, Handler};
use freehold::process::{OperateError, ProcessOptions, Processes, Standing};

use super::fixture::{
    Order, cancelled, envelope, hear, hear_all, message, noted, orders, paid, placed, sent, shipped,
};
use super::places::everywhere;

#[tokio::test]
async fn what_cannot_be_heard_parks_its_instance_and_no_other() {
    everywhere(async |store| {
        let process = Order::default();
        let orders = Processes::new(process.clone(), Arc::clone(&store)).unwrap();
        for bad in ["bad", "panic"] {
            let story = [placed(bad), noted(bad, bad), paid(bad), noted(bad, "b"), shipped(bad)];
            hear_all(&orders, &store, &story).await;
        }
        hear_all(&orders, &store, &[placed("other"), paid("other"), shipped("other")]).await;
        let (listed, _) = orders.list(None, 10).await.unwrap();
        let standing: Vec<_> =
            listed.iter().map(|it| (it.instance.as_str(), it.standing, it.waiting)).collect();
        let parked = Standing::Parked;
        assert_eq!(standing, [("bad", parked, 3), ("panic", parked, 3)]);
        assert_eq!(listed[0].why.as_deref(), Some("bad"));
        assert_eq!(listed[1].why.as_deref(), Some("the process panicked"));
        let before = sent(&store).await;
        assert_eq!(before.len(), 5, "{before:?}");

        let again = orders.retry("bad").await.unwrap_err();
        assert!(matches!(again, OperateError::StillFails { .. }), "{again:?}");
        process.is_mended.store(true, Ordering::SeqCst);
        orders.retry("bad").await.unwrap();
        let after = sent(&store).await;
        assert_eq!(after[before.len()..], ["bad t.ship.v1", "bad t.confirmed.v1"]);
        assert_eq!(orders.list(None, 10).await.unwrap().0.len(), 1);
        let over = orders.retry("bad").await.unwrap_err();
        assert!(matches!(over, OperateError::NotOpen(_)), "{over:?}");
    })
    .await;
}

#[tokio::test]
async fn a_message_is_given_up_and_those_behind_it_are_heard() {
    everywhere(async |store| {
        let orders = orders(&store);
        let story = [placed("1"), noted("1", "bad"), noted("1", "panic"), paid("1"), shipped("1")];
        hear_all(&orders, &store, &story).await;
        // The second one that cannot be heard stands behind the first.
        let next = orders.discard("1", "ann", "a test").await.unwrap_err();
        assert!(matches!(next, OperateError::StillFails { .. }), "{next:?}");
        orders.discard("1", "ann", "a test").await.unwrap();
        assert_eq!(sent(&store).await, ["1 t.pay.v1", "1 t.ship.v1", "1 t.confirmed.v1"]);
        let told = orders.find("1").await.unwrap().unwrap().to_string();
        assert_eq!(told.matches("the parked message is given up by ann: a test").count(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_beginning_that_cannot_be_heard_can_be_retried() {
    everywhere(async |store| {
        let orders = orders(&store);
        // Two that must both be the first: the second parks it, and stays in vain.
        let imported = super::fixture::Heard::Imported { order: "1".into() };
        hear_all(&orders, &store, &[placed("1"), imported, paid("1")]).await;
        let again = orders.retry("1").await.unwrap_err();
        assert!(matches!(again, OperateError::StillFails { .. }), "{again:?}");
        orders.discard("1", "ann", "it was there before").await.unwrap();
        assert_eq!(sent(&store).await, ["1 t.pay.v1", "1 t.ship.v1"]);
    })
    .await;
}

#[tokio::test]
async fn an_operator_ends_an_instance_for_good() {
    everywhere(async |store| {
        let orders = orders(&store);
        hear_all(&orders, &store, &[placed("1"), noted("1", "bad"), paid("1")]).await;
        orders.end("1", "ann", "nobody wants it").await.unwrap();
        hear_all(&orders, &store, &[shipped("1"), cancelled("1"), noted("1", "b")]).await;
        assert_eq!(sent(&store).await, ["1 t.pay.v1"]);
        assert!(orders.list(None, 10).await.unwrap().0.is_empty());
        let never = orders.end("2", "ann", "").await.unwrap_err();
        assert!(matches!(never, OperateError::NotOpen(_)), "{never:?}");
    })
    .await;
}

#[tokio::test]
async fn what_nothing_follows_from_any_more_waits_no_longer() {
    everywhere(async |store| {
        let orders = orders(&store);
        // `Cancelled` stops it; what waits behind is late then.
        let story = [placed("1"), noted("1", "bad"), cancelled("1"), paid("1"), shipped("1")];
        hear_all(&orders, &store, &story).await;
        orders.discard("1", "ann", "a test").await.unwrap();
        assert_eq!(sent(&store).await, ["1 t.pay.v1"]);
        assert!(orders.list(None, 10).await.unwrap().0.is_empty());
    })
    .await;
}

#[tokio::test]
async fn as_many_messages_wait_as_may_and_no_more() {
    everywhere(async |store| {
        let options = ProcessOptions { waiting_messages_max: 2, ..ProcessOptions::default() };
        let orders = orders(&store).options(options);
        hear_all(&orders, &store, &[placed("1"), noted("1", "bad"), paid("1"), shipped("1")]).await;
        let more = orders.handle(&message(envelope(&noted("1", "b")))).await.unwrap_err();
        assert!(matches!(more, HandleError::Never(_)), "{more:?}");
        assert!(hear(&orders, &store, envelope(&placed("2"))).await, "others go on");
    })
    .await;
}

#[tokio::test]
async fn what_is_stuck_is_listed_page_by_page() {
    everywhere(async |store| {
        let orders = orders(&store);
        for nth in 0..7 {
            let order = format!("{nth}");
            hear_all(&orders, &store, &[placed(&order)]).await;
            if nth % 2 == 0 {
                hear_all(&orders, &store, &[noted(&order, "bad")]).await;
            }
        }
        let names = |all: Vec<freehold::process::Listed>| {
            all.into_iter().map(|it| it.instance).collect::<Vec<_>>()
        };
        let stuck = orders.stuck(Duration::from_hours(1), 3).await.unwrap();
        assert_eq!(names(stuck), ["0", "2", "4"]);
        let quiet = orders.stuck(Duration::ZERO, 100).await.unwrap();
        assert_eq!(quiet.len(), 7);
        let (page, has_more) = orders.list(Some("2"), 3).await.unwrap();
        assert_eq!((names(page), has_more), (vec!["3".into(), "4".into(), "5".into()], true));
    })
    .await;
}
