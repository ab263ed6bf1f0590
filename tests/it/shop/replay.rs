//! What a replay says.

use std::path::Path;

use super::oracle::{self, Figures};
use super::{invoices, program};

/// The table of the bundled day, to the unit and the penny.
#[test]
fn the_bundled_day_has_the_known_figures() {
    let expected = "{\"invoices\":143,\"orders\":136,\"confirmed\":100,\"cancelled_out_of_stock\":28,\
        \"cancelled_payment_declined\":8,\"returns\":6,\"rejected\":1,\"units_sold\":8349,\
        \"units_restocked\":183,\"revenue\":\"18622.5\",\"refunded\":\"325.23\",\"skus\":1351,\
        \"stock_on_hand\":126934}\n";
    assert_eq!(program::replay(&[&program::day()], &[]), expected);
    assert_eq!(oracle::figures(&[&program::day()], 100, "500").to_json(), expected);
}

#[test]
fn the_bundled_day_under_other_settings_is_as_the_rules_say() {
    for (stock, limit) in [("7", "50"), ("0", "500"), ("1000000", "0"), ("30", "123.45")] {
        let expected = oracle::figures(&[&program::day()], stock.parse().unwrap(), limit);
        let options = ["--stock", stock, "--card-limit", limit];
        assert_eq!(
            program::replay(&[&program::day()], &options),
            expected.to_json(),
            "{options:?}"
        );
    }
}

/// Codes that look alike, invoices in pieces and over two files, nonsense, all decimals, all quotes.
#[test]
fn made_up_invoices_are_settled_as_the_rules_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Figures::default();
    for seed in 0..12 {
        let [first, second] = invoices::write(folder.path(), seed, 40);
        let files: [&Path; 2] = [&first, &second];
        let (stock, limit) =
            [(100, "500"), (40, "60.5"), (7, "20")][usize::try_from(seed).unwrap() % 3];
        let expected = oracle::figures(&files, stock, limit);
        let options = ["--stock", &stock.to_string(), "--card-limit", limit];
        assert_eq!(program::replay(&files, &options), expected.to_json(), "seed {seed}");
        seen.out_of_stock += expected.out_of_stock;
        seen.declined += expected.declined;
        seen.returns += expected.returns;
        seen.rejected += expected.rejected;
        seen.confirmed += expected.confirmed;
    }
    let Figures { out_of_stock, declined, returns, rejected, confirmed, .. } = seen;
    assert!(
        [out_of_stock, declined, returns, rejected, confirmed].iter().all(|n| *n > 5),
        "{seen:?}"
    );
}

/// Exactly enough is enough, for goods and for money; one too many is too many.
#[test]
fn limits_are_met_exactly() {
    let header =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exact.csv");
    let confirmed = |rows: &str| {
        std::fs::write(&file, format!("{header}{rows}")).unwrap();
        let out = program::replay(&[&file], &["--stock", "10", "--card-limit", "5.0"]);
        let summary: serde_json::Value = serde_json::from_str(&out).unwrap();
        (summary["confirmed"].as_u64(), summary["revenue"].as_str().map(str::to_owned))
    };
    for (rows, expected) in [
        ("1,A,,6,d,0.5,,UK\n1,A,,4,d,0.5,,UK\n", (1, "5")),
        ("1,A,,6,d,0.4,,UK\n1,A,,5,d,0.4,,UK\n", (0, "0")),
        ("1,A,,10,d,0.50000000000000000000000000000000000000001,,UK\n", (0, "0")),
        (
            "1,A,,10,d,0.49999999999999999999999999999999999999999,,UK\n",
            (1, "4.9999999999999999999999999999999999999999"),
        ),
        ("1,A,,10,d,0,,UK\n", (1, "0")),
    ] {
        assert_eq!(confirmed(rows), (Some(expected.0), Some(expected.1.to_owned())), "{rows}");
    }
}

/// Sums that no machine number holds.
#[test]
fn absurd_amounts_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("absurd.csv");
    let header =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    let most = i64::MIN;
    let rows: String = ["C1", "C1", "C2"]
        .map(|number| format!("{number},A,,{most},d,79228162514264337593543950335.7,1,UK\n"))
        .concat();
    std::fs::write(&file, format!("{header}{rows}")).unwrap();
    let out = program::replay(&[&file], &[]);
    assert!(out.contains("\"units_restocked\":27670116110564327424,"), "{out}");
    // Three times 2^63 times the price.
    assert!(
        out.contains("\"refunded\":\"2192252455996354377305527249066123494650729516236.8\""),
        "{out}"
    );
    assert!(out.contains("\"stock_on_hand\":27670116110564327524}"), "{out}");
}

#[test]
fn the_program_alone_prints_the_table_and_what_to_try_next() {
    let run = program::run(&[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for line in [
        "invoices                                     143",
        "18622.5",
        "What to try next",
        "--data",
    ] {
        assert!(run.out.contains(line), "{line}: {}", run.out);
    }
}

#[test]
fn a_wrong_command_line_ends_with_code_2() {
    let day = program::day();
    let day = day.to_str().unwrap();
    for args in [
        &["replay"][..],
        &["replay", day, "--stock", "-1"],
        &["replay", day, "--stock", "many"],
        &["replay", day, "--card-limit", "1e3"],
        &["replay", day, "--card-limit", "-5"],
        &["replay", day, "--concurrency", "0"],
        &["ship", "536365"],
        &["sell"],
    ] {
        let run = program::run(args);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{args:?}");
    }
}
