//! What goes wrong on purpose between a saga and a service: `--fail STEP=HOW`.

use std::error::Error;
use std::fmt;
use std::future::pending;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use freehold::retry::RetryPolicy;
use freehold::saga::{Again, Failure, Policy};

/// The part of the calls that fail when nothing is said.
const FLAP_RATE: f64 = 0.3;
/// How long a call may take that goes wrong on purpose.
const TIME_MAX: Duration = Duration::from_millis(250);

/// Which calls go wrong, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fail {
    /// Which.
    pub part: Part,
    /// How.
    pub how: How,
}

/// A step that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The reservation, at Inventory.
    Reserve,
    /// The charge, at Payment.
    Charge,
    /// The confirmation, which is local to Order.
    Confirm,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    /// It is refused.
    Decline,
    /// Nothing happens, and nobody hears of that.
    TimeoutBefore,
    /// It happens, and nobody hears of it.
    TimeoutAfter,
    /// It never answers.
    Hang,
    /// Each call with this probability: half of those fail before anything has happened, half happen and nobody hears of it.
    Flap(f64),
}

/// What goes wrong on purpose.
#[derive(Debug)]
pub struct Faults {
    fail: Option<Fail>,
    rng: Mutex<Rng>,
}

/// What becomes of one call.
enum Goes {
    Well,
    Fails,
    LostAfter,
}

/// No answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as `--fail` asks for: {0}")]
struct OnPurpose(&'static str);

impl Faults {
    /// What `fail` says, drawn from `seed`.
    #[must_use]
    pub fn new(fail: Option<Fail>, seed: u64) -> Self {
        Self { fail, rng: Mutex::new(Rng::with_seed(seed)) }
    }

    /// How patient the step is: where it goes wrong on purpose, not very.
    pub(super) fn policy(&self, part: Part) -> Policy {
        let Some(fail) = self.fail.filter(|fail| fail.part == part) else {
            return Policy::default();
        };
        let hasty = |retries_max| RetryPolicy {
            retries_max,
            delay_min: Duration::from_millis(1),
            delay_max: Duration::from_millis(20),
        };
        let retries_max = if let How::Flap(_) = fail.how { 5 } else { 2 };
        // Nobody looks after a replay: what flaps at a rate of 0.7 must not wait for an operator by mere chance.
        Policy { time_max: TIME_MAX, retry: hasty(retries_max), undo_retry: hasty(60) }
    }

    /// Calls a service for a step, or makes it look as if that had been done.
    pub(super) async fn around<T, R>(
        &self,
        part: Part,
        refusal: R,
        call: impl Future<Output = Result<T, Failure<R>>> + Send,
    ) -> Result<T, Failure<R>> {
        let Some(fail) = self.fail.filter(|fail| fail.part == part) else { return call.await };
        match fail.how {
            How::Decline => Err(Failure::Rejected(refusal)),
            How::TimeoutBefore => Err(lost()),
            How::TimeoutAfter => {
                drop(call.await);
                Err(lost())
            }
            How::Hang => pending().await,
            How::Flap(rate) => match self.draw(rate) {
                Goes::Well => call.await,
                Goes::Fails => Err(Failure::transient(OnPurpose("it fails"))),
                Goes::LostAfter => {
                    drop(call.await);
                    Err(lost())
                }
            },
        }
    }

    /// The same for a compensation: only what flaps goes wrong in both directions.
    pub(super) async fn around_undo(
        &self,
        part: Part,
        call: impl Future<Output = Result<(), Again>> + Send,
    ) -> Result<(), Again> {
        let Some(Fail { how: How::Flap(rate), .. }) = self.fail.filter(|fail| fail.part == part)
        else {
            return call.await;
        };
        match self.draw(rate) {
            Goes::Well => call.await,
            Goes::Fails => Err(Again::transient(OnPurpose("it fails"))),
            Goes::LostAfter => {
                drop(call.await);
                Err(Again::Unknown(OnPurpose("its answer is lost").into()))
            }
        }
    }

    fn draw(&self, rate: f64) -> Goes {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        match (rng.f64() < rate, rng.bool()) {
            (false, _) => Goes::Well,
            (true, false) => Goes::Fails,
            (true, true) => Goes::LostAfter,
        }
    }
}

fn lost<R>() -> Failure<R> {
    Failure::Unknown(OnPurpose("its answer is lost").into())
}

impl FromStr for Fail {
    type Err = Box<dyn Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected STEP=HOW: reserve, charge or confirm, and decline, timeout-before, \
                        timeout-after, hang, flap, or flap: and a rate from 0 to 1";
        let (part, how) = text.split_once('=').ok_or(expected)?;
        let part = match part {
            "reserve" => Part::Reserve,
            "charge" => Part::Charge,
            "confirm" => Part::Confirm,
            _ => return Err(expected.into()),
        };
        let how = match how.split_once(':').unwrap_or((how, "")) {
            ("decline", "") => How::Decline,
            ("timeout-before", "") => How::TimeoutBefore,
            ("timeout-after", "") => How::TimeoutAfter,
            ("hang", "") => How::Hang,
            ("flap", "") => How::Flap(FLAP_RATE),
            ("flap", rate) => {
                let rate = rate.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
                How::Flap(rate.ok_or(expected)?)
            }
            _ => return Err(expected.into()),
        };
        Ok(Self { part, how })
    }
}

impl Fail {
    /// Whether it is drawn which calls fail.
    #[must_use]
    pub const fn is_drawn(self) -> bool {
        matches!(self.how, How::Flap(_))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserve => "reserve",
            Self::Charge => "charge",
            Self::Confirm => "confirm",
        })
    }
}
