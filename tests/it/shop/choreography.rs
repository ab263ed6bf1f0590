//! The same business without a driver, in memory between the services: the same figures, and the same second run.

use std::fs;
use std::path::{Path, PathBuf};

use super::{commands, conserved, invoices, log, mailbox, oracle, program, stores};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const MODE: [&str; 2] = ["--mode", "choreography"];

fn replay(files: &[&Path], options: &[&str]) -> String {
    program::replay(files, &[&MODE, options].concat())
}

/// A shop with one invoice of each kind: 1 is confirmed, 2 out of stock, 3 declined, C4 a return, 5 rejected.
fn small(folder: &Path) -> (PathBuf, String) {
    let file = folder.join("file.csv");
    let rows = "1,A,LAMP,4,d,2.5,17850.0,UK\n1,B,RUG,1,d,7,17850.0,UK\n2,A,LAMP,99,d,2.5,,UK\n\
                3,B,RUG,2,d,700,,UK\nC4,A,LAMP,-1,d,2.5,17850.0,UK\n5,A,LAMP,0,d,2.5,,UK\n";
    fs::write(&file, format!("{HEADER}{rows}")).unwrap();
    (file, folder.join("data").to_str().unwrap().to_owned())
}

/// And every confirmation once; and nothing changes when the same files come again.
#[tokio::test]
async fn the_bundled_day_has_the_known_figures_and_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--data", folder.path().to_str().unwrap()];
    let expected = oracle::figures(&[&program::day()], 100, "500");
    assert_eq!(replay(&[&program::day()], &options), expected.to_json());
    let (heads, letters) = (stores::heads(folder.path()).await, mailbox::letters(folder.path()));
    mailbox::check(folder.path()).await;
    assert_eq!(letters.len() as u64, expected.confirmed);
    conserved::check(folder.path()).await;
    assert_eq!(replay(&[&program::day()], &options), expected.to_json());
    assert_eq!(stores::heads(folder.path()).await, heads);
    assert_eq!(mailbox::letters(folder.path()), letters);
}

/// Codes that look alike, invoices in pieces and over two files, nonsense, all decimals; some now, and the rest in a second run.
#[test]
fn made_up_invoices_are_settled_as_the_rules_say_also_in_two_runs() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, stock, limit) in [(21, "40", "60.5"), (22, "7", "20")] {
        let (mut files, mut now) = (Vec::new(), Vec::new());
        for part in 0..2 {
            let place = folder.path().join(format!("{seed}-{part}"));
            fs::create_dir(&place).unwrap();
            for file in invoices::write(&place, seed + 10 * part, 25) {
                // The numbers of each part are its own.
                let text = fs::read_to_string(&file).unwrap();
                fs::write(&file, text.replace("536", &format!("{part}36"))).unwrap();
                files.push(file);
            }
            now.push(files.len());
        }
        let data = folder.path().join(format!("{seed}-data"));
        let options = ["--data", data.to_str().unwrap(), "--stock", stock, "--card-limit", limit];
        for upto in now {
            let files: Vec<&Path> = files[..upto].iter().map(PathBuf::as_path).collect();
            let expected = oracle::figures(&files, stock.parse().unwrap(), limit).to_json();
            assert_eq!(replay(&files, &options), expected, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn another_mode_terms_or_rows_are_refused_and_nothing_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = small(folder.path());
    let other = folder.path().join("other.csv");
    fs::write(&other, format!("{HEADER}new,A,LAMP,1,d,1,,UK\n1,A,LAMP,5,d,2.5,17850.0,UK\n"))
        .unwrap();
    replay(&[&file], &["--data", &data]);
    let heads = stores::heads(Path::new(&data)).await;
    for (file, options, expected) in [
        (&file, &["--mode", "saga"][..], "--mode: expected choreography"),
        (&file, &["--mode", "choreography", "--stock", "101"], "--stock: expected 100"),
        (&file, &["--mode", "choreography", "--card-limit", "5"], "--card-limit: expected 500"),
        (&other, &MODE, "expected the same rows"),
    ] {
        let run = program::replay_run(&[file], &[&["--data", &data], options].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(expected), "{run:?}");
        assert_eq!(stores::heads(Path::new(&data)).await, heads);
    }
    // What was rejected has gone no way, and a shipping is a saga in both.
    assert_eq!(program::run(&["ship", "1", "T1", "--data", &data]).code, Some(0));
    replay(&[&file], &["--data", &data]);
    let sagas = folder.path().join("sagas");
    let sagas = ["--data", sagas.to_str().unwrap()];
    program::replay(&[&file], &sagas);
    let run = program::replay_run(&[&file], &[&MODE[..], &sagas].concat());
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert!(run.err.contains("--mode: expected saga"), "{run:?}");
}

#[test]
fn what_does_not_go_together_is_refused_with_code_2() {
    let day = program::day();
    let day = day.to_str().unwrap();
    let choreography = ["replay", day, "--mode", "choreography"];
    for (args, why) in [
        (&["replay", day, "--broker", "memory"][..], "--broker: expected --mode choreography"),
        (&[&choreography[..], &["--fail", "charge=hang"]].concat(), "--fail: expected --mode saga"),
        (&[&choreography[..], &["--broker", "amqp://h"]].concat(), "--broker: expected --data"),
        (&[&choreography[..], &["--broker", "kafka://h"]].concat(), "expected memory, nats://"),
        (&[&choreography[..], &["--broker", "nats://h"]].concat(), "--broker: expected --data"),
        (&[&choreography[..], &["--store", "postgres://h/d"]].concat(), "--mailbox: expected"),
        (&["replay", day, "--store", "postgres://h/d"], "--mailbox: expected"),
        (&["ship", "1", "T1", "--store", "postgres://h/d"], "--mailbox: expected"),
        (&["saga", "retry", "1", "--store", "postgres://h/d"], "--mailbox: expected"),
        (&["replay", day, "--mode", "orchestra"], "invalid value"),
    ] {
        let run = program::run(args);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{args:?} {run:?}");
        assert!(run.err.contains(why), "{args:?} {run:?}");
    }
}

/// Nine codes for all: every invoice wants what the others want.
#[tokio::test(flavor = "multi_thread")]
async fn many_at_a_time_keep_what_must_hold() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = invoices::write(folder.path(), 100, 80);
    let day = program::day();
    let (few, all): ([&Path; 2], [&Path; 1]) = ([&first, &second], [&day]);
    for (files, stock, limit, name) in [(&few[..], 60, "80", "few"), (&all, 7, "50", "day")] {
        let data = folder.path().join(name);
        let stock_text = stock.to_string();
        let options = [
            ["--data", data.to_str().unwrap()],
            ["--stock", &stock_text],
            ["--card-limit", limit],
            ["--concurrency", "16"],
        ];
        let out = replay(files, &options.concat());
        let expected = oracle::figures(files, stock.into(), limit);
        expected.check_order_independent(&serde_json::from_str(&out).unwrap());
        let orders = stores::open(&data, "order").await;
        assert_eq!(log::finished(&orders).await as u64, expected.invoices);
        conserved::check(&data).await;
        mailbox::check(&data).await;
    }
}

#[test]
fn the_timeline_tells_who_knew_what_because_of_what() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = small(folder.path());
    replay(&[&file], &["--data", &data]);
    // The users and the catalogue have the time that the others take.
    let lines = |invoice: &str| -> Vec<String> {
        let run = program::run(&["timeline", invoice, "--data", &data]);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
        let (first, rest) = run.out.split_once('\n').unwrap();
        assert!(first.starts_with(&format!("{invoice}, which began at 20")), "{first}");
        let took = |line: &str| -> u64 {
            line.strip_prefix("T+").unwrap().split(' ').next().unwrap().parse().unwrap()
        };
        assert!(rest.lines().map(took).is_sorted(), "{rest}");
        let words = |line: &str| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
        let all = rest.lines().map(words);
        all.filter(|line| !line.starts_with("users") && !line.starts_with("products")).collect()
    };
    assert_eq!(
        lines("3"),
        [
            "order OrderPlaced → shop.order.placed.v1",
            "inventory shop.order.placed.v1: ReservationMade, StockReserved → shop.stock.reserved.v1",
            "payment shop.stock.reserved.v1: PaymentFailed → shop.payment.failed.v1",
            "inventory shop.payment.failed.v1: ReservationReleased, StockReleased → shop.stock.released.v1",
            "order shop.stock.released.v1: OrderCancelled → shop.order.cancelled.v1",
        ]
    );
    assert_eq!(
        lines("C4"),
        [
            "order ReturnAnnounced → shop.return.announced.v1",
            "payment shop.return.announced.v1: PaymentRefunded, Debited, Credited → shop.payment.refunded.v1",
            "order shop.payment.refunded.v1: → shop.return.paid.v1",
            "inventory shop.return.paid.v1: GoodsRestocked, StockReturned → shop.stock.restocked.v1",
            "order shop.stock.restocked.v1: ReturnCompleted → shop.return.completed.v1",
        ]
    );
    let mut confirmed = lines("1");
    // These two know of it at the same time.
    confirmed[4..].sort();
    assert_eq!(
        confirmed,
        [
            "order OrderPlaced → shop.order.placed.v1",
            "inventory shop.order.placed.v1: ReservationMade, 2 × StockReceived, 2 × StockReserved → shop.stock.reserved.v1",
            "payment shop.stock.reserved.v1: PaymentProcessed, Debited, Credited → shop.payment.processed.v1",
            "order shop.payment.processed.v1: OrderConfirmed → shop.order.confirmed.v1",
            "inventory shop.order.confirmed.v1: ReservationTaken, 2 × StockTaken → shop.stock.taken.v1",
            "notification shop.order.confirmed.v1: ConfirmationMailed → shop.confirmation.mailed.v1",
        ]
    );
    assert_eq!(lines("5"), ["order InvoiceRejected"]);
    let run = program::run(&["timeline", "6", "--data", &data]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.err.contains("there is no invoice 6"), "{run:?}");
}

/// Each service has a log of its own, and what it does is below what it has heard.
#[test]
fn history_is_one_tree_over_the_services_by_the_messages_between_them() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = small(folder.path());
    replay(&[&file], &["--data", &data]);
    let history =
        |invoice: &str| commands::tree(&program::run(&["history", invoice, "--data", &data]).out);
    assert_eq!(
        history("3"),
        [
            "invoice 3",
            "└─ place",
            "   ├─ order OrderPlaced",
            "   └─ shop.order.placed.v1",
            "      ├─ inventory ReservationMade",
            "      ├─ inventory StockReserved",
            "      └─ shop.stock.reserved.v1",
            "         ├─ payment PaymentFailed",
            "         └─ shop.payment.failed.v1",
            "            ├─ inventory ReservationReleased",
            "            ├─ inventory StockReleased",
            "            └─ shop.stock.released.v1",
            "               └─ order OrderCancelled",
        ]
    );
    // Order says something there of which it keeps no event.
    assert_eq!(
        history("C4"),
        [
            "invoice C4",
            "└─ announce",
            "   ├─ order ReturnAnnounced",
            "   └─ shop.return.announced.v1",
            "      ├─ payment PaymentRefunded",
            "      ├─ payment Debited",
            "      ├─ payment Credited",
            "      └─ shop.payment.refunded.v1",
            "         └─ shop.return.paid.v1",
            "            ├─ inventory GoodsRestocked",
            "            ├─ inventory StockReturned",
            "            └─ shop.stock.restocked.v1",
            "               └─ order ReturnCompleted",
        ]
    );
}

/// Nobody says anything there, and yet it is seen who knew what when.
#[test]
fn the_timeline_of_a_saga_has_what_has_happened() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = small(folder.path());
    program::replay(&[&file], &["--data", &data]);
    let run = program::run(&["timeline", "1", "--data", &data]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let told = |line: &str| line.ends_with(" notification ConfirmationMailed");
    assert_eq!(run.out.lines().filter(|line| told(line)).count(), 1, "{}", run.out);
    let run = program::run(&["timeline", "3", "--data", &data]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    assert!(!run.out.contains("notification"), "{}", run.out);
    let order: Vec<_> = run.out.lines().filter(|line| line.contains(" order ")).collect();
    assert!(
        order[0].ends_with(" OrderPlaced") && order[1].ends_with(" OrderCancelled"),
        "{order:?}"
    );
    assert!(run.out.contains(" ReservationReleased, StockReleased\n"), "{}", run.out);
}
