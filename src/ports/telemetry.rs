//! The names of what the crate counts, in one place. Without the feature `metrics` the counts are no-ops.
//!
//! The names are documented in `docs/telemetry.md`.

use std::time::Duration;

/// A store made `commits` commits of `events` events durable in one transaction.
pub(crate) fn batch(backend: &'static str, commits: usize, events: usize) {
    count("freehold_commits_total", backend, commits);
    count("freehold_events_total", backend, events);
    observe("freehold_batch_commits", backend, commits);
}

/// A store refused a commit because a stream had moved.
pub(crate) fn conflict(backend: &'static str) {
    count("freehold_conflicts_total", backend, 1);
}

/// A command is decided or committed again. `reason` is `conflict`, `transient` or `unknown`.
pub(crate) fn retry(reason: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_retries_total", "reason" => reason).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = reason;
}

/// How long a commit took, from the call to the answer.
pub(crate) fn committed(backend: &'static str, took: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("freehold_commit_seconds", "backend" => backend).record(took.as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (backend, took);
}

/// How many positions a reader of the feed is behind the head after a page.
pub(crate) fn feed_lag(backend: &'static str, positions: u64) {
    #[cfg(feature = "metrics")]
    {
        // A gauge is a float; beyond 2^53 positions the lag is not the worry.
        #[allow(clippy::cast_precision_loss, reason = "see above")]
        metrics::gauge!("freehold_feed_lag_positions", "backend" => backend).set(positions as f64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (backend, positions);
}

fn count(name: &'static str, backend: &'static str, by: usize) {
    #[cfg(feature = "metrics")]
    metrics::counter!(name, "backend" => backend).increment(by as u64);
    #[cfg(not(feature = "metrics"))]
    let _ = (name, backend, by);
}

fn observe(name: &'static str, backend: &'static str, value: usize) {
    #[cfg(feature = "metrics")]
    {
        #[allow(clippy::cast_precision_loss, reason = "batches are far smaller than 2^53")]
        metrics::histogram!(name, "backend" => backend).record(value as f64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (name, backend, value);
}
