//! Files of made-up invoices, by a seed.

use std::path::{Path, PathBuf};

use fastrand::Rng;

const COLUMNS: [&str; 9] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
    "Remark",
];
/// Codes that look alike, and one that is empty.
const CODES: [&str; 9] = ["85123A", "85123a", "22086", " 22086", "D", "", "ä,ö", "100%", "a\tb"];
const DESCRIPTIONS: [&str; 5] = ["", "LANTERN", "METAL, WHITE", "7\" FRAME", "two\nlines"];
const PRICES: [&str; 8] = ["0", "0.0", "2.55", "1.333", "007.10", "0.0001", "-1.5", "12"];
const CUSTOMERS: [&str; 3] = ["", "17850.0", "12345"];

/// Writes two files with rows of about `invoices` invoices, some of which go on later, in the other file too.
pub(super) fn write(folder: &Path, seed: u64, invoices: usize) -> [PathBuf; 2] {
    let mut rng = Rng::with_seed(seed);
    let mut rows = Vec::new();
    for number in 0..invoices {
        let kind = ["", "", "", "", "C", "A", "c"][rng.usize(..7)];
        let number = format!("{kind}{}", 536_365 + number);
        for _ in 0..rng.usize(1..5) {
            rows.push(row(&mut rng, &number));
        }
    }
    // Some rows move to another place: their invoices are in pieces.
    for _ in 0..rows.len() / 8 {
        let (from, to) = (rng.usize(..rows.len()), rng.usize(..rows.len()));
        let row = rows.remove(from);
        rows.insert(to, row);
    }
    let half = rng.usize(..rows.len());
    [("first.csv", &rows[..half]), ("second.csv", &rows[half..])].map(|(name, rows)| {
        let path = folder.join(name);
        write_file(&path, rows, &mut rng);
        path
    })
}

fn row(rng: &mut Rng, number: &str) -> [String; COLUMNS.len()] {
    let units = match rng.u8(..40) {
        0 => 0,
        1 => -rng.i64(1..5),
        2 => 100,
        _ => rng.i64(1..30),
    };
    let units = if number.starts_with('C') { -units } else { units };
    let price = match rng.u8(..30) {
        0 => PRICES[6],
        n => PRICES[usize::from(n) % 6],
    };
    [
        number.to_owned(),
        CODES[rng.usize(..CODES.len())].to_owned(),
        DESCRIPTIONS[rng.usize(..DESCRIPTIONS.len())].to_owned(),
        units.to_string(),
        "2010-12-01 08:26:00".to_owned(),
        price.to_owned(),
        CUSTOMERS[rng.usize(..CUSTOMERS.len())].to_owned(),
        "United Kingdom".to_owned(),
        "of no interest".to_owned(),
    ]
}

/// Writes rows with the columns in any order, and lines that end either way.
fn write_file(path: &Path, rows: &[[String; COLUMNS.len()]], rng: &mut Rng) {
    let mut order: Vec<usize> = (0..COLUMNS.len()).collect();
    rng.shuffle(&mut order);
    let end = if rng.bool() { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let mut file = csv::WriterBuilder::new().terminator(end).from_path(path).unwrap();
    file.write_record(order.iter().map(|at| COLUMNS[*at])).unwrap();
    for row in rows {
        file.write_record(order.iter().map(|at| &row[*at])).unwrap();
    }
    file.flush().unwrap();
}
