//! What is found is what a search finds that looks at every view.

use std::collections::BTreeMap;

use freehold::backend::memory::MemoryStore;
use freehold::event;
use freehold::{EventStore, Filter, Position};

use super::fixture::{
    Article, Brand, Catalogue, Item, PATIENCE, describe, keys, logs, open, reads, run, scan, some,
    text, views,
};

fn seed() -> u64 {
    let seed = std::env::var("SEARCH_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEARCH_SEED={seed}");
    seed
}

async fn all<E: freehold::Event>(log: &MemoryStore) -> Vec<(String, E)> {
    let page = log.read_all(Position::START, &Filter::all(), 10_000).await.unwrap();
    let read = |record: &freehold::RecordedEvent| {
        (record.stream().id().to_owned(), event::decode(record).unwrap())
    };
    page.events.iter().map(read).collect()
}

/// What the log of the items leads to, without a fold of the crate's. The brands' names depend on which of the two logs came
/// first; a brand that was never renamed has none.
async fn articles(items: &MemoryStore) -> BTreeMap<String, (String, u64)> {
    let mut articles = BTreeMap::<String, (String, u64)>::new();
    for (id, item) in all::<Item>(items).await {
        match item {
            Item::Described { brand, text } => {
                let article = articles.entry(format!("{brand}/{id}")).or_default();
                *article = (text, article.1 + 1);
            }
            Item::Withdrawn => articles.retain(|key, _| !key.ends_with(&format!("/{id}"))),
        }
    }
    articles
}

#[tokio::test(start_paused = true)]
async fn a_search_finds_what_looking_at_every_view_finds() {
    let mut chance = fastrand::Rng::with_seed(seed());
    for _ in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let [items, brands] = logs();
        let reads = reads([&items, &brands]);
        let search = open::<Catalogue>(&reads, folder.path()).await;
        let running = run(&search, Catalogue);
        for _ in 0..4 {
            let tokens = some([&items, &brands], &mut chance, 15).await;
            for token in tokens {
                search.wait_for(token, PATIENCE).await.unwrap();
            }
            let views = views(&search).await;
            let expected = articles(&items).await;
            assert!(views.keys().eq(expected.keys()));
            let renames = all::<Brand>(&brands).await.len() as u64;
            for (key, Article { text, touched, .. }) in &views {
                let (said, times) = &expected[key];
                assert_eq!(text, said, "{key}");
                // Each event is in it once; how many renames there were before the item is not said.
                assert!((*times..=times + renames).contains(touched), "{key}: {touched}");
            }
            for _ in 0..20 {
                let typed = text(&mut chance);
                assert_eq!(keys(&search, &typed).await, scan(&views, &typed), "{typed:?}");
            }
        }
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_is_in_the_views_once_though_they_come_in_many_batches() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let reads = reads([&items, &brands]);
    let search = open::<Catalogue>(&reads, folder.path()).await;
    let running = run(&search, Catalogue);
    for n in 0..30 {
        let token = describe(&items, "i1", &format!("n{n}")).await;
        if n % 7 == 0 {
            search.wait_for(token, PATIENCE).await.unwrap();
        }
    }
    search.wait_for_head(PATIENCE).await.unwrap();
    let article = search.get("b0/i1").await.unwrap().value.unwrap();
    assert_eq!((article.touched, article.text.as_str()), (30, "n29"));
    assert_eq!(keys(&search, "n28").await, [""; 0]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_best_hit_is_first_and_of_equal_ones_the_one_with_the_lesser_key() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let reads = reads([&items, &brands]);
    let search = open::<Catalogue>(&reads, folder.path()).await;
    let running = run(&search, Catalogue);
    for id in ["i5", "i3", "i4"] {
        // A commit each, and so a segment each: their order is not that of the keys.
        search.wait_for(describe(&items, id, "red lamp").await, PATIENCE).await.unwrap();
    }
    describe(&items, "i2", "lamp lamp").await;
    describe(&items, "i1", "lampshade of a very long description of a thing").await;
    search.wait_for_head(PATIENCE).await.unwrap();
    let order = async |limit| {
        let found = search.find("lamp", limit).await.unwrap().value;
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        found.into_iter().map(|hit| hit.key.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(9).await, ["b0/i2", "b0/i3", "b0/i4", "b0/i5", "b0/i1"]);
    assert_eq!(order(2).await, ["b0/i2", "b0/i3"]);
    assert_eq!(order(0).await, [""; 0]);
    assert_eq!(order(usize::MAX).await.len(), 5);
    running.stop().await;
}
