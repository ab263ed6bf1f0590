//! Those who read a stream: loads, states as they were, commands, units of work, and whoever decodes by hand.

use chrono::{DateTime, Utc};
use freehold::aggregate::{AsOf, ExecuteError, WorkError};
use freehold::event;
use freehold::{
    CorruptRecord, EventStore, EventStoreExt, Fault, Filter, Position, Repository, StreamVersion,
    UnitOfWork,
};

use super::ledger::{
    Account, DAMAGES, Entry, POSITION, SOUND, assert_names_the_place, causes, six,
};
use super::place::Tables;

fn version(n: u64) -> AsOf {
    AsOf::Version(StreamVersion::new(n))
}

/// A load, and a state as it was, up to the record and beyond it.
pub(crate) async fn a_load_of_a_spoilt_record_names_its_place(tables: &impl Tables) {
    six(&tables.store().await).await;
    for (name, data, misfit) in DAMAGES {
        tables.put(POSITION, name, data).await;
        let accounts = Repository::<Account>::new(tables.store().await);
        for _ in 0..2 {
            let Err(ExecuteError::Event(error)) = accounts.load("a").await else {
                panic!("{name} was read")
            };
            assert_names_the_place(&error, misfit);
        }
        assert_eq!(accounts.load("b").await.unwrap().cents, 60);
        let later = DateTime::<Utc>::from_timestamp(8_000_000_000, 0).unwrap();
        let beyond =
            [version(2), version(9), AsOf::Position(Position::new(3)), AsOf::Moment(later)];
        for as_of in beyond {
            let Err(ExecuteError::Event(error)) = accounts.load_as_of("a", as_of).await else {
                panic!("{name} was read as of {as_of:?}")
            };
            assert_names_the_place(&error, misfit);
        }
        for (as_of, cents) in [
            (version(1), 1),
            (AsOf::Position(Position::new(2)), 1),
            (AsOf::Moment(DateTime::UNIX_EPOCH), 0),
        ] {
            assert_eq!(accounts.load_as_of("a", as_of).await.unwrap().cents, cents);
        }
    }
    tables.put(POSITION, SOUND.0, SOUND.1).await;
    let accounts = Repository::<Account>::new(tables.store().await);
    assert_eq!(accounts.load("a").await.unwrap().cents, 6);
}

/// From before it to it, from before it to behind it, and from behind it on.
pub(crate) async fn changes_over_a_spoilt_record_name_its_place(tables: &impl Tables) {
    six(&tables.store().await).await;
    for (name, data, misfit) in DAMAGES {
        tables.put(POSITION, name, data).await;
        let accounts = Repository::<Account>::new(tables.store().await);
        for (from, to) in [(0, 2), (1, 3), (2, 3), (3, 3)] {
            let changes = accounts.changes("a", version(from), version(to)).await;
            let Err(ExecuteError::Event(error)) = changes else {
                panic!("{name} was read from {from} to {to}")
            };
            assert_names_the_place(&error, misfit);
        }
        let before = accounts.changes("a", version(0), version(1)).await.unwrap();
        assert_eq!((before.after().cents, before.events().len()), (1, 1));
    }
}

/// Nothing is decided on a state that is not the whole one.
pub(crate) async fn a_command_on_a_spoilt_record_names_its_place_and_writes_nothing(
    tables: &impl Tables,
) {
    let head = six(&tables.store().await).await.position();
    for (name, data, misfit) in DAMAGES {
        tables.put(POSITION, name, data).await;
        let store = tables.store().await;
        let accounts = Repository::<Account>::new(store.clone());
        let paid = accounts.execute("a", |_| Account::pay(5)).await;
        let Err(ExecuteError::Event(error)) = paid else { panic!("{name} was read") };
        assert_names_the_place(&error, misfit);
        let moved = UnitOfWork::new(store.clone())
            .run(async |work| {
                work.execute(&accounts, "b", |_| Account::pay(-5)).await?;
                work.execute(&accounts, "a", |_| Account::pay(5)).await?;
                Ok(())
            })
            .await;
        let Err(WorkError::Event(error)) = moved else { panic!("{name} was read") };
        assert_names_the_place(&error, misfit);
        assert_eq!(store.head().await.unwrap(), head);
    }
}

/// A page of the feed is whole; who decodes it is told.
pub(crate) async fn a_reader_of_the_feed_is_told_of_a_spoilt_record(tables: &impl Tables) {
    six(&tables.store().await).await;
    for (name, data, misfit) in DAMAGES {
        tables.put(POSITION, name, data).await;
        let store = tables.store().await;
        let page = store.read_all(Position::START, &Filter::all(), 100).await.unwrap();
        assert_eq!((page.events.len(), page.upto.get()), (6, 6));
        let stream = event::stream::<Entry>("a").unwrap();
        assert_eq!(store.read_tail(&stream, StreamVersion::NONE).await.unwrap().len(), 3);
        for record in &page.events {
            match event::decode_all::<Entry>(record) {
                Err(error) => assert_names_the_place(&error, misfit),
                Ok(_) => assert_ne!(record.position().get(), POSITION, "{name}"),
            }
        }
    }
    // What means nothing today is no damage.
    tables.put(POSITION, "Viewed", b"nonsense").await;
    let accounts = Repository::<Account>::new(tables.store().await);
    let account = accounts.load("a").await.unwrap();
    assert_eq!((account.cents, account.version().get()), (4, 3));
}

/// What is beside the payload is the store's business: it tells where it is, and never what it says.
pub(crate) async fn a_record_that_is_no_event_is_named_by_its_place_and_nothing_of_it_is_told(
    tables: &impl Tables,
) {
    six(&tables.store().await).await;
    tables.put_metadata(POSITION, r#"{"actor":["top secret"]}"#).await;
    let store = tables.store().await;
    let accounts = Repository::<Account>::new(store.clone());
    let Err(ExecuteError::Read(of_stream)) = accounts.load("a").await else {
        panic!("it was read")
    };
    let of_feed = store.read_all(Position::START, &Filter::all(), 100).await.unwrap_err();
    for error in [of_stream, of_feed] {
        assert_eq!(error.fault(), Fault::Corrupt);
        let record = causes(&error).into_iter().find_map(|cause| cause.downcast_ref());
        let Some(record): Option<&CorruptRecord> = record else { panic!("{error:?}") };
        let place = (record.stream.as_str(), record.version.get(), record.position.get());
        assert_eq!(place, ("account-a", 2, POSITION));
        assert!(!format!("{error}{record}").contains("secret"), "{record}");
    }
    assert_eq!(accounts.load("b").await.unwrap().cents, 60);
}
