//! `kill -9`, and resuming.
//!
//! A moment is drawn as a service and a number of events that it shall have: the process is killed as soon as
//! that many are seen, whatever it is doing by then. A kill counts if it hit: some invoices had ended, and
//! some had not. After some kills on one folder the replay runs to its end, and must say what an undisturbed
//! one says. Set `SHOP_SEED` to draw the moments of an earlier run.

use std::path::Path;

use fastrand::Rng;
use freehold::{EventStore, Position};
use tokio::process::Command;

use super::{conserved, kill, log, oracle, program, stores};

const KILLS: usize = 50;
const KILLS_PER_FOLDER: usize = 5;
const INVOICES: usize = 143;

struct Shop {
    folder: tempfile::TempDir,
    concurrency: String,
    /// What goes wrong on purpose until it is resumed.
    fail: Vec<&'static str>,
}

impl Shop {
    /// A shop that has replayed nothing: its databases are there, to be looked into from the beginning.
    fn new(concurrency: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.csv");
        let header =
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
        std::fs::write(&empty, header).unwrap();
        program::replay(&[&empty], &["--data", folder.path().to_str().unwrap()]);
        Self { folder, concurrency: concurrency.to_string(), fail: Vec::new() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn options(&self) -> [&str; 4] {
        ["--data", self.path().to_str().unwrap(), "--concurrency", &self.concurrency]
    }

    fn program(&self) -> Command {
        let day = program::day();
        let args = ["replay", day.to_str().unwrap(), "--json"];
        program::command(&[&args[..], &self.options(), &self.fail].concat()).into()
    }

    fn resume(&self) -> String {
        program::replay(&[&program::day()], &self.options())
    }

    async fn finished(&self) -> usize {
        log::finished(&stores::open(self.path(), "order").await).await
    }

    /// Starts the replay and kills it at a moment before about `ahead` more events of a service; `true` if
    /// some invoices had ended by then, and some had not.
    async fn kill(
        &self,
        rng: &mut Rng,
        totals: [u64; log::SERVICES.len()],
        kills_left: usize,
    ) -> bool {
        let service = rng.usize(..log::SERVICES.len());
        let store = stores::open(self.path(), log::SERVICES[service]).await;
        let head = store.head().await.unwrap().get();
        let ahead = (totals[service].saturating_sub(head) / kills_left as u64).max(1);
        let target = Position::new(head + rng.u64(1..=ahead));
        kill::run_until(&store, target, self.program()).await;
        (1..INVOICES).contains(&self.finished().await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_killed_at_50_moments_ends_with_the_same_figures() {
    let undisturbed = Shop::new(1);
    let expected = undisturbed.resume();
    assert_eq!(expected, oracle::figures(&[&program::day()], 100, "500").to_json());
    let totals = stores::heads(undisturbed.path()).await;
    let business = stores::business(undisturbed.path()).await;
    let mut rng = Rng::with_seed(kill::seed());
    let (mut hits, mut misses) = (0, 0);
    while hits < KILLS {
        let shop = Shop::new(1);
        for kill in 0..KILLS_PER_FOLDER {
            let hit = shop.kill(&mut rng, totals, KILLS_PER_FOLDER - kill).await;
            *(if hit { &mut hits } else { &mut misses }) += 1;
        }
        assert_eq!(shop.resume(), expected, "after {hits} kills that hit");
        assert_eq!(shop.finished().await, INVOICES);
        let counts = stores::business(shop.path()).await;
        assert_eq!(counts, business, "not an event more or less");
        conserved::check(shop.path()).await;
        assert!(misses < 4 * KILLS, "{misses} of {} kills missed", hits + misses);
    }
    println!("{hits} kills hit, {misses} missed");
}

/// With many invoices under way, many are open when the process dies.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_killed_and_resumed_ends_every_invoice_once() {
    let day = program::day();
    let expected = oracle::figures(&[&day], 100, "500");
    let mut rng = Rng::with_seed(kill::seed());
    let undisturbed = Shop::new(1);
    undisturbed.resume();
    let totals = stores::heads(undisturbed.path()).await;
    let shop = Shop::new(16);
    let mut hits = 0;
    for kill in 0..6 {
        hits += usize::from(shop.kill(&mut rng, totals, 6 - kill).await);
    }
    assert!(hits > 0, "every kill missed");
    let summary: serde_json::Value = serde_json::from_str(&shop.resume()).unwrap();
    assert_eq!(shop.finished().await, INVOICES);
    expected.check_order_independent(&summary);
    conserved::check(shop.path()).await;
}

/// Killed in the middle of refunds and releases, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_flaps_and_is_killed_loses_nothing() {
    let mut rng = Rng::with_seed(kill::seed());
    let undisturbed = Shop::new(1);
    undisturbed.resume();
    let totals = stores::heads(undisturbed.path()).await;
    let mut hits = 0;
    for fail in ["charge=flap:0.7", "confirm=decline"] {
        let shop = Shop { fail: vec!["--fail", fail], ..Shop::new(16) };
        for kill in 0..4 {
            hits += usize::from(shop.kill(&mut rng, totals, 4 - kill).await);
        }
        shop.resume();
        assert_eq!(shop.finished().await, INVOICES, "{fail}");
        conserved::check(shop.path()).await;
    }
    assert!(hits > 0, "every kill missed");
}
