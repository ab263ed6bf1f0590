//! A catalogue over two logs, and a search that only looks: it knows nothing of an index.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::projection::search::{Field, Search, Searched};
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
use freehold::subscription::Running;
use freehold::{Event, RowStore, Store, Token};
use serde::{Deserialize, Serialize};

use crate::projection::fixture::put;
use crate::subscription::fixture::{TokioClock, memory, options};

/// Longer than anything takes here.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Item {
    Described { brand: String, text: String },
    Withdrawn,
}

impl Event for Item {
    const CATEGORY: &'static str = "item";
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Brand {
    Renamed { name: String },
}

impl Event for Brand {
    const CATEGORY: &'static str = "brand";
}

/// What is kept of an item. How often it was touched tells an event that is in it twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Article {
    pub(crate) brand: String,
    pub(crate) text: String,
    pub(crate) touched: u64,
}

/// Items are kept under `brand/item`.
fn on_item(event: &Recorded<'_, Item>, views: &mut Views<'_, Article>) {
    match event.event() {
        Item::Described { brand, text } => {
            views.update(format!("{brand}/{}", event.id()), |article| {
                article.text.clone_from(text);
                article.touched += 1;
            });
        }
        Item::Withdrawn => {
            for brand in BRANDS {
                views.remove(format!("{brand}/{}", event.id()));
            }
        }
    }
}

fn on_brand(event: &Recorded<'_, Brand>, views: &mut Views<'_, Article>) {
    let Brand::Renamed { name } = event.event();
    views.change_under(format!("{}/", event.id()), |_, article| {
        article.brand.clone_from(name);
        article.touched += 1;
    });
}

/// Declares the catalogue in one of its versions.
macro_rules! catalogue {
    ($catalogue:ident, $version:literal, [$($field:expr),*]) => {
        pub(crate) struct $catalogue;

        impl Projection for $catalogue {
            const NAME: &'static str = "catalogue";
            type View = Article;
            type Events = (Item, Brand);
            type Level = Eventual<5_000>;
        }

        impl On<Item> for $catalogue {
            fn on(&self, event: &Recorded<'_, Item>, views: &mut Views<'_, Article>) {
                on_item(event, views);
            }
        }

        impl On<Brand> for $catalogue {
            fn on(&self, event: &Recorded<'_, Brand>, views: &mut Views<'_, Article>) {
                on_brand(event, views);
            }
        }

        impl Searched for $catalogue {
            const VERSION: u32 = $version;
            const FIELDS: &'static [Field<Article>] = &[$($field),*];
        }
    };
}

const TEXT: Field<Article> = Field::new("text", |_, article| article.text.as_str().into());
const BRAND: Field<Article> = Field::new("brand", |_, article| article.brand.as_str().into());

catalogue!(Catalogue, 1, [TEXT, BRAND.boost(2.0)]);
// The same with another field.
catalogue!(Wider, 1, [TEXT, BRAND, Field::new("key", |key, _| key.into())]);
// The same, whose fold has changed.
catalogue!(Newer, 2, [TEXT, BRAND]);

pub(crate) const BRANDS: [&str; 3] = ["b0", "b1", "b2"];
/// Some are the beginnings of others, and two are one word.
const WORDS: [&str; 10] =
    ["tea", "teapot", "TEAPOTS", "blue", "Blué", "bluest", "t-light", "10", "100", "käse"];

/// A text of words that a seed chooses.
pub(crate) fn text(chance: &mut fastrand::Rng) -> String {
    let words = (0..chance.usize(0..5)).map(|_| chance.choice(WORDS).unwrap());
    words.collect::<Vec<_>>().join(chance.choice([" ", ", ", "/"]).unwrap())
}

/// Records `n` events that a seed chooses, in one of the two logs each.
pub(crate) async fn some(
    [items, brands]: [&MemoryStore; 2],
    chance: &mut fastrand::Rng,
    n: usize,
) -> Vec<Token> {
    let mut tokens = Vec::new();
    for _ in 0..n {
        let brand = chance.choice(BRANDS).unwrap().to_owned();
        let id = format!("i{}", chance.u8(0..8));
        let text = text(chance);
        tokens.push(match chance.u8(0..10) {
            0 => put(items, &id, Item::Withdrawn).await,
            1..3 => put(brands, &brand, Brand::Renamed { name: text }).await,
            _ => put(items, &id, Item::Described { brand, text }).await,
        });
    }
    tokens
}

/// The words of a text, cut by other code than the crate's.
pub(crate) fn cut(text: &str) -> Vec<String> {
    let folded = text.to_lowercase().replace('é', "e").replace('ä', "a");
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The keys of the views in which all words are, the last of which may be the beginning of one, by looking at each.
pub(crate) fn scan(views: &BTreeMap<String, Article>, typed: &str) -> Vec<String> {
    let typed = cut(typed);
    let Some((last, whole)) = typed.split_last() else { return Vec::new() };
    let fits = |article: &Article| {
        let words = [cut(&article.text), cut(&article.brand)].concat();
        whole.iter().all(|word| words.contains(word))
            && words.iter().any(|word| word.starts_with(last.as_str()))
    };
    views.iter().filter(|(_, article)| fits(article)).map(|(key, _)| key.clone()).collect()
}

/// All views of an index, as one search after another shows them: nothing lists them.
pub(crate) async fn views<P: Searched<View = Article>>(
    search: &Search<P>,
) -> BTreeMap<String, Article> {
    let mut views = BTreeMap::new();
    for brand in BRANDS {
        for item in 0..8 {
            let key = format!("{brand}/i{item}");
            views.extend(search.get(&key).await.unwrap().value.map(|view| (key, view)));
        }
    }
    assert_eq!(search.count().await.unwrap().value, views.len() as u64);
    views
}

/// The keys that are found.
pub(crate) async fn keys<P: Searched>(search: &Search<P>, typed: &str) -> Vec<String> {
    let found = search.find(typed, 1_000).await.unwrap();
    let mut keys: Vec<_> = found.value.iter().map(|hit| hit.key.as_str().to_owned()).collect();
    keys.sort_unstable();
    keys
}

/// A read side whose store is one of its own.
pub(crate) fn reads(logs: [&MemoryStore; 2]) -> ReadSide {
    reads_on(memory(), logs)
}

pub(crate) fn reads_on(store: impl RowStore, logs: [&MemoryStore; 2]) -> ReadSide {
    let [items, brands] = logs.map(MemoryStore::clone);
    ReadSide::new(store).follow(items).follow(brands).clock(TokioClock)
}

pub(crate) async fn open<P: Searched>(reads: &ReadSide, folder: &Path) -> Search<P> {
    reads.search(folder).await.unwrap()
}

/// Keeps it up, with a commit as often as there is something.
pub(crate) fn run<P>(search: &Search<P>, projection: P) -> Running
where
    P: Searched<Level = Eventual<5_000>>,
{
    search.indexing(projection).options(options()).commit_interval(Duration::ZERO).start()
}

/// Describes an item, and answers where that stands.
pub(crate) async fn describe(items: &MemoryStore, id: &str, text: &str) -> Token {
    let (brand, text) = ("b0".to_owned(), text.to_owned());
    put(items, id, Item::Described { brand, text }).await
}

/// Two logs.
pub(crate) fn logs() -> [MemoryStore; 2] {
    let logs = [memory(), memory()];
    assert_ne!(logs[0].identity(), logs[1].identity());
    logs
}
