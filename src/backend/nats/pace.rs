//! Whether messages are faster one by one or as a whole, as it was measured.

use std::time::Duration;

use super::options::Batches;

/// The most messages of an atomic batch: the server's own limit.
pub(super) const BATCH_MESSAGES_MAX: usize = 1_000;
/// So many messages are published one by one to see how fast that is.
const PROBE: usize = 64;
/// Fewer are not worth a batch, nor a measurement.
const MEASURED_MIN: usize = 32;
/// After so many batches it is looked again how fast messages are one by one.
const PROBE_AFTER: u32 = 64;
/// What a batch takes, as far as nobody has measured one: the server makes a folder and files for it.
const BATCH_TIME: f64 = 0.010;
/// What each message of it takes.
const BATCH_MESSAGE_TIME: f64 = 0.000_03;
/// How much the newest measurement counts.
const NEWEST: f64 = 0.3;

/// How the next messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// So many, one by one.
    Singly(usize),
    /// So many, as a whole.
    Batch(usize),
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Pace {
    batches: Batches,
    /// What one message takes among others that are on their way, in seconds.
    single: Option<f64>,
    /// What batches take, as a multiple of what was assumed.
    batch: f64,
    /// Batches since messages were last published one by one.
    batches_since: u32,
}

impl Pace {
    pub(super) const fn new(batches: Batches) -> Self {
        Self { batches, single: None, batch: 1.0, batches_since: 0 }
    }

    /// How the next of `left` messages go.
    pub(super) fn way(&self, left: usize) -> Way {
        let batch = Way::Batch(left.min(BATCH_MESSAGES_MAX));
        let at_least = match self.batches {
            Batches::Never => return Way::Singly(left),
            Batches::From(messages) => messages.max(2),
            Batches::Measured => MEASURED_MIN,
        };
        if left < at_least {
            return Way::Singly(left);
        }
        match self.single {
            _ if self.batches != Batches::Measured => batch,
            Some(single) if self.batches_since < PROBE_AFTER => {
                let count = left.min(BATCH_MESSAGES_MAX);
                if single * float(count) > self.batch * assumed(count) {
                    batch
                } else {
                    Way::Singly(left)
                }
            }
            _ => Way::Singly(left.min(PROBE)),
        }
    }

    /// So many messages were published one by one.
    pub(super) fn singly_took(&mut self, messages: usize, time: Duration) {
        if messages < MEASURED_MIN {
            return;
        }
        let newest = time.as_secs_f64() / float(messages);
        // After a while without a measurement, the old one is worth nothing.
        let known = self.single.filter(|_| self.batches_since < PROBE_AFTER);
        self.single = Some(known.map_or(newest, |known| mixed(known, newest)));
        self.batches_since = 0;
    }

    /// A batch of so many was published.
    pub(super) fn batch_took(&mut self, messages: usize, time: Duration) {
        self.batch = mixed(self.batch, time.as_secs_f64() / assumed(messages));
        self.batches_since = self.batches_since.saturating_add(1);
    }
}

fn assumed(messages: usize) -> f64 {
    BATCH_MESSAGE_TIME.mul_add(float(messages), BATCH_TIME)
}

#[allow(clippy::cast_precision_loss, reason = "calls are far shorter than 2^53")]
const fn float(messages: usize) -> f64 {
    messages as f64
}

fn mixed(known: f64, newest: f64) -> f64 {
    NEWEST.mul_add(newest - known, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_micros(20);
    const SLOW: Duration = Duration::from_millis(1);

    fn measured(each: Duration) -> Pace {
        let mut pace = Pace::new(Batches::Measured);
        pace.singly_took(PROBE, each * 64);
        pace
    }

    #[test]
    fn a_few_messages_are_tried_first_and_then_the_faster_way_is_taken() {
        let pace = Pace::new(Batches::Measured);
        assert_eq!(pace.way(10), Way::Singly(10));
        assert_eq!(pace.way(5_000), Way::Singly(PROBE));
        assert_eq!(measured(FAST).way(5_000), Way::Singly(5_000));
        assert_eq!(measured(SLOW).way(5_000), Way::Batch(BATCH_MESSAGES_MAX));
        assert_eq!(measured(SLOW).way(936), Way::Batch(936));
        assert_eq!(measured(SLOW).way(10), Way::Singly(10));
    }

    #[test]
    fn what_was_measured_is_measured_again() {
        let mut pace = measured(SLOW);
        let (mut batches, mut probes) = (0, 0);
        for _ in 0..200 {
            match pace.way(1_000) {
                Way::Batch(messages) => {
                    batches += 1;
                    pace.batch_took(messages, Duration::from_millis(40));
                }
                Way::Singly(messages) => {
                    assert_eq!(messages, PROBE);
                    probes += 1;
                    pace.singly_took(messages, SLOW * 64);
                }
            }
        }
        assert_eq!((batches, probes), (197, 3));
        // Batches that are slow are left.
        for _ in 0..30 {
            pace.batch_took(1_000, Duration::from_secs(2));
        }
        assert_eq!(pace.way(1_000), Way::Singly(1_000));
    }

    #[test]
    fn who_knows_better_says_so() {
        assert_eq!(Pace::new(Batches::Never).way(5_000), Way::Singly(5_000));
        let pace = Pace::new(Batches::From(3));
        assert_eq!([2, 3].map(|left| pace.way(left)), [Way::Singly(2), Way::Batch(3)]);
        assert_eq!(Pace::new(Batches::From(0)).way(1), Way::Singly(1));
    }
}
