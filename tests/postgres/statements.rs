//! What is done all the time is one statement, as the server's own log has it.

use freehold::backend::postgres::sqlx::postgres::PgPoolOptions;
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{
    Commit, EventStore, ExpectedVersion, Filter, InboxKey, Position, ReadFrom, RowStore, Store,
};
use futures::future::join_all;

use crate::cluster::Cluster;
use crate::outbox::sends;
use crate::server::{event, one, put, shown, stream};

/// What a connection that comes from the pool is asked; one that is kept for the next group is not.
const IS_OUTSIDE: &str = "SELECT transaction_timestamp() = statement_timestamp()";

/// The log of a server that logs every statement.
struct Statements {
    cluster: Cluster,
    read: usize,
}

impl Statements {
    /// The statements of the store since this was last asked, but for the look at a connection that comes from the pool.
    fn new_ones(&mut self) -> Vec<String> {
        let log = std::fs::read_to_string(self.cluster.log()).unwrap();
        let new = &log[self.read..];
        self.read = log.len();
        let is_statement = |line: &&str| {
            line.starts_with("store|LOG:  execute") || line.starts_with("store|LOG:  statement")
        };
        let others = new.lines().filter(is_statement).filter(|line| !line.contains(IS_OUTSIDE));
        others.map(str::to_owned).collect()
    }

    /// Since this was last asked there was one statement, which does this.
    fn are_one(&mut self, does: &str, of: &str) {
        let new = self.new_ones();
        assert!(matches!(&new[..], [one] if one.contains(does)), "{of}: {new:#?}");
    }
}

#[tokio::test]
async fn a_commit_a_read_of_a_stream_and_a_page_of_the_feed_are_one_statement_each() {
    let cluster = Cluster::start_with(&["log_statement=all", "log_line_prefix=%a|"]);
    let pool = PgPoolOptions::new().max_connections(4);
    let pool = pool.connect_with(cluster.options().application_name("store")).await.unwrap();
    let options = PostgresOptions { notify_interval: None, ..PostgresOptions::default() };
    let store = PostgresStore::open_with(pool, options).await.unwrap();
    store.prepare(&shown()).await.unwrap();
    let mut log = Statements { cluster, read: 0 };
    assert!(log.new_ones().len() > 5, "it has opened, so this sees what is asked");

    let many = Commit::new().append(&stream("b"), ExpectedVersion::NoStream, (100..200).map(event));
    let commits = [
        ("freehold.commit(", "an event", one(1, "a")),
        ("freehold.commit(", "100 events", many),
        (
            "freehold.commit(",
            "a message handled",
            one(2, "a").inbox(InboxKey::new("t", "m").unwrap()),
        ),
        ("freehold.commit_rows(", "rows", one(3, "a").rows([put("a", "1")])),
        ("freehold.commit_and_send(", "messages", sends(4, "a")),
    ];
    for (does, of, commit) in commits {
        let _ = store.commit(commit).await.unwrap();
        log.are_one(does, of);
    }
    for done in join_all((1_000..1_064).map(|n| store.commit(one(n, &n.to_string())))).await {
        let _ = done.unwrap();
    }
    let shared = log.new_ones();
    assert!(shared.iter().all(|statement| statement.contains("freehold.commit(")), "{shared:#?}");
    assert!(shared.len() <= 8, "{} statements for 64 commits that wait", shared.len());

    let page = store.read_stream(&stream("b"), ReadFrom::End, 100).await.unwrap();
    assert_eq!(page.events.len(), 100);
    log.are_one("FROM freehold.events", "a read of a stream");
    let page = store.read_all(Position::START, &Filter::all(), 50).await.unwrap();
    assert_eq!(page.events.len(), 50);
    log.are_one("FROM freehold.events", "a full page of the feed");
    let page = store.read_all(Position::new(60), &Filter::all(), 1_000).await.unwrap();
    assert_eq!(page.events.len(), 107);
    log.are_one("FROM freehold.events", "the last page of the feed");
    let page = store.read_all(page.upto, &Filter::all(), 1_000).await.unwrap();
    assert!(page.events.is_empty());
    log.are_one("FROM freehold.events", "an empty page of the feed");
}
