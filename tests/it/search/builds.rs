//! An index of another form is built anew, beside the one that is read.

use std::path::Path;

use freehold::projection::search::{Search, Searched};
use freehold::subscription::{Health, SubscriptionOptions};

use super::fixture::{
    Brand, Catalogue, Newer, PATIENCE, Wider, describe, keys, logs, open, reads, run,
};
use crate::projection::fixture::put;
use crate::subscription::fixture::{options, until};

const ITEMS: usize = 8;

/// An index of the first version, with so many items; nobody keeps it up.
async fn old(folder: &Path) -> [freehold::backend::memory::MemoryStore; 2] {
    let [items, brands] = logs();
    for n in 0..ITEMS {
        describe(&items, &format!("i{n}"), "blue teapot").await;
    }
    let search = open::<Catalogue>(&reads([&items, &brands]), folder).await;
    let running = run(&search, Catalogue);
    search.wait_for_head(PATIENCE).await.unwrap();
    running.stop().await;
    assert_eq!(search.build().await.unwrap(), Some(0));
    [items, brands]
}

async fn is_read<P: Searched>(search: &Search<P>, build: u32) {
    until("the new build is read", async || search.build().await.unwrap() == Some(build)).await;
}

fn builds(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut builds: Vec<_> = names.filter(|name| name.starts_with("build-")).collect();
    builds.sort_unstable();
    builds
}

fn slow() -> SubscriptionOptions {
    SubscriptionOptions { batch_events_max: 1, ..options() }
}

#[tokio::test(start_paused = true)]
async fn the_old_build_is_read_until_the_new_one_is_as_far_and_then_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = old(folder.path()).await;
    let search = open::<Wider>(&reads([&items, &brands]), folder.path()).await;
    assert_eq!(keys(&search, "teapot").await.len(), ITEMS);
    assert_eq!(keys(&search, "i3").await, [""; 0]);
    let running = search.indexing(Wider).options(slow()).start();
    let mut looks = 0;
    until("the new build is read", async || {
        looks += 1;
        assert_eq!(keys(&search, "teapot").await.len(), ITEMS, "a half-built index was read");
        search.build().await.unwrap() == Some(1)
    })
    .await;
    assert!(looks > 10, "it was looked only {looks} times");
    assert_eq!(keys(&search, "i3").await, ["b0/i3"]);
    assert_eq!(builds(folder.path()), ["build-1"]);
    // And it is kept up.
    search.wait_for(describe(&items, "i9", "tea").await, PATIENCE).await.unwrap();
    assert_eq!(keys(&search, "i9").await, ["b0/i9"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_build_that_was_begun_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = old(folder.path()).await;
    let reads = reads([&items, &brands]);
    let search = open::<Wider>(&reads, folder.path()).await;
    let running = search.indexing(Wider).options(slow()).start();
    let third = freehold::Token::new(freehold::Store::identity(&items), freehold::Position::new(3));
    running.progress().wait_for(third).await.unwrap();
    running.stop().await;
    assert_eq!(builds(folder.path()), ["build-0", "build-1"]);
    assert_eq!(keys(&search, "teapot").await.len(), ITEMS);
    let running = run(&search, Wider);
    is_read(&search, 1).await;
    assert_eq!(search.get("b0/i0").await.unwrap().value.unwrap().touched, 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_older_version_leaves_a_newer_index_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = old(folder.path()).await;
    let reads = reads([&items, &brands]);
    let search = open::<Newer>(&reads, folder.path()).await;
    let running = run(&search, Newer);
    is_read(&search, 1).await;
    running.stop().await;
    let search = open::<Catalogue>(&super::fixture::reads([&items, &brands]), folder.path()).await;
    let running = run(&search, Catalogue);
    until("it has stopped", async || matches!(running.health().await, Health::Stopped(_))).await;
    let Health::Stopped(error) = running.health().await else { panic!("it goes on") };
    let why = error.source().unwrap().to_string();
    assert!(why.ends_with("is of version 2, and the projection of 1"), "{why}");
    running.stop().await;
    assert_eq!(search.build().await.unwrap(), Some(1));
    assert_eq!(keys(&search, "teapot").await.len(), ITEMS);
}

#[tokio::test(start_paused = true)]
async fn an_index_can_be_built_anew_though_nothing_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = old(folder.path()).await;
    let search = open::<Catalogue>(&reads([&items, &brands]), folder.path()).await;
    let running = search.indexing(Catalogue).options(options()).anew().start();
    is_read(&search, 1).await;
    describe(&items, "i1", "tea").await;
    search.wait_for_head(PATIENCE).await.unwrap();
    running.stop().await;
    // It was asked for once.
    let running = run(&search, Catalogue);
    describe(&items, "i2", "tea").await;
    search.wait_for_head(PATIENCE).await.unwrap();
    running.stop().await;
    assert_eq!(
        (search.build().await.unwrap(), builds(folder.path())),
        (Some(1), vec!["build-1".to_owned()])
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_log_has_led_to_that_is_followed_no_more_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = old(folder.path()).await;
    let [others, _] = logs();
    describe(&others, "i1", "tea").await;
    put(&brands, "b0", Brand::Renamed { name: "pot".to_owned() }).await;
    drop(items);
    let search = open::<Catalogue>(&reads([&others, &brands]), folder.path()).await;
    let running = run(&search, Catalogue);
    is_read(&search, 1).await;
    search.wait_for_head(PATIENCE).await.unwrap();
    assert_eq!(search.count().await.unwrap().value, 1);
    running.stop().await;
}
