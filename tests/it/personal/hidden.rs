//! No value and no key is in what is printed: spans, errors with all their sources, and what `Debug` shows.

use std::error::Error;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::rusqlite::Connection;
use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::event;
use freehold::personal::{Forgetting, SealedOptions, SealedStore};
use freehold::testkit::{Faults, FaultyStore};
use freehold::{
    Commit, CommitError, EventStore, Fault, Filter, KeyRing, Personal, Position, Repository, Store,
    SubjectKeys,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use super::fixture::{Account, AccountEvent, SECRET, opened, secret, subject};

/// All that is said, as text.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }

    fn record_error(&mut self, field: &Field, mut value: &(dyn Error + 'static)) {
        loop {
            writeln!(self.0.lock().unwrap(), "{field}={value} {value:?}").unwrap();
            let Some(source) = value.source() else { return };
            value = source;
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Said {
    fn on_new_span(
        &self,
        span: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        span.record(&mut self.clone());
    }

    fn on_record(
        &self,
        _: &tracing::span::Id,
        values: &tracing::span::Record<'_>,
        _: Context<'_, S>,
    ) {
        values.record(&mut self.clone());
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

impl Said {
    fn add(&self, what: impl std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{what:?} {what:#?}").unwrap();
    }

    fn error(&self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            writeln!(self.0.lock().unwrap(), "{error} {error:?}").unwrap();
            next = error.source();
        }
    }
}

/// The beginning of a key in the forms in which somebody could print it: a part of it would be too much.
fn forms(bytes: &[u8]) -> Vec<String> {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    // Of 15 bytes, base 64 is the same whatever follows.
    let bytes = &bytes[..15];
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let list = format!("{bytes:?}");
    vec![
        hex.to_uppercase(),
        hex,
        list[1..list.len() - 1].to_owned(),
        STANDARD.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
        bytes.escape_ascii().to_string(),
    ]
}

/// What is done every day, with customers 1 and 2: the store of it, which is in no trouble yet.
async fn every_day<S>(said: &Said, inner: &S) -> SealedStore<FaultyStore<S>>
where
    S: EventStore + SubjectKeys + Clone,
{
    let store = SealedStore::new(FaultyStore::new(inner.clone(), Faults::seeded(0)));
    let accounts = Repository::<Account>::new(store.clone());
    let open = AccountEvent::Opened { owner: secret(1) };
    said.add(&open);
    accounts
        .execute("a", |_| {
            Ok::<_, String>(vec![open.clone(), AccountEvent::Opened { owner: secret(2) }])
        })
        .await
        .unwrap();
    said.add(accounts.load("a").await.unwrap().state());
    said.add(&accounts);
    said.add(&store);
    said.add(inner);
    let commit = opened("b", 7, 1);
    said.add(&commit);
    said.add(store.seal(commit).await.unwrap());
    said.add(store.read_all(Position::START, &Filter::all(), 9).await.unwrap());
    said.add(inner.rings(&[subject(1), subject(2)]).await.unwrap());
    said.add(SealedOptions::default());
    store
}

/// The wrong type, the wrong key, a store in trouble, news of the forgotten.
async fn in_trouble<S>(said: &Said, inner: &S, store: &SealedStore<FaultyStore<S>>)
where
    S: EventStore + SubjectKeys + Clone,
{
    let wrong =
        format!(r#"{{"owner":{{"~personal":{{"subject":"customer-1","value":["{SECRET}"]}}}}}}"#);
    let name = freehold::EventName::from_static("Opened").unwrap();
    let id = freehold::EventId::new(uuid::Uuid::from_u128(8));
    let new = freehold::NewEvent::new(id, name, wrong);
    let stream = super::fixture::account("c");
    let wrong = Commit::new().append(&stream, freehold::ExpectedVersion::Any, [new]);
    store.commit(wrong).await.unwrap();
    let error = Repository::<Account>::new(store.clone()).load("c").await.unwrap_err();
    said.error(&error);
    let lost = SealedStore::with_keys(
        inner.clone(),
        Arc::new(MemoryStore::new()),
        SealedOptions::default(),
    );
    for event in lost.read_all(Position::START, &Filter::all(), 9).await.unwrap().events {
        said.add(&event);
        if let Err(error) = event::decode::<AccountEvent>(&event) {
            said.error(&error);
        }
    }
    store.inner().lose();
    said.error(&store.commit(opened("d", 9, 3)).await.unwrap_err());
    store.inner().heal();
    said.add(store.forget(&subject(1)).await.unwrap());
    said.add(Forgetting::SubjectForgotten { subject: subject(1) });
    let error = store.commit(opened("e", 10, 1)).await.unwrap_err();
    said.error(&error);
    said.add(error);
    said.add(Personal::<String>::forgotten(subject(1)));
}

/// Does all this, and then `more`; none of it shows what it is about.
async fn nothing_shows<S>(inner: S, more: impl AsyncFnOnce(&Said))
where
    S: EventStore + SubjectKeys + Clone,
{
    let said = Said::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(said.clone()));
    let store = every_day(&said, &inner).await;
    let rings = inner.rings(&[subject(1), subject(2)]).await.unwrap();
    in_trouble(&said, &inner, &store).await;
    more(&said).await;

    let text = said.0.lock().unwrap().clone();
    assert!(text.len() > 5_000 && text.contains("customer-1"), "{}", text.len());
    for part in [&SECRET[..8], "Lovelace", "Square"] {
        assert!(!text.contains(part), "`{part}` was printed");
    }
    for ring in &rings {
        let KeyRing::Keys(keys) = ring else { panic!("no keys: {ring:?}") };
        for form in keys.iter().flat_map(|key| forms(key.bytes())) {
            assert!(!text.contains(&form), "a key was printed");
        }
    }
}

#[tokio::test]
async fn nothing_that_is_printed_shows_a_value_or_a_key() {
    nothing_shows(MemoryStore::new(), async |_| ()).await;
}

/// A trouble of a file, as SQL that makes and SQL that mends it, and which of the calls of [`said_of`] fail in it.
type Trouble = (&'static str, &'static str, [Option<Fault>; 5]);

const TROUBLES: [Trouble; 6] = [
    ("", "", [None; 5]),
    (
        "BEGIN IMMEDIATE",
        "ROLLBACK",
        [Some(Fault::Busy), Some(Fault::Busy), None, Some(Fault::Busy), Some(Fault::Busy)],
    ),
    (
        "ALTER TABLE freehold_subject_keys RENAME TO elsewhere",
        "ALTER TABLE elsewhere RENAME TO freehold_subject_keys",
        [Some(Fault::Other); 5],
    ),
    (
        "CREATE TRIGGER no_events BEFORE INSERT ON freehold_events
            BEGIN SELECT RAISE(ABORT, 'no more events'); END;
         CREATE TRIGGER no_keys BEFORE INSERT ON freehold_subject_keys
            BEGIN SELECT RAISE(ABORT, 'no more keys'); END",
        "DROP TRIGGER no_events; DROP TRIGGER no_keys",
        [Some(Fault::Other), Some(Fault::Other), None, Some(Fault::Other), Some(Fault::Other)],
    ),
    (
        "UPDATE freehold_events SET recorded_at = recorded_at + 9000000000000000000",
        "UPDATE freehold_events SET recorded_at = recorded_at - 9000000000000000000
            WHERE recorded_at > 9000000000000000000",
        [None, None, Some(Fault::Corrupt), None, None],
    ),
    (
        "PRAGMA ignore_check_constraints = ON;
         UPDATE freehold_subject_keys SET key = substr(key, 1, 20)",
        "",
        [Some(Fault::Corrupt), None, Some(Fault::Corrupt), Some(Fault::Corrupt), None],
    ),
];

/// Commits of somebody with a key and of somebody without, a page of the feed, a new key, and a forgetting: what they say, and
/// in which of them SQLite was in trouble.
async fn said_of(said: &Said, inner: &SqliteStore, round: u32) -> [Option<Fault>; 5] {
    // It has no key of before in memory.
    let store = SealedStore::new(inner.clone());
    let [known, new, other] = [2, 10 + round, 100 + round];
    let id = |of: u32| u128::from(1_000 * round + of);
    let of_backend = |error: CommitError| match error {
        CommitError::Backend(error) | CommitError::Unknown(error) => error,
        other => panic!("it is not the store's: {other:?}"),
    };
    let answers = [
        store.commit(opened("f", id(known), known)).await.map(drop).map_err(of_backend),
        store.commit(opened("f", id(new), new)).await.map(drop).map_err(of_backend),
        store.read_all(Position::START, &Filter::all(), 99).await.map(drop),
        store.rotate(&subject(known)).await.map(drop).map_err(of_backend),
        store.forget(&subject(other)).await.map(drop).map_err(of_backend),
    ];
    answers.map(|answer| {
        let error = answer.err()?;
        said.error(&error);
        said.add(&error);
        Some(error.fault())
    })
}

/// The same from a file, whose troubles are those of SQLite.
#[tokio::test]
async fn nothing_that_is_printed_of_a_file_shows_a_value_or_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let [path, no_database] = ["accounts.db", "no.db"].map(|name| folder.path().join(name));
    let options =
        SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() };
    let inner = SqliteStore::open_with(&path, options).await.unwrap();
    nothing_shows(inner.clone(), async |said| {
        for (round, (spoilt, mended, faults)) in (0..).zip(TROUBLES) {
            let other = Connection::open(&path).unwrap();
            other.execute_batch(spoilt).unwrap();
            assert_eq!(said_of(said, &inner, round).await, faults, "{spoilt}");
            other.execute_batch(mended).unwrap();
        }
        std::fs::write(&no_database, SECRET.repeat(200)).unwrap();
        said.error(&SqliteStore::open(&no_database).await.unwrap_err());
    })
    .await;
}
