//! No value and no key is in what is printed: spans, errors with all their sources, and what `Debug` shows.

use std::error::Error;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use freehold::backend::memory::MemoryStore;
use freehold::event;
use freehold::personal::{Forgetting, SealedOptions, SealedStore};
use freehold::testkit::{Faults, FaultyStore};
use freehold::{
    Commit, EventStore, Filter, KeyRing, Personal, Position, Repository, Store, SubjectKeys,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use super::fixture::{Account, AccountEvent, SECRET, appended, opened, secret, subject};

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

/// A key in the forms in which somebody could print it.
fn forms(bytes: &[u8]) -> Vec<String> {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let list = format!("{bytes:?}");
    vec![
        hex.to_uppercase(),
        hex,
        list[1..list.len() - 1].to_owned(),
        STANDARD.encode(bytes)[..40].to_owned(),
        URL_SAFE_NO_PAD.encode(bytes)[..40].to_owned(),
    ]
}

#[tokio::test]
async fn nothing_that_is_printed_shows_a_value_or_a_key() {
    let said = Said::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(said.clone()));
    let inner = MemoryStore::new();
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
    said.add(&inner);
    let commit = opened("b", 7, 1);
    said.add(&commit);
    said.add(store.seal(commit).await.unwrap());
    said.add(store.read_all(Position::START, &Filter::all(), 9).await.unwrap());
    let rings = inner.rings(&[subject(1), subject(2)]).await.unwrap();
    said.add(&rings);
    said.add(SealedOptions::default());

    // The wrong type, the wrong key, a store in trouble, news of the forgotten.
    let wrong =
        format!(r#"{{"owner":{{"~personal":{{"subject":"customer-1","value":["{SECRET}"]}}}}}}"#);
    let name = freehold::EventName::from_static("Opened").unwrap();
    let id = freehold::EventId::new(uuid::Uuid::from_u128(8));
    let new = freehold::NewEvent::new(id, name, wrong);
    let stream = super::fixture::account("c");
    let wrong = Commit::new().append(&stream, freehold::ExpectedVersion::Any, [new]);
    store.commit(wrong).await.unwrap();
    let error = accounts.load("c").await.unwrap_err();
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
    let error = store.commit(appended("e", 10, &open)).await.unwrap_err();
    said.error(&error);
    said.add(error);
    said.add(Personal::<String>::forgotten(subject(1)));

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
