//! The guard of stored events: what could not be read any more is said, and what breaks nothing passes.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use freehold::Event;
use freehold::event::{Upcasts, UpcastsBuilder};
use freehold::testkit::SchemaGuard;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Line {
    sku: String,
}

#[derive(Serialize, Deserialize)]
enum Order {
    Placed { number: String, lines: Vec<Line>, note: Option<String> },
    Gone {},
}

impl Event for Order {
    const CATEGORY: &'static str = "order";
}

fn samples() -> [Order; 2] {
    let lines = vec![Line { sku: "a".into() }];
    [Order::Placed { number: "1".into(), lines, note: Some("n".into()) }, Order::Gone {}]
}

/// A folder with the forms of today.
fn noted() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    guard(&folder).events(samples()).unwrap();
    folder
}

fn guard(folder: &tempfile::TempDir) -> SchemaGuard {
    SchemaGuard::in_folder(folder.path())
}

/// Declares what the service's events are later.
macro_rules! later {
    ($later:ident { $($variants:tt)* } $($upcast:tt)*) => {
        #[derive(Serialize, Deserialize)]
        enum $later { $($variants)* }
        impl Event for $later {
            const CATEGORY: &'static str = "order";
            $($upcast)*
        }
    };
}

fn problem<E: Event>(guard: &SchemaGuard, samples: impl IntoIterator<Item = E>) -> String {
    let broken = guard.events(samples).unwrap_err();
    assert_eq!(broken.problems().len(), 1, "{broken}");
    broken.problems()[0].clone()
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(format!("order/{name}.json"))).unwrap()
}

#[test]
fn what_is_stored_as_before_passes_and_changes_no_file() {
    let folder = noted();
    let before = read(folder.path(), "Placed");
    guard(&folder).check().events(samples()).unwrap();
    assert_eq!(read(folder.path(), "Placed"), before);
    assert_eq!(read(folder.path(), "Gone"), "[\n  {}\n]\n");
}

#[test]
fn a_new_variant_and_a_field_that_may_be_missing_pass_and_are_noted_beside_the_old_forms() {
    later!(Later {
        Placed { number: String, lines: Vec<Line>, note: Option<String>, by: Option<String> },
        Gone {},
        Paid { cents: i64 },
    });
    let folder = noted();
    let today = || {
        let (number, note, by) = ("1".to_owned(), None, Some("x".to_owned()));
        [
            Later::Placed { number, lines: vec![], note, by },
            Later::Gone {},
            Later::Paid { cents: 1 },
        ]
    };
    let broken = guard(&folder).check().events(today()).unwrap_err();
    let new =
        "is written in a new form: run the test with FREEHOLD_SCHEMAS=write, and commit the file";
    assert_eq!(broken.problems(), [format!("`order.Paid` {new}"), format!("`order.Placed` {new}")]);
    guard(&folder).events(today()).unwrap();
    let forms: Vec<serde_json::Value> =
        serde_json::from_str(&read(folder.path(), "Placed")).unwrap();
    assert_eq!((forms.len(), &forms[0]["note"], &forms[1]["by"]), (2, &"n".into(), &"x".into()));
    guard(&folder).check().events(today()).unwrap();
    // Whoever takes both back cannot read the one, and loses the other.
    let broken = guard(&folder).events(samples()).unwrap_err();
    let [paid, by] = broken.problems() else { panic!("{broken}") };
    assert!(paid.starts_with("`order.Paid`: unknown variant `Paid`"), "{paid}");
    assert!(by.starts_with("`order.Placed`: `by` is read no more"), "{by}");
}

#[test]
fn what_can_be_read_no_more_is_named_with_what_mends_it() {
    later!(More { Placed { number: String, lines: Vec<Line>, note: Option<String>, by: String }, Gone {} });
    later!(Number { Placed { number: u64, lines: Vec<Line>, note: Option<String> }, Gone {} });
    later!(Renamed { Ordered { number: String, lines: Vec<Line>, note: Option<String> }, Gone {} });
    let folder = noted();
    let (number, lines, note) = (|| "1".to_owned(), Vec::new, || None);
    let more = More::Placed { number: number(), lines: lines(), note: note(), by: number() };
    let said = problem(&guard(&folder), [more, More::Gone {}]);
    assert!(said.starts_with("`order.Placed`: missing field `by`"), "{said}");
    let said = problem(
        &guard(&folder),
        [Number::Placed { number: 1, lines: lines(), note: note() }, Number::Gone {}],
    );
    let named = "`order.Placed`: `number`: invalid type: string \"1\", expected u64";
    assert!(said.starts_with(named), "{said}");
    let renamed = Renamed::Ordered { number: number(), lines: lines(), note: note() };
    let said = problem(&guard(&folder), [renamed, Renamed::Gone {}]);
    assert!(
        said.starts_with("`order.Placed`: unknown variant `Placed`") && said.contains("`alias`"),
        "{said}"
    );
}

#[test]
fn the_place_within_a_list_is_named() {
    #[derive(Serialize, Deserialize)]
    struct Counted {
        sku: u32,
    }
    #[derive(Serialize, Deserialize)]
    struct Priced {
        sku: String,
        cents: i64,
    }
    later!(Numbers { Placed { number: String, lines: Vec<Counted>, note: Option<String> }, Gone {} });
    later!(Prices { Placed { number: String, lines: Vec<Priced>, note: Option<String> }, Gone {} });
    let folder = noted();
    let (number, note) = (|| "1".to_owned(), None);
    let numbers = Numbers::Placed { number: number(), lines: vec![Counted { sku: 1 }], note };
    let said = problem(&guard(&folder), [numbers, Numbers::Gone {}]);
    assert!(said.starts_with("`order.Placed`: `lines[0].sku`: invalid type: string"), "{said}");
    let lines = vec![Priced { sku: number(), cents: 1 }];
    let prices = Prices::Placed { number: number(), lines, note: None };
    let said = problem(&guard(&folder), [prices, Prices::Gone {}]);
    assert!(said.starts_with("`order.Placed`: `lines[0]`: missing field `cents`"), "{said}");
}

/// It could be read, and something would be missing.
#[test]
fn a_field_that_would_be_lost_without_a_word_is_named_and_may_be_forgotten_on_purpose() {
    later!(Less { Placed { number: String, lines: Vec<Line>, remark: Option<String> }, Gone {} });
    let folder = noted();
    let less = || [Less::Placed { number: "1".into(), lines: vec![], remark: None }, Less::Gone {}];
    let said = problem(&guard(&folder), less());
    assert!(said.starts_with("`order.Placed`: `note` is read no more"), "{said}");
    guard(&folder).forgets("Placed", "note").events(less()).unwrap();
    let said = problem(&guard(&folder).forgets("Placed", "number"), less());
    assert!(said.contains("`note`"), "{said}");
}

#[test]
fn an_alias_and_an_upcast_keep_old_forms_readable() {
    later!(Aliased {
        #[serde(alias = "Placed")]
        Ordered { #[serde(alias = "number")] order: String, lines: Vec<Line>, note: Option<String> },
        Gone {},
    });
    later!(Upcast { Counted { lines: u64 }, Gone {} }
        fn upcasts() -> &'static Upcasts<Self> {
            static UPCASTS: LazyLock<Upcasts<Upcast>> = LazyLock::new(|| {
                let count = |old: serde_json::Value| {
                    let lines = old["lines"].as_array().ok_or("no lines")?.len() as u64;
                    Ok(Upcast::Counted { lines })
                };
                Upcasts::builder().replace("Placed", count).build()
            });
            &UPCASTS
        }
    );
    let folder = noted();
    let ordered = Aliased::Ordered { order: "1".into(), lines: vec![], note: None };
    guard(&folder).old(["Placed"]).events([ordered, Aliased::Gone {}]).unwrap();
    let folder = noted();
    guard(&folder).events([Upcast::Counted { lines: 1 }, Upcast::Gone {}]).unwrap();
    fs::write(folder.path().join("order/Placed.json"), "[{\"number\": \"1\"}]").unwrap();
    let said = problem(&guard(&folder), [Upcast::Counted { lines: 1 }, Upcast::Gone {}]);
    assert!(said.starts_with("`order.Placed`: no lines (mend the step from `Placed`)"), "{said}");
}

/// What is dropped and what is split is read, and a chain that cannot take what was stored is told by the step.
#[test]
fn forms_that_are_split_or_dropped_pass_and_a_flaw_is_told_at_once() {
    #[derive(Deserialize)]
    struct Old {
        lines: Vec<Line>,
    }
    macro_rules! split { ($later:ident, $rest:expr) => {
        later!($later { Line { sku: String } }
            fn upcasts() -> &'static Upcasts<Self> {
                static UPCASTS: LazyLock<Upcasts<$later>> = LazyLock::new(|| {
                    let lines = |old: Old| {
                        Ok(old.lines.into_iter().map(|line| $later::Line { sku: line.sku }))
                    };
                    $rest(Upcasts::builder().split("Placed", lines)).build()
                });
                &UPCASTS
            }
        );
    } }
    split!(Whole, |steps: UpcastsBuilder<Whole>| steps.drop("Gone", "it says nothing"));
    split!(Less, |steps: UpcastsBuilder<Less>| steps);
    split!(Flawed, |steps: UpcastsBuilder<Flawed>| steps.rename("Gone", "Left"));
    let folder = noted();
    guard(&folder).events([Whole::Line { sku: "a".into() }]).unwrap();
    let said = problem(&guard(&folder), [Less::Line { sku: "a".into() }]);
    assert!(said.starts_with("`order.Gone`: unknown variant `Gone`"), "{said}");
    let said = problem(&guard(&folder), [Flawed::Line { sku: "a".into() }]);
    let flaw = "`Gone` leads to `Left`, which neither today's enum nor a step reads";
    assert_eq!(said, format!("the upcasts of `order` cannot work: {flaw}"));
    fs::write(folder.path().join("order/Placed.json"), "[{\"number\": \"1\"}]").unwrap();
    let said = problem(&guard(&folder), [Whole::Line { sku: "a".into() }]);
    let why = "missing field `lines` at line 1 column 14 (mend the step from `Placed`)";
    assert!(said.starts_with(&format!("`order.Placed`: {why}")), "{said}");
}

/// A new name alone excuses no loss.
#[test]
fn a_field_that_is_lost_on_the_way_to_a_new_name_is_named() {
    later!(Named { Ordered { number: String, lines: Vec<Line> }, Gone {} }
        fn upcasts() -> &'static Upcasts<Self> {
            static UPCASTS: LazyLock<Upcasts<Named>> =
                LazyLock::new(|| Upcasts::builder().rename("Placed", "Ordered").build());
            &UPCASTS
        }
    );
    let folder = noted();
    let samples = || [Named::Ordered { number: "1".into(), lines: vec![] }, Named::Gone {}];
    let said = problem(&guard(&folder), samples());
    assert!(said.starts_with("`order.Placed`: `note` is read no more"), "{said}");
    guard(&folder)
        .forgets("Placed", "note")
        .forgets("Placed", "lines[]")
        .forgets("Placed", "lines[].sku")
        .events(samples())
        .unwrap();
}

/// Samples do not show it: the stored ones can be read all the same.
#[test]
fn a_place_at_which_less_can_be_read_than_before_is_named() {
    macro_rules! sized { ($($name:ident $number:ty, $tag:ty, $note:ty;)*) => { $(
        later!($name {
            #[serde(rename = "order.placed.v1")]
            Placed { cents: $number, tags: Vec<$tag>, note: $note },
            Gone {},
        });
    )* } }
    #[derive(Serialize, Deserialize)]
    enum Tag {
        Gift,
    }
    sized! {
        Wide u64, String, Option<String>;
        Narrow u32, String, Option<String>;
        Chosen u64, Tag, Option<String>;
        Never u64, String, String;
        Wider i128, String, Option<String>;
    }
    // The samples of the others are read as these, and these as theirs.
    macro_rules! samples {
        ($name:ident) => {
            [$name::Placed { cents: 1, tags: vec![], note: String::new().into() }, $name::Gone {}]
        };
    }
    let folder = tempfile::tempdir().unwrap();
    guard(&folder).events(samples!(Wide)).unwrap();
    let shape = || fs::read_to_string(folder.path().join("order/shape.txt")).unwrap();
    let noted = shape();
    assert!(noted.contains("::order.placed.v1.cents u64\n"), "{noted}");
    for (said, why) in [
        (problem(&guard(&folder), samples!(Narrow)), "`cents` was read as u64, and is read as u32"),
        (
            problem(&guard(&folder), samples!(Chosen)),
            "`tags[]` was read as string, and is read as enum",
        ),
        (problem(&guard(&folder), samples!(Never)), "`note` may be null where it was stored"),
    ] {
        assert!(said.starts_with(&format!("`order.order.placed.v1`: {why}")), "{said}");
        assert_eq!(shape(), noted, "what breaks something is not noted");
    }
    // On purpose, it passes; and whoever reads more is held to that.
    guard(&folder).forgets("order.placed.v1", "note").events(samples!(Never)).unwrap();
    if std::env::var_os("FREEHOLD_SCHEMAS").is_none() {
        let said = problem(&guard(&folder).check(), samples!(Wider));
        assert!(said.starts_with("the events of `order` are read in a new shape"), "{said}");
    }
    guard(&folder).events(samples!(Wider)).unwrap();
    let said = problem(&guard(&folder), samples!(Wide));
    assert!(said.contains("`cents` was read as i128, and is read as u64"), "{said}");
}

/// The steps work, and what comes out at their end does not fit.
#[test]
fn a_field_that_does_not_fit_behind_a_step_is_named() {
    #[derive(Serialize, Deserialize)]
    struct Item {
        sku: u64,
    }
    #[derive(Serialize)]
    struct Listed {
        items: Vec<Line>,
    }
    #[derive(Deserialize)]
    struct Old {
        lines: Vec<Line>,
    }
    later!(Later { Listed { items: Vec<Item> }, Gone {} }
        fn upcasts() -> &'static Upcasts<Self> {
            static UPCASTS: LazyLock<Upcasts<Later>> = LazyLock::new(|| {
                let listed = |old: Old| Ok(Listed { items: old.lines });
                Upcasts::builder()
                    .reshape("Placed", "Ordered", listed)
                    .rename("Ordered", "Listed")
                    .build()
            });
            &UPCASTS
        }
    );
    let folder = noted();
    let samples = [Later::Listed { items: vec![Item { sku: 1 }] }, Later::Gone {}];
    let said = problem(&guard(&folder), samples);
    let named = "`order.Placed`: as `Listed`: `items[0].sku`: invalid type: string";
    assert!(said.starts_with(named), "{said}");
}

#[test]
fn a_variant_without_a_sample_and_a_file_that_is_none_are_named() {
    let folder = noted();
    let said = problem(&guard(&folder), samples().into_iter().skip(1));
    assert!(said.starts_with("`order.Placed` has no sample"), "{said}");
    fs::write(folder.path().join("order/Gone.json"), "nonsense").unwrap();
    let broken = guard(&folder).events(samples()).unwrap_err();
    assert!(
        broken.problems().iter().all(|said| said.contains("is no list of samples")),
        "{broken}"
    );
    assert_eq!(read(folder.path(), "Gone"), "nonsense");
}
