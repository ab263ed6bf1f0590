//! L1 and L2: one holder at a time, and every grant is counted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use super::RowHarness;
use super::kit::{all, lease_name, rounds, within};
use super::row_kit::{HOUR, RowLog, owner};
use crate::types::{Claim, Epoch, Lease, LeaseName};

/// L1: whoever asks for a lease that is held is told by whom and for how long, and changes nothing. Other leases are
/// free, however much their names are alike.
pub async fn l01_a_held_lease_is_granted_to_nobody_else(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l01_held").await;
    let longest = "x".repeat(120);
    for (n, name) in ["job", "jo", "job/1", "job_1", "job.1", "job-1", "_", &longest]
        .into_iter()
        .map(lease_name)
        .enumerate()
    {
        let holder = owner(n as u128);
        let lease = log.granted(&name, holder, HOUR).await;
        for _ in 0..3 {
            let expires_in = log.held(&name, holder).await;
            let plausible = HOUR / 2..=HOUR;
            assert!(plausible.contains(&expires_in), "an hour of {name} ends in {expires_in:?}");
        }
        let state = log.state(&name).await;
        assert_eq!((state.holder, state.epoch), (Some(holder), lease.epoch()), "{name}");
        assert!(lease.epoch() > Epoch::NONE, "{lease:?} was never granted");
    }
}

/// L1: a lease is held after every handle was dropped and the log was opened again.
pub async fn l01_a_held_lease_is_held_after_reopening(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l01_reopened").await;
    let name = lease_name("job");
    log.granted(&name, owner(1), HOUR).await;
    let before = log.state(&name).await;
    drop(log);
    let log = RowLog::open(h, "l01_reopened").await;
    assert_eq!(log.state(&name).await, before, "the lease after reopening");
    log.held(&name, owner(1)).await;
}

/// L1: of many that ask for a lease at once, one is granted it, and the others are told who that is.
pub async fn l01_of_racing_claimants_one_is_granted(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l01_race").await;
    for round in 0..rounds(10, 200) {
        one_is_granted(&log, &lease_name(&format!("round/{round}"))).await;
    }
}

/// Has many ask for a lease at once, and sees that just one is granted it.
pub(super) async fn one_is_granted(log: &RowLog, name: &LeaseName) {
    let together = Arc::new(Barrier::new(8));
    let mut tasks = JoinSet::new();
    for n in 10..18 {
        let (log, name, together) = (log.clone(), name.clone(), together.clone());
        tasks.spawn(async move {
            together.wait().await;
            (owner(n), log.claim(&name, owner(n), HOUR).await)
        });
    }
    let claims = all("racing claims", tasks).await;
    let granted = |claim: &Claim| matches!(claim, Claim::Granted(_));
    let winners: Vec<_> = claims.iter().filter(|(_, claim)| granted(claim)).collect();
    let [(winner, _)] = winners[..] else { panic!("{name} was granted to {winners:?}") };
    for (loser, claim) in claims.iter().filter(|(_, claim)| !granted(claim)) {
        let told = matches!(claim, Claim::Held { by, .. } if by == winner);
        assert!(told, "{winner} holds {name}, and {loser} was told {claim:?}");
    }
    assert_eq!(log.state(name).await.holder, Some(*winner), "who holds {name}");
}

/// L2: each grant has a greater epoch than the one before: of the same owner anew, after a release, and after the log
/// was opened again.
pub async fn l02_every_grant_has_a_greater_epoch(h: &dyn RowHarness) {
    let name = lease_name("job");
    let mut last = Lease::new(name.clone(), Epoch::NONE);
    for _ in 0..3 {
        let log = RowLog::open(h, "l02").await;
        for _ in 0..2 {
            last = greater(&log, &last, 1).await;
            // Who holds a lease and asks again has been started anew, and is granted it anew.
            last = greater(&log, &last, 1).await;
            log.release(&last).await;
            assert_eq!(log.state(&name).await.epoch, last.epoch(), "the epoch after a release");
            last = greater(&log, &last, 2).await;
            log.release(&last).await;
        }
    }
}

async fn greater(log: &RowLog, last: &Lease, by: u128) -> Lease {
    let lease = log.granted(last.name(), owner(by), HOUR).await;
    assert!(lease.epoch() > last.epoch(), "{lease:?} was granted after {last:?}");
    assert_eq!(log.state(last.name()).await.epoch, lease.epoch(), "the newest epoch");
    lease
}

/// L2: when one owner asks many times at once, each grant has an epoch of its own.
pub async fn l02_racing_grants_to_one_owner_are_counted_each(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l02_race").await;
    for round in 0..rounds(5, 100) {
        let name = lease_name(&format!("round/{round}"));
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (log, name, together) = (log.clone(), name.clone(), together.clone());
            tasks.spawn(async move {
                together.wait().await;
                log.granted(&name, owner(1), HOUR).await.epoch()
            });
        }
        let epochs = all("racing grants", tasks).await;
        let different: BTreeSet<_> = epochs.iter().collect();
        assert_eq!(different.len(), epochs.len(), "racing grants were counted {epochs:?}");
        let newest = log.state(&name).await.epoch;
        assert_eq!(epochs.iter().max(), Some(&newest), "the newest epoch");
    }
}

/// L1 and L2: a lease that goes from hand to hand is in one hand at a time, and no epoch is granted twice.
pub async fn l02_a_lease_goes_from_hand_to_hand(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l02_hands").await;
    let (name, holders) = (lease_name("job"), Arc::new(AtomicU32::new(0)));
    let mut tasks = JoinSet::new();
    for n in 0..4 {
        let (log, name, holders) = (log.clone(), name.clone(), holders.clone());
        tasks.spawn(async move {
            let mut epochs = Vec::new();
            for _ in 0..rounds(5, 100) {
                let lease = within("waiting for a lease", in_turn(&log, &name, n)).await;
                assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "holders before {lease:?}");
                yield_now().await;
                holders.fetch_sub(1, Ordering::SeqCst);
                log.release(&lease).await;
                epochs.push(lease.epoch());
            }
            assert!(epochs.is_sorted(), "the epochs of one owner are {epochs:?}");
            epochs
        });
    }
    let epochs: Vec<_> = all("holders in turn", tasks).await.into_iter().flatten().collect();
    let different: BTreeSet<_> = epochs.iter().collect();
    assert_eq!(different.len(), epochs.len(), "grants were counted {epochs:?}");
}

async fn in_turn(log: &RowLog, name: &LeaseName, n: u128) -> Lease {
    loop {
        match log.claim(name, owner(n), HOUR).await {
            Claim::Granted(lease) => return lease,
            Claim::Held { .. } => sleep(Duration::from_millis(1)).await,
        }
    }
}
