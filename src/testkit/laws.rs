//! What must hold of every projection, whatever it shows.

use std::fmt;

use crate::projection::{Facts, Projection, PureViews};
use crate::types::RecordedEvent;

/// A law that a projection breaks, with what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// An event cannot be folded.
    Unfoldable(String),
    /// Folded twice, the same events give other views: the fold looks at a clock, at chance, or at something that changes.
    NotDeterministic {
        /// Where they differ.
        difference: String,
    },
    /// In other batches, the same events give other views: a view does not survive being written and read back, or the fold
    /// remembers something from event to event that is not in the views.
    DependsOnBatches {
        /// How long the batches were.
        batches: Vec<usize>,
        /// Where they differ.
        difference: String,
    },
    /// A batch that was delivered again, because its commit or the answer to it was lost, leads to other views: the fold remembers
    /// something from event to event that is not in the views.
    ChangedByDuplicates {
        /// Where they differ.
        difference: String,
    },
    /// A rebuild gives other views than the events gave when they happened: the fold looks at when it runs, or at what it has
    /// seen beyond the event.
    ChangedByRebuild {
        /// Where they differ.
        difference: String,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfoldable(why) => write!(f, "an event cannot be folded: {why}"),
            Self::NotDeterministic { difference } => {
                write!(f, "folded twice, the events give other views: {difference}")
            }
            Self::DependsOnBatches { batches, difference } => {
                write!(f, "in batches of {batches:?}, the events give other views: {difference}")
            }
            Self::ChangedByDuplicates { difference } => {
                write!(f, "delivered again, the events give other views: {difference}")
            }
            Self::ChangedByRebuild { difference } => {
                write!(f, "a rebuild gives other views: {difference}")
            }
        }
    }
}

impl std::error::Error for Broken {}

/// Sees whether a projection keeps the laws on these events: it is deterministic; to fold event by event, in batches that
/// the seed draws, or all at once, gives the same. [`laws_of_upkeep`](super::laws_of_upkeep) sees the others.
///
/// In a property test, `prop_assert_eq!(laws(&OrderSummary, &events, seed), Ok(()))`.
///
/// # Errors
/// [`Broken`] names the law, and the first view that differs.
pub fn laws<P: Projection>(
    projection: &P,
    events: &[RecordedEvent],
    seed: u64,
) -> Result<(), Broken> {
    let fold = |batches: &[usize]| {
        let mut views = PureViews::default();
        let mut rest = events;
        for length in batches {
            let (batch, others) = rest.split_at((*length).min(rest.len()));
            let folded = views.fold(projection, batch, &Facts::new());
            folded.map_err(|why| Broken::Unfoldable(why.to_string()))?;
            rest = others;
        }
        Ok::<_, Broken>(views)
    };
    let whole = fold(&[events.len()])?;
    if let Some(difference) = difference(&whole, &fold(&[events.len()])?) {
        return Err(Broken::NotDeterministic { difference });
    }
    let mut chance = fastrand::Rng::with_seed(seed);
    let drawn: Vec<_> = (0..events.len()).map(|_| chance.usize(1..=5)).collect();
    for batches in [vec![1; events.len()], drawn] {
        if let Some(difference) = difference(&whole, &fold(&batches)?) {
            return Err(Broken::DependsOnBatches { batches, difference });
        }
    }
    Ok(())
}

/// The first view in which two sets differ.
pub(super) fn difference(one: &PureViews, other: &PureViews) -> Option<String> {
    let keys = one.0.keys().chain(other.0.keys());
    let mut differing = keys.filter(|key| one.0.get(*key) != other.0.get(*key));
    let key = differing.next()?;
    let text = |views: &PureViews| {
        views.0.get(key).map_or_else(
            || "no view".to_owned(),
            |value| String::from_utf8_lossy(value.json()).into_owned(),
        )
    };
    Some(format!("under `{key}` there is {} and {}", text(one), text(other)))
}
