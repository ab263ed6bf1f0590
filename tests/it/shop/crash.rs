//! `kill -9`, and resuming.
//!
//! A moment is drawn as a service and a number of events that it shall have: the process is killed as soon as
//! that many are seen, whatever it is doing by then. A kill counts if it hit: some invoices had ended, and
//! some had not. After some kills on one folder the replay runs to its end, and must say what an undisturbed
//! one says. Set `SHOP_SEED` to draw the moments of an earlier run.

use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use freehold::{EventStore, Position};
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::{conserved, kill, log, mailbox, oracle, program, stores};

/// With sagas.
const KILLS: usize = 50;
/// How often it is looked whether a letter has come: sooner than the commit behind it can have waited for the disk.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// So long a replay does nothing only if it waits in vain.
const PATIENCE: Duration = Duration::from_mins(2);
/// Without anybody who directs; as many as with sagas if `FREEHOLD_HEAVY` is set.
const KILLS_UNDIRECTED: usize = 10;
const KILLS_PER_FOLDER: usize = 5;
const INVOICES: usize = 143;

struct Shop {
    folder: tempfile::TempDir,
    concurrency: String,
    /// What goes wrong on purpose until it is resumed.
    fail: Vec<&'static str>,
    mode: &'static str,
}

impl Shop {
    /// A shop that has replayed nothing: its databases are there, to be looked into from the beginning.
    fn new(concurrency: u32) -> Self {
        Self::going(concurrency, "saga")
    }

    /// The same in this mode.
    fn going(concurrency: u32, mode: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.csv");
        let header =
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
        std::fs::write(&empty, header).unwrap();
        program::replay(&[&empty], &["--data", folder.path().to_str().unwrap()]);
        Self { folder, concurrency: concurrency.to_string(), fail: Vec::new(), mode }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn options(&self) -> [&str; 6] {
        let data = self.path().to_str().unwrap();
        ["--data", data, "--concurrency", &self.concurrency, "--mode", self.mode]
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
    killed_and_resumed("saga", KILLS, KILLS_PER_FOLDER).await;
}

/// The broker in memory goes with each kill, and all that it had is published again.
#[tokio::test(flavor = "multi_thread")]
async fn a_choreography_killed_at_many_moments_ends_with_the_same_figures_and_letters() {
    let is_heavy = std::env::var_os("FREEHOLD_HEAVY").is_some_and(|value| value != "0");
    let kills = if is_heavy { KILLS } else { KILLS_UNDIRECTED };
    killed_and_resumed("choreography", kills, KILLS_UNDIRECTED).await;
}

/// Order has others: what it remembers of an invoice is written down in another way.
#[tokio::test(flavor = "multi_thread")]
async fn with_and_without_a_driver_the_other_services_have_as_many_events() {
    let ((_, directed), (_, undirected)) =
        (undisturbed("saga").await, undisturbed("choreography").await);
    assert_eq!(log::SERVICES[0], "order");
    assert_eq!(undirected[1..], directed[1..]);
}

/// How many events each service has after a replay that nobody kills, and how many of them are its own.
type Events = ([u64; log::SERVICES.len()], [usize; log::SERVICES.len()]);

/// Such a replay, once for all tests.
async fn undisturbed(mode: &'static str) -> Events {
    static SAGA: OnceCell<Events> = OnceCell::const_new();
    static CHOREOGRAPHY: OnceCell<Events> = OnceCell::const_new();
    let known = if mode == "saga" { &SAGA } else { &CHOREOGRAPHY };
    let replay = || async {
        let shop = Shop::going(1, mode);
        assert_eq!(shop.resume(), oracle::figures(&[&program::day()], 100, "500").to_json());
        (stores::heads(shop.path()).await, stores::business(shop.path()).await)
    };
    *known.get_or_init(replay).await
}

async fn killed_and_resumed(mode: &'static str, kills: usize, kills_per_folder: usize) {
    let (totals, business) = undisturbed(mode).await;
    let expected = oracle::figures(&[&program::day()], 100, "500").to_json();
    let mut rng = Rng::with_seed(kill::seed());
    let (mut hits, mut misses) = (0, 0);
    while hits < kills {
        let shop = Shop::going(1, mode);
        for kill in 0..kills_per_folder {
            let hit = shop.kill(&mut rng, totals, kills_per_folder - kill).await;
            *(if hit { &mut hits } else { &mut misses }) += 1;
        }
        assert_eq!(shop.resume(), expected, "after {hits} kills that hit");
        assert_eq!(shop.finished().await, INVOICES);
        let counts = stores::business(shop.path()).await;
        assert_eq!(counts, business, "not an event more or less");
        conserved::check(shop.path()).await;
        mailbox::check(shop.path()).await;
        assert!(misses < 4 * kills, "{misses} of {} kills missed", hits + misses);
    }
    println!("{hits} kills hit, {misses} missed");
}

/// With many invoices under way, many are open when the process dies.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_killed_and_resumed_ends_every_invoice_once() {
    mailbox::check(crowd_killed_and_resumed("saga", 6).await.path()).await;
}

/// With many messages under way, many are in the broker, or were handed out and not handled.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_nobody_directs_is_killed_and_ends_every_invoice_once() {
    mailbox::check(crowd_killed_and_resumed("choreography", 4).await.path()).await;
}

async fn crowd_killed_and_resumed(mode: &'static str, kills: usize) -> Shop {
    let day = program::day();
    let expected = oracle::figures(&[&day], 100, "500");
    let mut rng = Rng::with_seed(kill::seed());
    let (totals, _) = undisturbed(mode).await;
    let shop = Shop::going(16, mode);
    let mut hits = 0;
    for kill in 0..kills {
        hits += usize::from(shop.kill(&mut rng, totals, kills - kill).await);
    }
    assert!(hits > 0, "every kill missed");
    let summary: serde_json::Value = serde_json::from_str(&shop.resume()).unwrap();
    assert_eq!(shop.finished().await, INVOICES);
    expected.check_order_independent(&summary);
    conserved::check(shop.path()).await;
    shop
}

/// The letter is there, and nobody has written down that it is: the moment in which it could come twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_posting_is_cut_off_is_there_once() {
    a_letter_is_there_once("saga").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_nobody_directs_and_whose_posting_is_cut_off_is_there_once() {
    a_letter_is_there_once("choreography").await;
}

async fn a_letter_is_there_once(mode: &'static str) {
    let shop = Shop::going(16, mode);
    let (mut between, mut kills) = (0, 0);
    // A few are enough where each comes in between; more where the disk is faster than a look.
    while shop.finished().await < INVOICES && kills < 12 && (kills < 3 || between == 0) {
        let target = mailbox::count(shop.path()) + 8;
        let mut process = shop.program().spawn().unwrap();
        let posting = async {
            while process.try_wait().unwrap().is_none() && mailbox::count(shop.path()) < target {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        let posted = tokio::time::timeout(PATIENCE, posting).await;
        assert!(posted.is_ok(), "the replay neither ends nor writes letters, after {kills} kills");
        process.kill().await.unwrap();
        let known = log::events(&stores::open(shop.path(), "notification").await).await.len();
        between += usize::from(mailbox::count(shop.path()) > known);
        kills += 1;
    }
    assert!(between > 0, "no kill came between a letter and its mark, of {kills}");
    shop.resume();
    assert_eq!(shop.finished().await, INVOICES);
    mailbox::check(shop.path()).await;
}

/// Killed in the middle of refunds and releases, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_flaps_and_is_killed_loses_nothing() {
    let mut rng = Rng::with_seed(kill::seed());
    let (totals, _) = undisturbed("saga").await;
    let mut hits = 0;
    for fail in ["charge=flap:0.7", "confirm=decline"] {
        let shop = Shop { fail: vec!["--fail", fail], ..Shop::new(16) };
        for kill in 0..4 {
            hits += usize::from(shop.kill(&mut rng, totals, 4 - kill).await);
        }
        shop.resume();
        assert_eq!(shop.finished().await, INVOICES, "{fail}");
        conserved::check(shop.path()).await;
        mailbox::check(shop.path()).await;
    }
    assert!(hits > 0, "every kill missed");
}
