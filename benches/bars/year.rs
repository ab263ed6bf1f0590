//! The shop: a synthetic year of invoices at concurrency 64, by the example's own program.
//!
//! The year is the three days of the data set 62 times, the invoice numbers followed by `-1` to `-62`.
//! `FREEHOLD_RETAIL_DAYS` names the days' files, with `:` between them; without it the bundled day stands
//! in for all three. The floor writes the very rows that the shop has just written, all of its events and letters, with the same
//! guards and in the same transactions, one transaction at a time: its files grow as ours do. It keeps no views up, no
//! states of sagas and no search index.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use freehold::{EventId, EventName, NewEvent, StreamId};
use rusqlite::Connection;

use crate::bare;
use crate::harness::{Bar, interleave, rate, syncs, tell_syncs};

const TIMES: usize = 62;

pub(crate) fn run() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let year = dir.path().join("year.csv");
    let invoices = write_year(&days(), &year);
    let shop = build_shop();
    let data = dir.path().join("data");
    let mut peak_kib = 0;
    let mut ours = || {
        let _ = std::fs::remove_dir_all(&data);
        peak_kib = replay(&shop, &year, &data, invoices).max(peak_kib);
        rate(invoices, took(&data))
    };
    let mut floor = || one_at_a_time(&data, invoices);
    let rates = interleave(&mut [&mut ours, &mut floor, &mut syncs]);
    println!("year: {invoices} invoices, at most {} MiB of memory", peak_kib >> 10);
    let what = "year: the shop at concurrency 64";
    let floor = "the same rows, one bare transaction at a time";
    let holds = Bar { what, floor, at_least: 6.0, unit: "invoices/s" }.judge(&rates[0], &rates[1]);
    tell_syncs(&rates[2]);
    holds
}

fn days() -> Vec<PathBuf> {
    if let Some(days) = std::env::var_os("FREEHOLD_RETAIL_DAYS") {
        return std::env::split_paths(&days).collect();
    }
    let bundled = "examples/shop/data/2010-12-01.csv";
    vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(bundled); 3]
}

/// Writes the year, and returns how many invoices it has.
fn write_year(days: &[PathBuf], to: &Path) -> usize {
    let mut out = csv::Writer::from_path(to).unwrap();
    let mut numbers = std::collections::HashSet::new();
    for (n, day) in days.iter().enumerate() {
        // The same day again is another day.
        let again = days[..n].iter().filter(|earlier| *earlier == day).count();
        let rows: Vec<csv::StringRecord> =
            csv::Reader::from_path(day).unwrap().records().map(Result::unwrap).collect();
        if n == 0 {
            out.write_record(csv::Reader::from_path(day).unwrap().headers().unwrap()).unwrap();
        }
        for k in 1..=TIMES {
            for row in &rows {
                let number = format!("{}-{}", &row[0], k + again * TIMES);
                let fields = std::iter::once(number.as_str()).chain(row.iter().skip(1));
                out.write_record(fields).unwrap();
                if !numbers.contains(&number) {
                    numbers.insert(number);
                }
            }
        }
    }
    out.flush().unwrap();
    numbers.len()
}

/// The example, built as users build it.
fn build_shop() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let build = ["build", "--quiet", "--release", "--example", "shop", "--manifest-path", manifest];
    assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    let bench = std::env::current_exe().unwrap();
    bench.parent().unwrap().parent().unwrap().join("examples").join("shop")
}

/// Replays the year, and returns the most memory that was seen in use, in KiB.
fn replay(shop: &Path, year: &Path, data: &Path, invoices: usize) -> u64 {
    let mut child = Command::new(shop)
        .arg("replay")
        .arg(year)
        .args(["--stock", "1000000", "--card-limit", "1000000", "--concurrency", "64", "--json"])
        .arg("--data")
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
        peak_kib = kib.unwrap_or(0).max(peak_kib);
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["invoices"], invoices);
    if std::env::var_os("FREEHOLD_RETAIL_DAYS").is_some() && invoices == 25_916 {
        assert_eq!(summary["confirmed"], 21_824);
        assert_eq!(summary["revenue"], "9526478.56");
    }
    peak_kib
}

/// From the first event to the last: the floor neither checks the file before nor sums up after.
fn took(data: &Path) -> Duration {
    let span = |file: &str| {
        let conn = Connection::open(data.join(file)).unwrap();
        let sql = "SELECT min(recorded_at), max(recorded_at) FROM freehold_events";
        conn.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap()
    };
    let spans = SERVICES.map(span);
    let began = *spans.iter().map(|(first, _)| first).min().unwrap();
    let ended = *spans.iter().map(|(_, last)| last).max().unwrap();
    Duration::from_micros(ended.abs_diff(began))
}

struct Row {
    stream: StreamId,
    event: NewEvent,
    metadata: String,
    cause: String,
}

const SERVICES: [&str; 6] =
    ["order.db", "inventory.db", "payment.db", "users.db", "products.db", "notification.db"];
const PAGE_ROWS: i64 = 50_000;

/// Writes all that the shop wrote, commit by commit, service by service. Reading it back does not count.
fn one_at_a_time(data: &Path, invoices: usize) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let mut took = Duration::ZERO;
    for file in SERVICES {
        let written = Connection::open(data.join(file)).unwrap();
        let conn = bare::connect(&dir.path().join(file));
        let (mut after, mut rows) = (0, Vec::new());
        loop {
            let has_more = read_rows(&written, &mut after, &mut rows);
            // The last commit of a page may go on in the next one.
            let last = rows.chunk_by(same_commit).last().filter(|_| has_more);
            let whole = rows.len() - last.map_or(0, <[Row]>::len);
            let began = Instant::now();
            rows[..whole].chunk_by(same_commit).for_each(|commit| write(&conn, commit));
            took += began.elapsed();
            rows.drain(..whole);
            if !has_more {
                break;
            }
        }
    }
    rate(invoices, took + write_letters(&data.join("mailbox"), dir.path()))
}

/// Writes the letters one after the other, each as durably as the shop does.
fn write_letters(from: &Path, to: &Path) -> Duration {
    let letters = std::fs::read_dir(from).unwrap().map(|letter| letter.unwrap().path());
    letters
        .map(|letter| {
            let text = std::fs::read(&letter).unwrap();
            let name = letter.file_name().unwrap().to_str().unwrap();
            let (unfinished, done) = (to.join(format!("{name}.tmp")), to.join(name));
            let began = Instant::now();
            let mut file = File::create(&unfinished).unwrap();
            file.write_all(&text).unwrap();
            file.sync_all().unwrap();
            std::fs::rename(&unfinished, &done).unwrap();
            File::open(to).unwrap().sync_all().unwrap();
            began.elapsed()
        })
        .sum()
}

fn same_commit(one: &Row, next: &Row) -> bool {
    one.cause == next.cause
}

/// Reads some more rows; `false` at the end.
fn read_rows(conn: &Connection, after: &mut i64, rows: &mut Vec<Row>) -> bool {
    let sql = "SELECT event_id, category, stream, name, data, coalesce(metadata, '{}'),
                      coalesce(metadata ->> 'causation', hex(event_id)), position
               FROM freehold_events WHERE position > ?1 ORDER BY position LIMIT ?2";
    let mut select = conn.prepare_cached(sql).unwrap();
    let mut found = select.query([*after, PAGE_ROWS]).unwrap();
    let before = rows.len();
    while let Some(row) = found.next().unwrap() {
        rows.push(read_row(row));
        *after = row.get(7).unwrap();
    }
    rows.len() > before
}

fn read_row(row: &rusqlite::Row<'_>) -> Row {
    let text = |column| row.get::<_, String>(column).unwrap();
    let id = EventId::new(uuid::Uuid::from_slice(&row.get::<_, Vec<u8>>(0).unwrap()).unwrap());
    let data: Vec<u8> = row.get(4).unwrap();
    Row {
        stream: StreamId::new(&text(1), text(2)).unwrap(),
        event: NewEvent::new(id, EventName::new(&text(3)).unwrap(), data),
        metadata: text(5),
        cause: text(6),
    }
}

/// One transaction, with the guards of the shop.
fn write(conn: &Connection, commit: &[Row]) {
    let run = |sql| conn.prepare_cached(sql).unwrap().execute([]).unwrap();
    run("BEGIN IMMEDIATE");
    for row in commit {
        let newest = bare::newest(conn, &row.stream);
        bare::insert(conn, &row.stream, newest, [(&row.event, Some(&*row.metadata))]);
    }
    run("COMMIT");
}
