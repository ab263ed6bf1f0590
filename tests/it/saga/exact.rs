//! What must be there when sagas are over: everything of those that have completed, and nothing of the others.

use std::collections::BTreeSet;
use std::time::Duration;

use freehold::saga::{Ended, SagaId, SagaOptions, Sagas};
use tokio::time::{sleep, timeout};

use super::fixture::{Goes, World, options};

/// Far longer than anything takes here.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Leases so short that a test can see them end.
pub(super) fn quick(partitions: u32) -> SagaOptions {
    let time = Duration::from_millis(300);
    SagaOptions { partitions, lease_time: time, adopt_after: time, ..options() }
}

/// Waits until what is asked holds.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !holds().await {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

/// Waits for the end of all, and sees that each has one, and that the effects are those of the completed ones. Answers how many
/// have completed.
pub(super) async fn all_end(sagas: &Sagas, world: &World, ids: &[SagaId]) -> usize {
    let mut expected = BTreeSet::new();
    for id in ids {
        let ended = timeout(PATIENCE, sagas.ended(id)).await;
        let history = sagas.history(id).await.unwrap();
        let said: Vec<&str> = history.iter().map(|entry| entry.what.as_str()).collect();
        let ended = ended.unwrap_or_else(|_| panic!("{id} does not end: {said:?}")).unwrap();
        let ends = said.iter().filter(|what| matches!(**what, "completed" | "compensated"));
        assert_eq!(ends.count(), 1, "{id}: {said:?}");
        if ended == Ended::Completed {
            let of = |step| format!("{id}:{step}:0:do");
            expected.extend(["reserve", "charge", "ship"].map(of));
        }
    }
    let effects: BTreeSet<_> = world.effects().into_keys().collect();
    assert_eq!(effects, expected);
    expected.len() / 3
}

/// Some of the next calls of each step go wrong.
pub(super) fn some_go_wrong(world: &World) {
    let ways = [Goes::Fine, Goes::Unheard, Goes::Fine, Goes::Refused, Goes::Fine, Goes::Lost];
    for what in ["reserve", "charge", "confirm"] {
        world.script(what, ways);
        world.script(what, ways);
    }
    world.script("refund", [Goes::Unheard, Goes::Fails]);
    world.script("ship", [Goes::Fine, Goes::Unheard, Goes::Fails, Goes::Lost]);
}
