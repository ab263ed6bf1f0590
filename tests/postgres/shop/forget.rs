//! A customer is forgotten on a server: no row of any table holds what the shop knew of them, and the figures are as they were.

use std::collections::BTreeMap;

use freehold::backend::postgres::sqlx::postgres::PgConnection;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, ConnectOptions};
use freehold::{DataSubject, KeyRing, SubjectKeys};

use super::log::DATABASES;
use super::shops::Shop;

/// What the shop knows of 17850, as text that stands nowhere else.
const KNOWN: [&str; 3] = ["Customer 17850", "c17850@example.invalid", "Ada Lovelace"];

/// A sale, one that is more than there is, one of somebody else, and a return.
const ROWS: &str = "1,A,LAMP,4,2010-12-01 08:26:00,2.5,17850.0,UK\n2,A,LAMP,99,d,2.5,17850.0,UK\n\
    3,B,RUG,2,d,7,13047.0,UK\nC4,A,LAMP,-1,2010-12-02,2.5,17850.0,UK\n";

/// The databases in which something is said of a customer.
const OF_CUSTOMERS: [&str; 3] = ["order", "users", "reads"];

fn subject() -> DataSubject {
    DataSubject::new("customer-17850").unwrap()
}

/// All that the shop's databases hold, row for row as text, by database and table. Bytes are shown as hexadecimal digits.
async fn tables(shop: &Shop) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for service in DATABASES {
        let mut database = shop.database(service).connect().await.unwrap();
        let names = "SELECT format('%I.%I', n.nspname, c.relname)
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'm')
                AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
        let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut database).await.unwrap();
        for name in names {
            let rows = rows(&mut database, &name).await;
            all.insert(format!("{service} {name}"), rows);
        }
    }
    all
}

async fn rows(database: &mut PgConnection, table: &str) -> Vec<String> {
    let rows = AssertSqlSafe(format!("SELECT t::text FROM {table} AS t"));
    sqlx::query_scalar(rows).fetch_all(database).await.unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The tables that hold something, as text or as bytes.
async fn holding(shop: &Shop, what: &[u8]) -> Vec<String> {
    let (text, bytes) = (String::from_utf8_lossy(what), hex(what));
    let holds = |row: &String| row.contains(&*text) || row.contains(&bytes);
    let tables = tables(shop).await.into_iter();
    tables.filter(|(_, rows)| rows.iter().any(holds)).map(|(table, _)| table).collect()
}

/// The keys of 17850 in a database, if they were not forgotten.
async fn keys(shop: &Shop, service: &str) -> Option<Vec<Vec<u8>>> {
    let store = shop.store(service).await;
    let ring = store.inner().rings(&[subject()]).await.unwrap().remove(0);
    let KeyRing::Keys(keys) = ring else { return None };
    Some(keys.iter().map(|key| key.bytes().to_vec()).collect())
}

/// What is left in a database of the keys of 17850: their numbers, of which 0 says that there is none.
async fn numbers(shop: &Shop, service: &str) -> Vec<i32> {
    let mut database = shop.database(service).connect().await.unwrap();
    let schema = "SELECT format('%I', schemaname) FROM pg_tables WHERE tablename = 'subject_keys'";
    let schema: String = sqlx::query_scalar(schema).fetch_one(&mut database).await.unwrap();
    let numbers = format!("SELECT number FROM {schema}.subject_keys WHERE subject = $1 ORDER BY 1");
    let numbers = sqlx::query_scalar(AssertSqlSafe(numbers)).bind("customer-17850");
    numbers.fetch_all(&mut database).await.unwrap()
}

fn print(shop: &Shop, args: &[&str]) -> String {
    let run = shop.run(args);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{args:?}");
    run.out
}

fn of_customer(shop: &Shop) -> String {
    print(shop, &["report", "--customer", "17850"])
}

#[tokio::test]
async fn a_customer_is_forgotten_in_every_table_and_the_figures_stay() {
    let shop = Shop::new();
    let file = shop.file(ROWS);
    let figures = shop.replay(&[&file], &[]);
    print(&shop, &["rename", "17850", KNOWN[2]]);
    let (report, before) = (print(&shop, &["report"]), of_customer(&shop));
    let named = before.matches("Ada Lovelace <c17850@example.invalid>").count();
    assert!(named >= 2, "{before}");
    // It is sealed from the first row, and opened for those who may read it.
    for what in KNOWN {
        assert_eq!(holding(&shop, what.as_bytes()).await, [""; 0], "{what}");
    }
    // What is there is found, as text and as bytes.
    let mut all_keys = Vec::new();
    for service in OF_CUSTOMERS {
        let keys = keys(&shop, service).await.unwrap();
        let [key] = keys.as_slice() else { panic!("{service}: {} keys", keys.len()) };
        let found = holding(&shop, key).await;
        assert!(found.len() == 1 && found[0].starts_with(service), "{found:?}");
        all_keys.push(key.clone());
    }
    assert!(holding(&shop, b"customer-17850").await.len() > OF_CUSTOMERS.len());

    for again in 0..2 {
        assert_eq!(print(&shop, &["forget", "17850"]), "17850 is forgotten\n", "the {again}. time");
    }
    for what in KNOWN {
        assert_eq!(holding(&shop, what.as_bytes()).await, [""; 0], "{what}");
    }
    for key in &all_keys {
        assert_eq!(holding(&shop, key).await, [""; 0], "a key is still there");
    }
    for service in OF_CUSTOMERS {
        assert_eq!(keys(&shop, service).await, None, "{service}");
        assert_eq!(numbers(&shop, service).await, [0], "{service}");
    }

    let text = of_customer(&shop);
    let forgotten =
        before.replace("Ada Lovelace <c17850@example.invalid>", "(forgotten) <(forgotten)>");
    assert_eq!(text, forgotten);
    // Among all customers, there is a number without a name.
    let report = report.replace(KNOWN[2], &" ".repeat(KNOWN[2].len()));
    assert_eq!(print(&shop, &["report"]), report);
    assert_eq!(shop.replay(&[&file], &[]), figures);
    // The views say the same when they are read from the logs anew, and nobody else was forgotten.
    for view in ["order_summary", "order_details", "order_history", "revenue", "stock"] {
        print(&shop, &["rebuild", view]);
    }
    assert_eq!((of_customer(&shop), print(&shop, &["report"])), (text, report));
    let other = print(&shop, &["report", "--customer", "13047"]);
    assert!(other.contains("Customer 13047 <c13047@example.invalid>"), "{other}");
    for what in KNOWN {
        assert_eq!(holding(&shop, what.as_bytes()).await, [""; 0], "{what}");
    }
}
