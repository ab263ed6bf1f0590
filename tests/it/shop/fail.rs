//! Steps that go wrong on purpose: every saga ends or says why it waits, and nothing is lost.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::conserved::{self, Counts};
use super::{invoices, mailbox, program};

/// A replay of made-up invoices in which a step goes wrong.
struct Shop {
    folder: TempDir,
    summary: Value,
}

impl Shop {
    fn replayed(fail: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = invoices::write(folder.path(), 7, 40);
        let data = folder.path().join("data");
        let options = ["--data", data.to_str().unwrap(), "--concurrency", "8", "--fail", fail];
        let run = program::replay_run(&[&first, &second], &options);
        assert_eq!(run.code, Some(0), "{fail}: {run:?}");
        assert!(run.err.is_empty() || run.err.starts_with("SHOP_SEED="), "{fail}: {run:?}");
        let summary = serde_json::from_str(&run.out).unwrap();
        println!("{fail}: {}{summary}", run.err);
        Self { folder, summary }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn count(&self, figure: &str) -> u64 {
        self.summary[figure].as_u64().unwrap_or_default()
    }

    /// Every saga has ended, and all adds up.
    async fn is_over(&self) -> Counts {
        let sagas = &self.summary["sagas"];
        assert_eq!(sagas["waiting"], json!([]));
        let ended = sagas["completed"].as_u64().unwrap() + sagas["compensated"].as_u64().unwrap();
        assert_eq!(ended, self.count("orders") + self.count("returns"));
        let cancelled = self.count("cancelled_out_of_stock")
            + self.count("cancelled_payment_declined")
            + self.count("cancelled_given_up");
        assert_eq!(sagas["compensated"], cancelled);
        assert_eq!(self.count("orders"), self.count("confirmed") + cancelled);
        mailbox::check(&self.data()).await;
        conserved::check(&self.data()).await
    }
}

/// No order is confirmed, and what becomes of the others is what becomes of all of them.
async fn nothing_goes(fail: &str) -> (Shop, Counts) {
    let shop = Shop::replayed(fail);
    let counts = shop.is_over().await;
    assert_eq!(shop.count("confirmed"), 0, "{fail}");
    assert!(shop.count("orders") > 20 && shop.count("returns") > 1, "{}", shop.summary);
    (shop, counts)
}

fn count(counts: &Counts, name: &str) -> usize {
    counts.get(name).copied().unwrap_or_default()
}

#[tokio::test]
async fn a_reservation_that_is_declined_reserves_and_charges_nothing() {
    let (shop, counts) = nothing_goes("reserve=decline").await;
    assert_eq!(shop.count("cancelled_out_of_stock"), shop.count("orders"));
    assert_eq!(count(&counts, "ReservationMade") + count(&counts, "PaymentProcessed"), 0);
}

#[tokio::test]
async fn a_reservation_of_which_nobody_hears_is_released_if_it_was_made() {
    for (fail, is_made) in [
        ("reserve=timeout-before", false),
        ("reserve=timeout-after", true),
        ("reserve=hang", false),
    ] {
        let (shop, counts) = nothing_goes(fail).await;
        assert_eq!(shop.count("cancelled_given_up"), shop.count("orders"), "{fail}");
        let made = count(&counts, "ReservationMade");
        assert_eq!(made > 10, is_made, "{fail}: {made}");
        assert_eq!(count(&counts, "ReservationReleased"), made, "{fail}");
        assert_eq!(count(&counts, "PaymentProcessed"), 0, "{fail}");
    }
}

#[tokio::test]
async fn a_charge_that_is_declined_releases_what_was_reserved() {
    let (shop, counts) = nothing_goes("charge=decline").await;
    assert_eq!(shop.count("cancelled_given_up"), 0);
    let made = count(&counts, "ReservationMade");
    assert!(made > 10 && made as u64 == shop.count("cancelled_payment_declined"), "{made}");
    assert_eq!(count(&counts, "ReservationReleased"), made);
    assert_eq!(count(&counts, "PaymentProcessed"), 0);
}

#[tokio::test]
async fn a_charge_of_which_nobody_hears_is_refunded_if_it_was_made() {
    for (fail, is_made) in
        [("charge=timeout-before", false), ("charge=timeout-after", true), ("charge=hang", false)]
    {
        let (_, counts) = nothing_goes(fail).await;
        let charged = count(&counts, "PaymentProcessed");
        assert_eq!(charged > 10, is_made, "{fail}: {charged}");
        assert_eq!(count(&counts, "PaymentReversed"), charged, "{fail}");
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_confirmed_is_refunded() {
    for how in ["decline", "timeout-before", "timeout-after", "hang"] {
        let (shop, counts) = nothing_goes(&format!("confirm={how}")).await;
        let charged = count(&counts, "PaymentProcessed");
        assert!(charged > 10, "{how}: {charged}");
        assert_eq!(charged as u64, shop.count("cancelled_given_up"), "{how}");
        assert_eq!(count(&counts, "PaymentReversed"), charged, "{how}");
        assert_eq!(count(&counts, "StockTaken"), 0, "{how}");
    }
}

/// Some calls fail and some answers are lost, in both directions. Set `SHOP_SEED` to draw those of an earlier run.
#[tokio::test]
async fn a_step_that_flaps_loses_and_doubles_nothing() {
    for part in ["reserve", "charge", "confirm"] {
        let shop = Shop::replayed(&format!("{part}=flap:0.6"));
        let counts = shop.is_over().await;
        assert!(count(&counts, "OrderConfirmed") > 0, "{part}: {}", shop.summary);
    }
}

/// Nothing answers, in either direction: the sagas wait, and say why. When it answers again, an operator ends them.
#[tokio::test]
async fn a_refund_that_never_goes_through_waits_and_says_why() {
    let shop = Shop::replayed("charge=flap:1");
    let waiting = shop.summary["sagas"]["waiting"].as_array().unwrap();
    assert!(waiting.len() > 10, "{}", shop.summary);
    for saga in waiting {
        let why = saga["why"].as_str().unwrap();
        assert!(why.contains("`charge`: its compensation was tried"), "{saga}");
    }
    let data = shop.data();
    for saga in waiting {
        let saga = saga["saga"].as_str().unwrap();
        let run = program::run(&["saga", "retry", saga, "--data", data.to_str().unwrap()]);
        assert_eq!((run.code, run.out), (Some(0), format!("{saga} compensated\n")), "{}", run.err);
    }
    conserved::check(&data).await;
}

#[test]
fn what_cannot_go_wrong_so_is_a_wrong_command_line() {
    let day = program::day();
    for fail in
        ["ship=decline", "charge", "charge=", "charge=explode", "charge=flap:2", "charge=hang:1"]
    {
        let run = program::replay_run(&[Path::new(&day)], &["--fail", fail]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{fail}");
        assert!(run.err.contains("expected STEP=HOW"), "{fail}: {run:?}");
    }
}
