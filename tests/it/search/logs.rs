//! The checkpoint is in the index: a mark for each log, whatever the store of the leases knows.

use freehold::testkit::{Faults, FaultyStore, Loss};
use freehold::{EventStore, Store};

use super::fixture::{
    Brand, Catalogue, PATIENCE, describe, logs, open, reads, reads_on, run, views,
};
use crate::projection::fixture::put;
use crate::subscription::fixture::memory;

#[tokio::test(start_paused = true)]
async fn an_index_goes_on_in_each_log_where_it_was_though_no_store_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let mut touched = 0;
    for round in 0..3 {
        describe(&items, "i1", &format!("n{round}")).await;
        // A store for the leases that has never heard of it.
        let reads = reads([&items, &brands]);
        let search = open::<Catalogue>(&reads, folder.path()).await;
        let running = run(&search, Catalogue);
        search.wait_for_head(PATIENCE).await.unwrap();
        let name = format!("m{round}");
        let token = put(&brands, "b0", Brand::Renamed { name: name.clone() }).await;
        search.wait_for(token, PATIENCE).await.unwrap();
        running.stop().await;
        touched += 2;
        let fresh = search.get("b0/i1").await.unwrap();
        for log in [&items, &brands] {
            assert_eq!(fresh.at.position(log.identity()), log.head().await.unwrap());
        }
        let article = fresh.value.unwrap();
        assert_eq!((article.touched, article.text), (touched, format!("n{round}")));
        assert_eq!(article.brand, name);
    }
}

/// The leases and the logs fail at any call, once: with the call lost, or only its answer.
#[tokio::test(start_paused = true)]
async fn each_event_is_in_the_index_once_after_a_fault_at_every_call() {
    for loss in [Loss::Call, Loss::Answer] {
        for nth in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let [items, brands] = logs();
            let store = FaultyStore::new(memory(), Faults::seeded(1).fail_nth(nth, loss));
            let reads = reads_on(store.clone(), [&items, &brands]);
            let search = open::<Catalogue>(&reads, folder.path()).await;
            let running = run(&search, Catalogue);
            for n in 0..3 {
                describe(&items, &format!("i{n}"), "tea").await;
                put(&brands, "b1", Brand::Renamed { name: "pot".to_owned() }).await;
                search.wait_for_head(PATIENCE).await.unwrap();
            }
            running.stop().await;
            let views = views(&search).await;
            assert!(views.len() == 3 && views.values().all(|view| view.touched == 1), "{views:?}");
            if store.injected().calls < nth {
                assert!(nth > 8, "only {nth} calls");
                break;
            }
        }
    }
}
