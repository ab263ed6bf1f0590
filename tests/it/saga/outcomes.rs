//! However calls end, the saga ends, and what is left is all or nothing.

use freehold::saga::Ended;

use super::fixture::{Goes, in_memory};

#[tokio::test]
async fn a_saga_completes_with_one_record_a_step() {
    let shop = in_memory();
    let (id, ended) = shop.fulfil("1").await;
    assert_eq!(ended, Ended::Completed);
    let history = shop.history(&id).await;
    let expected = [
        "started, version 1",
        "`reserve` has happened",
        "`charge` has happened",
        "`confirm` has happened",
        "`ship` has happened",
        "completed",
    ];
    assert_eq!(history, expected);
    assert_eq!(shop.world.effects().len(), 3);
    shop.running.stop().await;
}

#[tokio::test]
async fn what_has_happened_is_compensated_in_reverse_order() {
    let shop = in_memory();
    shop.world.script("confirm", [Goes::Refused]);
    let (id, ended) = shop.fulfil("1").await;
    assert_eq!(ended, Ended::Compensated);
    let history = shop.history(&id).await;
    let expected = [
        "started, version 1",
        "`reserve` has happened",
        "`charge` has happened",
        "given up: `confirm` was refused",
        "`charge` is compensated",
        "`reserve` is compensated",
        "compensated",
    ];
    assert_eq!(history, expected);
    assert!(shop.world.effects().is_empty());
}

/// Whatever goes wrong with one call, and where.
#[tokio::test]
async fn nothing_is_left_behind_and_nothing_is_left_out() {
    let ways = [Goes::Refused, Goes::Fails, Goes::Unheard, Goes::Lost, Goes::Hangs, Goes::Panics];
    let shop = in_memory();
    for what in ["reserve", "charge", "confirm", "ship"] {
        for (n, goes) in ways.into_iter().enumerate() {
            for times in [1, 9] {
                if what == "ship" && (goes == Goes::Refused || times == 9) {
                    continue;
                }
                let before = shop.world.effects().len();
                shop.world.script(what, vec![goes; times]);
                let (id, ended) = shop.fulfil(&format!("{what}-{n}-{times}")).await;
                let left = shop.world.effects().len() - before;
                let wanted = if ended == Ended::Completed { 3 } else { 0 };
                assert_eq!(left, wanted, "{what} {goes:?}: {:?}", shop.history(&id).await);
                shop.world.forget_script();
            }
        }
    }
}

#[tokio::test]
async fn a_compensation_is_repeated_until_it_has_happened() {
    for goes in [Goes::Fails, Goes::Unheard, Goes::Hangs, Goes::Panics] {
        let shop = in_memory();
        shop.world.script("confirm", [Goes::Refused]);
        shop.world.script("refund", [goes, goes]);
        let (id, ended) = shop.fulfil("1").await;
        assert_eq!(ended, Ended::Compensated, "{goes:?}");
        assert!(shop.world.effects().is_empty(), "{:?}", shop.history(&id).await);
    }
}

#[tokio::test]
async fn calls_of_a_step_have_one_key() {
    let shop = in_memory();
    shop.world.script("charge", [Goes::Lost, Goes::Fails]);
    shop.world.script("confirm", [Goes::Refused]);
    shop.fulfil("17").await;
    let expected = [
        "fulfilment/17:reserve:0:do",
        "fulfilment/17:charge:0:do",
        "fulfilment/17:charge:0:do",
        "fulfilment/17:charge:0:do",
        "fulfilment/17:confirm:0:do",
        "fulfilment/17:charge:0:undo",
        "fulfilment/17:reserve:0:undo",
    ];
    assert_eq!(shop.world.calls(), expected);
}
