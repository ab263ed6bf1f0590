//! The names of what the crate counts, in one place. Without the feature `metrics` the counts are no-ops.
//!
//! The names are documented in `docs/telemetry.md`.

use std::sync::Arc;
use std::time::Duration;

/// A metric with the label `backend`. For the backends of the crate the key is a constant, which costs
/// nothing to make; a label of another value is allocated at every count.
#[cfg(feature = "metrics")]
macro_rules! of_backend {
    ($kind:ident, $name:literal, $backend:expr) => {
        match $backend {
            "memory" => metrics::$kind!($name, "backend" => "memory"),
            "sqlite" => metrics::$kind!($name, "backend" => "sqlite"),
            "postgres" => metrics::$kind!($name, "backend" => "postgres"),
            other => metrics::$kind!($name, "backend" => other),
        }
    };
}

/// A store made `commits` commits of `events` events durable in one transaction.
pub(crate) fn batch(backend: &'static str, commits: usize, events: usize) {
    #[cfg(feature = "metrics")]
    {
        of_backend!(counter, "freehold_commits_total", backend).increment(commits as u64);
        of_backend!(counter, "freehold_events_total", backend).increment(events as u64);
        #[allow(clippy::cast_precision_loss, reason = "batches are far smaller than 2^53")]
        of_backend!(histogram, "freehold_batch_commits", backend).record(commits as f64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (backend, commits, events);
}

/// A store refused a commit because a stream had moved.
pub(crate) fn conflict(backend: &'static str) {
    #[cfg(feature = "metrics")]
    of_backend!(counter, "freehold_conflicts_total", backend).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = backend;
}

/// A command is decided or committed again. `reason` is `conflict`, `transient` or `unknown`.
pub(crate) fn retry(reason: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_retries_total", "reason" => reason).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = reason;
}

/// Since when something goes on whose time nobody but the metrics asks for: without them the clock is not looked at.
pub(crate) struct Timing {
    #[cfg(feature = "metrics")]
    begun: tokio::time::Instant,
}

impl Timing {
    pub(crate) fn begin() -> Self {
        Self {
            #[cfg(feature = "metrics")]
            begun: tokio::time::Instant::now(),
        }
    }
}

/// An attempt of a composition to look keys up ended so: `answered`, or the name of a failure.
pub(crate) fn source_attempt(source: &'static str, outcome: &'static str, timing: &Timing) {
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("freehold_source_attempts_total", "source" => source, "outcome" => outcome).increment(1);
        metrics::histogram!("freehold_source_attempt_seconds", "source" => source)
            .record(timing.begun.elapsed().as_secs_f64());
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (source, outcome, timing);
}

/// How long a commit took, from the call to the answer.
#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "the store in memory does not wait"))]
pub(crate) fn committed(backend: &'static str, took: Duration) {
    #[cfg(feature = "metrics")]
    of_backend!(histogram, "freehold_commit_seconds", backend).record(took.as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (backend, took);
}

/// How many positions a reader of the feed is behind the head after a page.
pub(crate) fn feed_lag(backend: &'static str, positions: u64) {
    #[cfg(feature = "metrics")]
    {
        // A gauge is a float; beyond 2^53 positions the lag is not the worry.
        #[allow(clippy::cast_precision_loss, reason = "see above")]
        of_backend!(gauge, "freehold_feed_lag_positions", backend).set(positions as f64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (backend, positions);
}

/// An instance of a process could not hear a message. It may be counted again if its commit meets another.
pub(crate) fn process_parked(process: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_process_parked_total", "process" => process).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = process;
}

/// A stored state was passed over, or one was stored, or was not.
pub(crate) fn snapshot(category: &'static str, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_snapshots_total", "category" => category, "outcome" => outcome)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (category, outcome);
}

/// A job has taken a batch of events in, the newest of which was recorded so long ago.
pub(crate) fn taken_in(job: &str, events: usize, age: Duration) {
    #[cfg(feature = "metrics")]
    {
        let job = job.to_owned();
        metrics::counter!("freehold_taken_in_total", "job" => job.clone()).increment(events as u64);
        #[allow(clippy::cast_precision_loss, reason = "batches are far smaller than 2^53")]
        metrics::histogram!("freehold_taken_in_events", "job" => job.clone()).record(events as f64);
        metrics::histogram!("freehold_taken_in_age_seconds", "job" => job)
            .record(age.as_secs_f64());
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (job, events, age);
}

/// A job has parked an event that it could not take in.
pub(crate) fn parked(job: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_parked_total", "job" => job.to_owned()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = job;
}

/// A job was stopped by an error.
pub(crate) fn stopped(job: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_stopped_total", "job" => job.to_owned()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = job;
}

/// Somebody has waited for a view. `outcome` is `reached`, or why not.
pub(crate) fn waited(view: &'static str, outcome: &'static str, took: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("freehold_wait_seconds", "view" => view, "outcome" => outcome)
        .record(took.as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (view, outcome, took);
}

/// A view was read. `want` is how fresh it should be, and `met` whether it was.
pub(crate) fn read(view: &'static str, want: &'static str, met: bool) {
    #[cfg(feature = "metrics")]
    {
        let met = if met { "true" } else { "false" };
        metrics::counter!("freehold_reads_total", "view" => view, "want" => want, "met" => met)
            .increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (view, want, met);
}

/// A saga was started here.
pub(crate) fn saga_started(saga: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_sagas_started_total", "saga" => saga).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = saga;
}

/// A saga has ended here. `outcome` is `completed`, `compensated` or `abandoned`.
pub(crate) fn saga_ended(saga: &str, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_sagas_ended_total", "saga" => saga.to_owned(), "outcome" => outcome)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (saga, outcome);
}

/// A step of a saga was called. `way` is `do`, `redrive` or `undo`; `outcome` says how it ended.
pub(crate) fn saga_call(
    saga: &'static str,
    step: &Arc<str>,
    way: &'static str,
    outcome: &'static str,
    took: Duration,
) {
    #[cfg(feature = "metrics")]
    {
        let step = metrics::SharedString::from(Arc::clone(step));
        metrics::histogram!(
            "freehold_saga_call_seconds",
            "saga" => saga, "step" => step, "way" => way, "outcome" => outcome
        )
        .record(took.as_secs_f64());
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (saga, step, way, outcome, took);
}

/// A saga was given up. `cause` is `refused`, `exhausted`, `cancelled` or `deadline`.
pub(crate) fn saga_given_up(saga: &'static str, cause: &'static str, uncertain: usize) {
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("freehold_sagas_given_up_total", "saga" => saga, "cause" => cause)
            .increment(1);
        metrics::counter!("freehold_saga_uncertain_steps_total", "saga" => saga)
            .increment(uncertain as u64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (saga, cause, uncertain);
}

/// This process has left a saga that is not over. `why` is `suspended`, `lost`, `stuck` or `trouble`.
pub(crate) fn saga_left(saga: &str, why: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_sagas_left_total", "saga" => saga.to_owned(), "why" => why)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (saga, why);
}

/// How many sagas this process has under way, how many wait their turn, and how many are parked.
pub(crate) fn sagas_here(running: usize, waiting: usize, parked: usize) {
    #[cfg(feature = "metrics")]
    for (state, count) in [("running", running), ("waiting", waiting), ("parked", parked)] {
        #[allow(clippy::cast_precision_loss, reason = "there are far fewer than 2^53")]
        metrics::gauge!("freehold_sagas", "state" => state).set(count as f64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (running, waiting, parked);
}

/// How many sagas of a part are not over, by where they are, and for how long the oldest has not been.
pub(crate) fn sagas_open(part: u32, standings: &[(&'static str, usize)], oldest: Duration) {
    #[cfg(feature = "metrics")]
    {
        let part = part.to_string();
        for (standing, count) in standings {
            #[allow(clippy::cast_precision_loss, reason = "there are far fewer than 2^53")]
            metrics::gauge!("freehold_sagas_open", "part" => part.clone(), "standing" => *standing)
                .set(*count as f64);
        }
        metrics::gauge!("freehold_sagas_oldest_seconds", "part" => part).set(oldest.as_secs_f64());
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (part, standings, oldest);
}

/// A saga whose time had come is looked at so late.
pub(crate) fn saga_due(late: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("freehold_saga_due_lag_seconds").record(late.as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = late;
}

/// It became known what came of a step that was uncertain. `how` is `tombstone`, `redrive`, `query` or `manual`.
pub(crate) fn saga_settled(saga: &'static str, how: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_saga_uncertain_settled_total", "saga" => saga, "how" => how)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (saga, how);
}

/// What became of messages that a relay published: `stored`, `duplicate`, `refused` or `trouble`.
pub(crate) fn published(relay: &str, outcome: &'static str, messages: u64) {
    #[cfg(feature = "metrics")]
    if messages > 0 {
        metrics::counter!("freehold_relay_published_total", "relay" => relay.to_owned(), "outcome" => outcome)
            .increment(messages);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (relay, outcome, messages);
}

/// How long a call of the broker took, and how many messages were in it.
pub(crate) fn publish_call(relay: &str, took: Duration, messages: usize) {
    #[cfg(feature = "metrics")]
    {
        metrics::histogram!("freehold_relay_publish_seconds", "relay" => relay.to_owned())
            .record(took.as_secs_f64());
        #[allow(clippy::cast_precision_loss, reason = "batches are far smaller than 2^53")]
        metrics::histogram!("freehold_relay_publish_messages", "relay" => relay.to_owned())
            .record(messages as f64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (relay, took, messages);
}

/// A broker has lost messages that it had stored, and is fed again.
pub(crate) fn broker_lost(relay: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_relay_broker_lost_total", "relay" => relay.to_owned()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = relay;
}

/// What became of a message that a consumer received: `handled`, `duplicate`, `gap`, `parked` or `invalid`.
pub(crate) fn handled(consumer: &str, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("freehold_inbox_total", "consumer" => consumer.to_owned(), "outcome" => outcome)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (consumer, outcome);
}
