//! V3 for values: what JSON would give back as another one is not written, and what it gives back is the same to the last bit.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::samples::{generator, id, record, recorded, written};
use crate::event::exact::{to_raw, to_row};
use crate::event::{Event, EventError, Misfit, Upcasts, decode, encode};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Held<T> {
    One(T),
    Two(u8, T),
    Named { name: T, list: Vec<T> },
}

impl<T> Event for Held<T>
where
    T: Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static,
{
    const CATEGORY: &'static str = "held";
}

fn all<T: Clone>(value: &T) -> [Held<T>; 4] {
    [
        Held::One(value.clone()),
        Held::Two(1, value.clone()),
        Held::Named { name: value.clone(), list: vec![] },
        Held::Named { name: value.clone(), list: vec![value.clone(), value.clone()] },
    ]
}

fn assert_refused<E: Event + Debug>(event: &E) {
    let error = written(event).expect_err(&format!("{event:?} is written"));
    assert!(matches!(error, EventError::Encode { .. }), "{event:?}: {error:?}");
}

fn assert_kept<E: Event + Debug + PartialEq>(event: &E) {
    let new = encode(event, id()).unwrap_or_else(|error| panic!("{event:?}: {error:?}"));
    assert_eq!(decode::<E>(&record(new)).unwrap(), *event);
}

/// Wherever such a value stands in an event, and as a state or a view of its own.
fn never_written<T>(value: &T)
where
    T: Clone + Debug + Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static,
{
    all(value).iter().for_each(assert_refused);
    assert!(to_row(value).is_err() && to_raw(value).is_err(), "{value:?}");
    let map = BTreeMap::from([("key".to_owned(), (0, value.clone()))]);
    assert_refused(&Held::One(map));
}

#[test]
fn a_number_that_json_has_not_is_refused_wherever_it_stands() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        never_written(&number);
        never_written(&Some(number));
        never_written(&vec![1.0, number]);
        never_written(&(number, "a".to_owned()));
        assert_refused(&Held::One(BTreeMap::from([(1, number)])));
    }
    never_written(&f32::NAN);
    never_written(&Some(f32::INFINITY));
    never_written(&[Some(Some(f32::NEG_INFINITY))]);
}

#[test]
fn something_that_reads_as_nothing_is_refused() {
    never_written(&Some(None::<u8>));
    never_written(&Some(Some(None::<u8>)));
    never_written(&Some(()));
    never_written(&Some(Value::Null));
    never_written(&Some(Box::new(None::<String>)));
    for fine in [None, Some(Some(1_u8))] {
        all(&fine).iter().for_each(assert_kept);
    }
    all(&Some(vec![None::<u8>])).iter().for_each(assert_kept);
    all(&Some(Value::from(vec![Value::Null]))).iter().for_each(assert_kept);
}

/// Who says how `null` is read is believed, as far as it is so.
#[test]
#[expect(clippy::option_option, reason = "it is how a change to nothing is told from no change")]
fn a_type_that_reads_null_as_it_writes_it_is_kept() {
    fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<u8>>, D::Error> {
        Option::deserialize(from).map(Some)
    }
    fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
    #[derive(Debug, Serialize, Deserialize)]
    enum Told {
        Changed {
            #[serde(
                default,
                skip_serializing_if = "Option::is_none",
                deserialize_with = "present"
            )]
            to: Option<Option<u8>>,
        },
        Measured(#[serde(deserialize_with = "number")] f64),
    }
    impl Event for Told {
        const CATEGORY: &'static str = "told";
    }
    for (event, data) in [
        (Told::Changed { to: None }, "{}"),
        (Told::Changed { to: Some(None) }, r#"{"to":null}"#),
        (Told::Changed { to: Some(Some(7)) }, r#"{"to":7}"#),
        (Told::Measured(f64::NAN), "null"),
    ] {
        assert_eq!(written(&event).unwrap().1, data);
    }
    // It would read as NaN.
    assert_refused(&Told::Measured(f64::INFINITY));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wide {
    n: u128,
    below: i128,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Kind {
    Wide(Wide),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    narrow: Narrow,
    #[serde(flatten)]
    more: HashMap<String, u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Narrow {
    n: u64,
    below: i64,
}

fn flat(more: &[&str]) -> Held<Flat> {
    let more = more.iter().zip(1..).map(|(key, n)| ((*key).to_owned(), n)).collect();
    Held::One(Flat { id: 1, narrow: Narrow { n: u64::MAX, below: i64::MIN }, more })
}

/// What `serde` sets aside until it knows what it is for has no integers of 128 bits.
#[test]
fn an_integer_of_128_bits_is_refused_only_where_it_would_not_be_read() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Flattened {
        #[serde(flatten)]
        wide: Wide,
    }
    for n in [0, 7, i128::MAX, i128::MIN] {
        let wide = Wide { n: n.unsigned_abs(), below: n };
        assert_kept(&Held::One(wide.clone()));
        assert_kept(&Held::One(vec![Some(wide.clone())]));
        assert_refused(&Held::One(Kind::Wide(wide.clone())));
        assert_refused(&Held::One(Flattened { wide }));
    }
}

/// Whether an event is written. If so, it reads as itself.
fn check<E: Event + Debug + PartialEq>(event: &E) -> bool {
    match encode(event, id()) {
        Ok(new) => {
            assert_eq!(decode::<E>(&record(new)).unwrap(), *event);
            true
        }
        Err(EventError::Encode { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_flattened_field_with_the_name_of_another_is_refused() {
    for taken in ["id", "n", "below"] {
        assert_refused(&flat(&["a", taken]));
    }
    // In whatever order a map gives what it holds.
    for _ in 0..100 {
        assert_kept(&flat(&["a", "b", "c", "d", "e", "f", "g", "h"]));
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Nest {
    Leaf,
    List(Vec<Self>),
    Named { next: Option<Box<Self>> },
    Pair(u8, Box<Self>),
    Keyed(BTreeMap<u8, Self>),
}

impl Event for Nest {
    const CATEGORY: &'static str = "nest";
}

/// `serde_json` writes as deep as one likes, and reads to a depth of 127.
#[test]
fn what_is_too_deep_to_be_read_is_not_written() {
    let wrap: [fn(Nest) -> Nest; 4] = [
        |within| Nest::List(vec![within]),
        |within| Nest::Named { next: Some(Box::new(within)) },
        |within| Nest::Pair(1, Box::new(within)),
        |within| Nest::Keyed(BTreeMap::from([(1, within)])),
    ];
    let mut counts = [0, 0];
    for wrap in wrap {
        let mut nest = Nest::Leaf;
        for _ in 0..160 {
            counts[usize::from(check(&nest))] += 1;
            nest = wrap(nest);
        }
    }
    assert!(counts.iter().all(|count| *count > 200), "{counts:?}");
}

#[test]
fn a_number_comes_back_to_the_last_bit() {
    let mut rng = generator();
    for _ in 0..50_000 {
        let (double, single) = (f64::from_bits(rng.u64(..)), f32::from_bits(rng.u32(..)));
        let event = Held::Named { name: double, list: vec![rng.f64(), f64::from(single)] };
        if double.is_finite() && single.is_finite() {
            let back: Held<f64> = decode(&record(encode(&event, id()).unwrap())).unwrap();
            let bits = |event: &Held<f64>| match event {
                Held::Named { name, list } => {
                    (name.to_bits(), list.iter().map(|n| n.to_bits()).collect())
                }
                _ => (0, Vec::new()),
            };
            assert_eq!(bits(&back), bits(&event), "{event:?}");
            let small: Held<f32> =
                decode(&record(encode(&Held::One(single), id()).unwrap())).unwrap();
            let Held::One(small) = small else { panic!("{small:?}") };
            assert_eq!(small.to_bits(), single.to_bits(), "{single:?}");
        } else {
            assert_refused(&event);
        }
    }
}

std::thread_local! {
    static READS: Cell<u32> = const { Cell::new(0) };
}

/// Counts how often it is read.
#[derive(Debug, PartialEq, Serialize)]
struct Counted(f64);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        READS.with(|reads| reads.set(reads.get() + 1));
        f64::deserialize(from).map(Self)
    }
}

#[test]
fn an_event_without_a_doubt_is_not_read_when_it_is_written() {
    let reads = |event: &Held<(f64, Counted)>| {
        let before = READS.get();
        let is_written = written(event).is_ok();
        (is_written, READS.get() - before)
    };
    assert_eq!(reads(&Held::One((0.1, Counted(0.2)))), (true, 0));
    let wide = Held::One((u128::MAX, Counted(0.1)));
    let before = READS.get();
    assert!(written(&wide).is_ok());
    assert_eq!(READS.get() - before, 1);
}

/// What a step makes is read by others, so that only what nobody could read is refused, and at once.
#[test]
fn a_step_that_leads_to_what_json_has_not_is_stuck_there() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Rate {
        Rated { mean: Option<f64> },
    }
    #[derive(Serialize, Deserialize)]
    struct Mean {
        mean: Option<f64>,
    }
    #[derive(Serialize, Deserialize)]
    enum Before {
        #[serde(rename = "Rated.v2")]
        Rated(Mean),
    }
    impl Event for Rate {
        const CATEGORY: &'static str = "rate";
        fn upcasts() -> &'static Upcasts<Self> {
            static UPCASTS: LazyLock<Upcasts<Rate>> = LazyLock::new(|| {
                let mean = |(sum, n): (f64, f64)| Mean { mean: Some(sum / n) };
                Upcasts::builder()
                    .reshape("Rated.v1", "Rated.v2", move |old| Ok(mean(old)))
                    .replace("Rated.v0", move |old| Ok(Before::Rated(mean(old))))
                    .rename("Rated.v2", "Rated")
                    .build()
            });
            &UPCASTS
        }
    }
    for name in ["Rated.v0", "Rated.v1"] {
        let of = |data: &str| decode::<Rate>(&recorded(name, data));
        assert_eq!(of("[1,2]").unwrap(), Rate::Rated { mean: Some(0.5) });
        let Err(EventError::Decode { misfit, upcast_to, .. }) = of("[0,0]") else {
            panic!("it was read")
        };
        assert_eq!((misfit, upcast_to), (Misfit::Upcast, None));
    }
}
