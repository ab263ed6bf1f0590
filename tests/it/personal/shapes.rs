//! Whatever `serde` can say comes back as it was, also from within other personal data; and is nowhere in plain meanwhile.

use std::collections::BTreeMap;

use freehold::backend::memory::MemoryStore;
use freehold::personal::{SealedOptions, SealedStore};
use freehold::testkit::SeededEntropy;
use freehold::testkit::proptest::prelude::*;
use freehold::testkit::proptest::test_runner::FileFailurePersistence;
use freehold::{
    Commit, DataSubject, Event, EventId, EventStore, ExpectedVersion, Filter, Personal, Position,
    ReadFrom, RowKey, RowSet, RowStore, RowValue, RowWrite, RowsWanted, Store, event,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Box<Shape>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    One { inner: Box<Shape> },
    Two,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Of(Personal<Box<Shape>>),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    own: u8,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rest {
    far: Personal<Box<Shape>>,
}

/// Personal data beside whose mark other fields stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    own: u8,
    #[serde(flatten)]
    who: Personal<Box<Shape>>,
}

/// The same of a tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Contact {
    Person(Personal<Box<Shape>>),
}

/// A value of every kind that JSON can hold, with personal data anywhere in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Unit(Unit),
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Char(char),
    Text(String),
    Optional(Option<Box<Shape>>),
    Newtype(Newtype),
    Tuple(Box<Shape>, u8),
    Struct { left: Box<Shape>, right: Vec<Shape> },
    Map(BTreeMap<String, Shape>),
    Tagged(Tagged),
    Untagged(Untagged),
    Flat(Flat),
    Flattened(Flattened),
    Contact(Contact),
    Personal(Personal<Box<Shape>>),
    Whole(Personal<BTreeMap<String, Option<Shape>>>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum ShapeEvent {
    Struct { of: Shape, and: Personal<Option<Shape>> },
    Newtype(Personal<Shape>),
    Tuple(Shape, Personal<()>),
    Plain(Shape),
}

impl Event for ShapeEvent {
    const CATEGORY: &'static str = "shape";
}

fn subject() -> impl Strategy<Value = DataSubject> {
    prop_oneof!["[a-c]", "[ -~]{1,12}", r#"["\\~{}]{1,6}"#, "\\PC{1,10}"]
        .prop_filter_map("a subject", |name| DataSubject::new(&name).ok())
}

fn personal(
    value: impl Strategy<Value = Shape> + 'static,
) -> impl Strategy<Value = Personal<Box<Shape>>> {
    (subject(), value).prop_map(|(subject, value)| Personal::new(subject, Box::new(value)))
}

fn text() -> impl Strategy<Value = String> {
    // What looks like a mark, in pieces and whole.
    let like = r#"{"~personal":{"subject":"a","value":"b"}}"#;
    prop_oneof!["\\PC{0,20}", Just(like.to_owned()), r#"["~personl:{}\\]{0,30}"#]
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Nothing),
        Just(Shape::Unit(Unit)),
        any::<bool>().prop_map(Shape::Bool),
        any::<i64>().prop_map(Shape::Signed),
        any::<u64>().prop_map(Shape::Unsigned),
        (-1e6..1e6_f64).prop_map(|f| Shape::Float(f.round() / 4.0)),
        any::<char>().prop_map(Shape::Char),
        text().prop_map(Shape::Text),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            prop::option::of(boxed.clone()).prop_map(Shape::Optional),
            boxed.clone().prop_map(|inner| Shape::Newtype(Newtype(inner))),
            (boxed.clone(), any::<u8>()).prop_map(|(inner, n)| Shape::Tuple(inner, n)),
            (boxed.clone(), prop::collection::vec(inner.clone(), 0..3))
                .prop_map(|(left, right)| Shape::Struct { left, right }),
            prop::collection::btree_map(text(), inner.clone(), 0..3).prop_map(Shape::Map),
            boxed.prop_map(|inner| Shape::Tagged(Tagged::One { inner })),
            Just(Shape::Tagged(Tagged::Two)),
            personal(inner.clone()).prop_map(|of| Shape::Untagged(Untagged::Of(of))),
            text().prop_map(|text| Shape::Untagged(Untagged::Text(text))),
            personal(inner.clone())
                .prop_map(|far| Shape::Flat(Flat { own: 1, rest: Rest { far } })),
            personal(inner.clone()).prop_map(|who| Shape::Flattened(Flattened { own: 1, who })),
            personal(inner.clone()).prop_map(|who| Shape::Contact(Contact::Person(who))),
            personal(inner.clone()).prop_map(Shape::Personal),
            (subject(), prop::collection::btree_map(text(), prop::option::of(inner), 0..3))
                .prop_map(|(subject, map)| Shape::Whole(Personal::new(subject, map))),
        ]
    })
}

fn events() -> impl Strategy<Value = Vec<ShapeEvent>> {
    let event = prop_oneof![
        (shape(), subject(), prop::option::of(shape())).prop_map(|(of, subject, and)| {
            ShapeEvent::Struct { of, and: Personal::new(subject, and) }
        }),
        (subject(), shape()).prop_map(|(s, shape)| ShapeEvent::Newtype(Personal::new(s, shape))),
        (shape(), subject()).prop_map(|(of, s)| ShapeEvent::Tuple(of, Personal::new(s, ()))),
        shape().prop_map(ShapeEvent::Plain),
    ];
    prop::collection::vec(event, 1..6)
}

/// A store with small caches: what is known is forgotten while it is needed.
fn store(seed: u64) -> SealedStore<MemoryStore> {
    let (entropy, cached_subjects_max) = (SeededEntropy::new(seed), 1 + (seed % 3) as usize);
    let options = SealedOptions {
        entropy: std::sync::Arc::new(entropy),
        cached_subjects_max,
        ..SealedOptions::default()
    };
    SealedStore::with_options(MemoryStore::new(), options)
}

/// No payload has an open mark, whatever is written in it.
fn is_sealed(json: &[u8]) -> bool {
    fn holds(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(fields) => {
                let body = fields.get("~personal");
                let is_open =
                    body.is_some_and(|b| b.get("subject").is_some() && b.get("value").is_some());
                is_open || fields.values().any(holds)
            }
            serde_json::Value::Array(items) => items.iter().any(holds),
            _ => false,
        }
    }
    !holds(&serde_json::from_slice(json).unwrap())
}

async fn round_trip(events: Vec<ShapeEvent>, seed: u64) {
    let store = store(seed);
    let stream = event::stream::<ShapeEvent>("1").unwrap();
    let new: Vec<_> = (1_u128..)
        .zip(&events)
        .map(|(n, of)| event::encode(of, EventId::new(Uuid::from_u128(n))).unwrap())
        .collect();
    let set = RowSet::new("shapes").unwrap();
    store.prepare(&set).await.unwrap();
    let rows = (0..).zip(&new).map(|(n, event)| {
        let key = RowKey::new(&format!("{n:03}")).unwrap();
        RowWrite::put(&set, &key, RowValue::from_json(event.data().clone()).unwrap())
    });
    let commit = Commit::new()
        .append(&stream, ExpectedVersion::NoStream, new.iter().cloned())
        .rows(rows.collect::<Vec<_>>());
    assert!(!store.commit(commit.clone()).await.unwrap().is_duplicate());

    // In the store itself, nothing is open.
    let page = store
        .inner()
        .read_stream(&stream, ReadFrom::After(freehold::StreamVersion::NONE), 99)
        .await
        .unwrap();
    assert!(page.events.iter().all(|event| is_sealed(event.data())));
    let all = RowsWanted::Page { prefix: "".into(), after: None, limit: 99 };
    let kept = store.inner().rows(&set, &all, None).await.unwrap();
    assert!(kept.rows.iter().all(|row| is_sealed(row.value.json())));

    // Another handle, with no keys in its cache.
    let other = SealedStore::new(store.inner().clone());
    let read = other.read_all(Position::START, &Filter::all(), 99).await.unwrap().events;
    let rows = other.rows(&set, &all, None).await.unwrap().rows;
    assert_eq!((read.len(), rows.len()), (new.len(), new.len()));
    for ((recorded, new), row) in read.iter().zip(&new).zip(&rows) {
        assert_eq!(recorded.data(), new.data(), "an event, byte for byte");
        assert_eq!(row.value.json(), new.data(), "a row, byte for byte");
    }
    let typed: Vec<ShapeEvent> = read.iter().map(|event| event::decode(event).unwrap()).collect();
    assert_eq!(typed, events);
    assert!(other.commit(commit).await.unwrap().is_duplicate(), "a repetition is recognised");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None::<Box<FileFailurePersistence>>.map(|it| it as _),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_shape_comes_back_as_it_was(events in events(), seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(round_trip(events, seed));
    }

    /// What is no JSON, or JSON that looks like personal data and is none, is left as it is.
    #[test]
    fn payloads_of_others_come_back_as_they_were(
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            r#"["~personal{}:\\\\ ,subjectvalue1]{0,60}"#.prop_map(String::into_bytes),
            shape().prop_map(|shape| serde_json::to_vec_pretty(&shape).unwrap()),
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let store = store(1);
            let stream = event::stream::<ShapeEvent>("1").unwrap();
            let name = freehold::EventName::from_static("Any").unwrap();
            let event = freehold::NewEvent::new(EventId::new(Uuid::from_u128(1)), name, payload.clone());
            store.commit(Commit::new().append(&stream, ExpectedVersion::Any, [event])).await.unwrap();
            let page = store.read_stream(&stream, ReadFrom::End, 1).await.unwrap();
            let same = |a: &[u8], b: &[u8]| {
                let json = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
                a == b || (json(a).is_some() && json(a) == json(b))
            };
            assert!(same(page.events[0].data(), &payload), "{payload:?}");
        });
    }
}

/// A value of any type can be personal.
#[test]
fn a_value_of_any_type_can_be_marked() {
    fn same<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
        let marked = Personal::new(DataSubject::new("s").unwrap(), value);
        let json = serde_json::to_string(&marked).unwrap();
        assert_eq!(serde_json::from_str::<Personal<T>>(&json).unwrap(), marked, "{json}");
    }
    same(());
    same(None::<String>);
    same(Some(7_u8));
    same(vec![1.5, -2.0]);
    same(BTreeMap::from([("a".to_owned(), 'x')]));
    same(Personal::new(DataSubject::new("t").unwrap(), Unit));
}

/// JSON of anybody can be nested as deep as it is long, and must not take the stack with it.
#[tokio::test]
async fn personal_data_within_personal_data_goes_so_deep_and_no_deeper() {
    let nested = |times: usize| {
        let open = r#"{"~personal":{"subject":"a","value":"#.repeat(times);
        format!("{open}1{}", "}}".repeat(times))
    };
    let key = RowKey::new("a").unwrap();
    let set = RowSet::new("shapes").unwrap();
    let store = store(1);
    store.prepare(&set).await.unwrap();
    let put = async |json: String| {
        let row = RowWrite::put(&set, &key, RowValue::from_json(json).unwrap());
        store.commit(Commit::new().rows([row])).await
    };
    put(nested(16)).await.unwrap();
    let all = RowsWanted::Page { prefix: "".into(), after: None, limit: 9 };
    let read =
        async |rows: &dyn RowStore| rows.rows(&set, &all, None).await.unwrap().rows.remove(0);
    assert!(is_sealed(read(store.inner()).await.value.json()));
    assert_eq!(read(&store).await.value.json(), nested(16).as_bytes());
    for times in [17, 20_000] {
        let refused = put(nested(times)).await.unwrap_err();
        assert!(format!("{refused:?}").contains("TooDeep"), "{times}: {refused:?}");
    }
    assert_eq!(read(&store).await.value.json(), nested(16).as_bytes());
}
