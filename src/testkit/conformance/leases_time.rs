//! L3, L4 and L5: how long a lease lasts.
//!
//! Time is measured from before the call that asked for the lease until after the call that found it over. A store
//! cannot be seen to be too early for having been slow.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::time::Instant;

use super::RowHarness;
use super::kit::{advance, lease_name, rounds};
use super::leases_grants::one_is_granted;
use super::row_kit::{HOUR, RowLog, SHORT, is_fenced, owner};
use crate::types::{Claim, Commit, Epoch, Lease};

/// L3: a lease is granted to another when its time is over, and no sooner, and then its former holder is fenced off.
pub async fn l03_a_lease_that_is_not_renewed_is_granted_to_another(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l03_expires").await;
    for (n, time) in [SHORT, 3 * SHORT, Duration::from_millis(1)].into_iter().enumerate() {
        let name = lease_name(&format!("job/{n}"));
        let since = Instant::now();
        let first = log.granted(&name, owner(1), time).await;
        let second = log.taken_over(&name, owner(2), (since, time)).await;
        assert!(second.epoch() > first.epoch(), "{second:?} was granted after {first:?}");
        log.held(&name, owner(2)).await;
        let late = advance(&first, 0, 1);
        let error = log.refused(Commit::new().advance(late.clone()), &[], &[&name]).await;
        is_fenced(&error, &late, &log.state(&name).await);
    }
}

/// L3: nobody holds a lease whose time is over, and nothing else of it has changed.
pub async fn l03_an_expired_lease_has_no_holder(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l03_holder").await;
    let name = lease_name("job");
    let since = Instant::now();
    let lease = log.granted(&name, owner(1), SHORT).await;
    log.commit(Commit::new().advance(advance(&lease, 0, 7))).await;
    log.expired(&name, (since, SHORT)).await;
    log.stands(&name, 7).await;
    assert_eq!(log.state(&name).await.epoch, lease.epoch(), "the epoch of an expired lease");
}

/// L3: of many that ask at once for a lease that has expired, one is granted it.
pub async fn l03_of_racing_claimants_of_an_expired_lease_one_is_granted(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l03_race").await;
    for round in 0..rounds(5, 50) {
        let name = lease_name(&format!("round/{round}"));
        let (since, time) = (Instant::now(), Duration::from_millis(5));
        log.granted(&name, owner(1), time).await;
        log.expired(&name, (since, time)).await;
        one_is_granted(&log, &name).await;
    }
}

/// L4: a lease lasts from the renewal on for as long as the renewal asks, be that longer or shorter than before.
pub async fn l04_a_renewed_lease_lasts_from_then_on(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l04_renewed").await;
    let name = lease_name("job");
    let lease = log.granted(&name, owner(1), SHORT).await;
    assert!(log.renew(&lease, HOUR).await, "{lease:?} is the newest");
    let expires_in = log.held(&name, owner(1)).await;
    assert!((HOUR / 2..=HOUR).contains(&expires_in), "an hour ends in {expires_in:?}");
    assert_eq!(log.state(&name).await.epoch, lease.epoch(), "the epoch after a renewal");
    let since = Instant::now();
    assert!(log.renew(&lease, SHORT).await, "{lease:?} is the newest");
    log.taken_over(&name, owner(2), (since, SHORT)).await;
    assert!(!log.renew(&lease, HOUR).await, "{lease:?} was taken over");
    log.held(&name, owner(2)).await;
}

/// L4: who renews under an epoch that is not the newest, or after the release, is told so, and nothing has changed.
pub async fn l04_only_the_newest_epoch_can_be_renewed(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l04_older").await;
    let name = lease_name("job");
    let unknown = Lease::new(name.clone(), Epoch::new(1));
    assert!(!log.renew(&unknown, HOUR).await, "a lease that nobody was granted was renewed");
    assert_eq!(log.state(&name).await.holder, None, "the holder of a lease that was not granted");
    let older = log.granted(&name, owner(1), HOUR).await;
    log.release(&older).await;
    assert!(!log.renew(&older, HOUR).await, "a released lease was renewed");
    assert_eq!(log.state(&name).await.holder, None, "the holder of a released lease");
    let newer = log.granted(&name, owner(1), HOUR).await;
    let newest = log.granted(&name, owner(1), HOUR).await;
    let unheard = Lease::new(name.clone(), Epoch::new(newest.epoch().get() + 1));
    for wrong in [&older, &newer, &unheard] {
        assert!(!log.renew(wrong, Duration::from_millis(1)).await, "{wrong:?} was renewed");
        let expires_in = log.held(&name, owner(1)).await;
        assert!(expires_in > HOUR / 2, "renewing {wrong:?} left {expires_in:?}");
        assert_eq!(log.state(&name).await.epoch, newest.epoch(), "the newest epoch");
    }
    assert!(log.renew(&newest, HOUR).await, "{newest:?} is the newest");
}

/// L4: a lease that has expired can be renewed if nobody has claimed it.
pub async fn l04_an_expired_lease_that_nobody_has_claimed_can_be_renewed(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l04_expired").await;
    let name = lease_name("job");
    let since = Instant::now();
    let lease = log.granted(&name, owner(1), SHORT).await;
    log.expired(&name, (since, SHORT)).await;
    assert!(log.renew(&lease, HOUR).await, "nobody has claimed {lease:?}");
    let expires_in = log.held(&name, owner(1)).await;
    assert!((HOUR / 2..=HOUR).contains(&expires_in), "an hour ends in {expires_in:?}");
}

/// L4: when the holder of an expired lease renews it while another claims it, just one of them has it.
pub async fn l04_of_a_renewal_and_a_claim_one_succeeds(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l04_race").await;
    for round in 0..rounds(10, 100) {
        let name = lease_name(&format!("round/{round}"));
        let (since, time) = (Instant::now(), Duration::from_millis(5));
        let lease = log.granted(&name, owner(1), time).await;
        log.expired(&name, (since, time)).await;
        let together = Arc::new(Barrier::new(2));
        let (renewing, barrier) = (log.clone(), together.clone());
        let renewal = tokio::spawn(async move {
            barrier.wait().await;
            renewing.renew(&lease, HOUR).await
        });
        together.wait().await;
        let claim = log.claim(&name, owner(2), HOUR).await;
        let renewed = renewal.await.expect("renewing does not panic");
        let granted = matches!(claim, Claim::Granted(_));
        assert!(renewed != granted, "renewed: {renewed}, and the claim was answered {claim:?}");
        let holder = if renewed { owner(1) } else { owner(2) };
        assert_eq!(log.state(&name).await.holder, Some(holder), "who has it");
    }
}

/// L5: a released lease is nobody's, and granted to whoever asks first; what is known of the job stays.
pub async fn l05_a_released_lease_is_granted_at_once(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l05_released").await;
    let [name, other] = ["job", "other"].map(lease_name);
    log.granted(&other, owner(1), HOUR).await;
    let lease = log.granted(&name, owner(1), HOUR).await;
    log.commit(Commit::new().advance(advance(&lease, 0, 7))).await;
    for _ in 0..2 {
        log.release(&lease).await;
        let state = log.state(&name).await;
        assert_eq!((state.holder, state.epoch), (None, lease.epoch()), "a released lease");
    }
    log.stands(&name, 7).await;
    log.granted(&name, owner(2), HOUR).await;
    log.stands(&name, 7).await;
    log.held(&other, owner(1)).await;
}

/// L5: a release under an epoch that is not the newest changes nothing, also if the same owner was granted the newest.
pub async fn l05_a_release_under_an_older_epoch_changes_nothing(h: &dyn RowHarness) {
    let log = RowLog::open(h, "l05_older").await;
    let name = lease_name("job");
    log.release(&Lease::new(name.clone(), Epoch::new(1))).await;
    let oldest = log.granted(&name, owner(1), HOUR).await;
    log.release(&oldest).await;
    let older = log.granted(&name, owner(2), HOUR).await;
    let newest = log.granted(&name, owner(2), HOUR).await;
    let unheard = Lease::new(name.clone(), Epoch::new(newest.epoch().get() + 1));
    for wrong in [&oldest, &older, &unheard] {
        let before = log.state(&name).await;
        log.release(wrong).await;
        assert_eq!(log.state(&name).await, before, "after {wrong:?} was released");
        log.held(&name, owner(2)).await;
    }
    assert!(log.renew(&newest, HOUR).await, "{newest:?} is the newest");
}
