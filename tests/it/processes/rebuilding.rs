//! A process that builds the views of a projection anew, and is killed in the middle of it: the next one goes on where it was,
//! and until it is done everybody reads the old views.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use freehold::projection::{ReadSide, Want};
use freehold::{
    Commit, EventId, ExpectedVersion, LeaseName, Position, RowKey, RowSet, RowsWanted, StreamId,
    event,
};
use tokio::time::sleep;

use super::projector::{
    Drop, Gauge, PATIENCE, Projector, Stores, chance, expected, is_right, options, rain, within,
};

/// So many that nobody has folded them all before the last kill.
const DROPS: u64 = 500;

/// Lets many drops fall at once.
async fn pour((log, _): &Stores) {
    let before = log.head().await.unwrap().get();
    let drop = |n| event::encode(&Drop::Fell { n }, EventId::new(uuid::Uuid::now_v7())).unwrap();
    let stream = StreamId::new("rain", "1").unwrap();
    let drops = (before..before + DROPS).map(drop);
    log.commit(Commit::new().append(&stream, ExpectedVersion::Any, drops)).await.unwrap();
}

/// Which build is read, as a person reads it off the table.
async fn live((_, rows): &Stores) -> u64 {
    let wanted = RowsWanted::Keys(vec![RowKey::new("gauge").unwrap()]);
    let page = rows.rows(&RowSet::new("freehold_views").unwrap(), &wanted, None).await.unwrap();
    page.rows[0].value.read::<serde_json::Value>().unwrap()["live"].as_u64().unwrap()
}

/// How far the new build is, and how often its lease was granted.
async fn built((log, rows): &Stores) -> (Position, u64) {
    let state = rows.lease(&LeaseName::new("gauge.g1").unwrap()).await.unwrap();
    (state.checkpoint(log.identity()), state.epoch.get())
}

/// Makes the views, and writes down that they are to be made anew.
async fn begin(stores: &Stores) {
    let (log, rows) = stores;
    let reads = ReadSide::new(Arc::clone(rows)).follow(Arc::clone(log));
    let kept = reads.upkeep(Gauge).options(options()).start();
    is_right(stores).await;
    kept.rebuild().await.unwrap();
    kept.stop().await;
}

/// Sees that what is read now is the fold of the log up to where it says that it is, and no less than was there before.
async fn is_whole(stores: &Stores, before: Position) -> Position {
    let (log, rows) = stores;
    let view = ReadSide::new(Arc::clone(rows)).follow(Arc::clone(log)).view::<Gauge>();
    let page = view.page("", None, 100).want(Want::Any).await.unwrap();
    let at = page.at.position(log.identity());
    assert!(at >= before, "a reader went back in time, from {before} to {at}");
    let found = page.value.views.into_iter().map(|(key, view)| (key.as_str().to_owned(), view));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected(&**log, at).await, "at {at}");
    at
}

/// Whoever builds the views anew is killed at random moments while events keep coming, and every time another one goes on.
pub(super) async fn is_killed(stores: &Stores, start: impl Fn() -> Projector, kills: u64) {
    pour(stores).await;
    begin(stores).await;
    let (mut chance, mut half_full, mut seen) = (chance(), 0, Position::new(DROPS));
    for kill in 0..kills {
        let (before, _) = built(stores).await;
        let projector = start();
        rain(&*stores.0, 5).await;
        let moved = within(PATIENCE, async || built(stores).await.0 > before).await;
        assert!(moved, "nobody goes on with the rebuild beyond {before}");
        // Beyond the first commit, at any moment of the next ones.
        sleep(Duration::from_micros(chance.u64(..15_000))).await;
        std::mem::drop(projector);
        let ((at, epoch), head) = (built(stores).await, stores.0.head().await.unwrap());
        println!("kill {kill}: at {at} of {head} under epoch {epoch}");
        assert!(at >= before, "it was begun anew");
        half_full += u64::from(at > Position::START && at < head && live(stores).await == 0);
        seen = is_whole(stores, seen).await;
    }
    // On a machine that is busy a kill may come too late, but not each of them.
    assert!(half_full > 0, "no rebuild was killed in the middle");
    let last = start();
    let swapped = within(PATIENCE, async || {
        seen = is_whole(stores, seen).await;
        live(stores).await == 1
    });
    assert!(swapped.await, "the rebuild does not end");
    rain(&*stores.0, 20).await;
    is_right(stores).await;
    std::mem::drop(last);
    is_whole(stores, seen).await;
    assert_eq!(live(stores).await, 1, "it was rebuilt twice");
    assert!(built(stores).await.1 > kills, "nobody has taken over");
}
