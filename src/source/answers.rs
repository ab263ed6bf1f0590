//! What a source answers, and whether that fits what was asked.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::hash::Hash;

use super::aligned::{Aligned, Answer};
use super::{Failure, Malformed, Origin, PartReport};
use crate::consistency::{Lag, Session};

/// What a source answers to a call: for each key a value, or that there is none, or why it cannot say.
#[must_use = "answers are what a source returns"]
pub struct Answers<K, V> {
    said: Said<K, V>,
    /// Mostly there is nothing to be said, and then it takes no room.
    about: Option<Box<About>>,
}

/// What is said of the answers as a whole.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// How fresh they are, if a read model gave them.
    freshness: Option<Freshness>,
    /// How far those were whose data is in them.
    pub(crate) seen: Session,
    /// How long they were, in bytes, if the source says so.
    pub(crate) bytes: Option<usize>,
    /// What is missing within them.
    pub(crate) degraded: Vec<PartReport>,
}

/// How fresh answers are that a read model gave.
#[derive(Debug)]
struct Freshness {
    lag: Lag,
    met: bool,
}

impl About {
    /// Where answers came from of which this is said.
    pub(crate) fn origin(&self) -> Origin {
        let of_read_model =
            |Freshness { lag, met }: &Freshness| Origin::ReadModel { lag: *lag, met: *met };
        self.freshness.as_ref().map_or(Origin::Live, of_read_model)
    }

    /// Takes in what was said of a later answer.
    pub(crate) fn observe(&mut self, later: Self) {
        let Self { freshness, seen, bytes, degraded } = later;
        self.freshness = freshness.or(self.freshness.take());
        self.seen.observe(seen);
        self.bytes = bytes;
        self.degraded.extend(degraded);
    }
}

/// As the source had it.
enum Said<K, V> {
    Aligned(Vec<Option<V>>),
    Each(Vec<Answer<V>>),
    Keyed(Vec<(K, V)>),
}

impl<K, V> Answers<K, V> {
    /// One for each key, in the order of the keys; `None` means that there is no such thing.
    pub fn aligned(values: Vec<Option<V>>) -> Self {
        Self::new(Said::Aligned(values))
    }

    /// One for each key, in the order of the keys, or why there is none. Only those that failed are asked for again.
    pub fn each(answers: Vec<Result<Option<V>, Box<dyn Error + Send + Sync>>>) -> Self {
        let each = answers.into_iter().map(|answer| answer.map_err(Failure::failed)).collect();
        Self::new(Said::Each(each))
    }

    /// What was found, in any order, each with its key. What is not among it does not exist.
    pub fn keyed(found: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::new(Said::Keyed(found.into_iter().collect()))
    }

    fn new(said: Said<K, V>) -> Self {
        Self { said, about: None }
    }

    /// Says that they are of a read model that was at `at` and so far behind, and whether that was as fresh as was wanted.
    pub fn of_read_model(mut self, lag: Lag, at: Session, met: bool) -> Self {
        self.about().freshness = Some(Freshness { lag, met });
        self.seen(at)
    }

    /// Says how far those were whose data is in them. Whoever composes an answer of them never reads anything older.
    pub fn seen(mut self, session: Session) -> Self {
        self.about().seen.observe(session);
        self
    }

    /// Says how long the answer was, in bytes, as it came in. Without that it counts as what its values take in memory,
    /// without what they point to.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.about().bytes = Some(bytes);
        self
    }

    /// Says what is missing within them, if they are composed themselves.
    pub fn degraded(mut self, degraded: Vec<PartReport>) -> Self {
        self.about().degraded = degraded;
        self
    }

    fn about(&mut self) -> &mut About {
        self.about.get_or_insert_default()
    }
}

impl<K: Clone + Eq + Hash, V> Answers<K, V> {
    /// One for each key, in the order of the keys.
    ///
    /// # Errors
    /// [`Malformed`] if that is not what the source answered.
    pub(crate) fn align(
        self,
        keys: &[K],
        key_of: impl Fn(&V) -> Option<K>,
    ) -> Result<(Aligned<V>, Option<Box<About>>), Malformed> {
        let answers = match self.said {
            Said::Aligned(values) => Aligned::Found(values),
            Said::Each(answers) => Aligned::Each(answers),
            Said::Keyed(found) => Aligned::Found(sorted(found, keys)?),
        };
        if answers.len() != keys.len() {
            return Err(Malformed::Count { asked: keys.len(), answered: answers.len() });
        }
        for (key, answer) in keys.iter().zip(answers.iter()) {
            if let Ok(Some(value)) = answer
                && key_of(value).is_some_and(|other| other != *key)
            {
                return Err(Malformed::OtherKey);
            }
        }
        Ok((answers, self.about))
    }
}

/// What was found, in the order of the keys.
fn sorted<K: Eq + Hash, V>(found: Vec<(K, V)>, keys: &[K]) -> Result<Vec<Option<V>>, Malformed> {
    let mut by_key = HashMap::with_capacity(found.len());
    for (key, value) in found {
        if by_key.insert(key, value).is_some() {
            return Err(Malformed::Twice);
        }
    }
    let answers = keys.iter().map(|key| by_key.remove(key)).collect();
    if by_key.is_empty() { Ok(answers) } else { Err(Malformed::NotAsked) }
}

impl<K, V> From<Vec<Option<V>>> for Answers<K, V> {
    fn from(values: Vec<Option<V>>) -> Self {
        Self::aligned(values)
    }
}

/// Shows how many there are, and nothing of what they are.
impl<K, V> fmt::Debug for Answers<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, count) = match &self.said {
            Said::Aligned(values) => ("aligned", values.len()),
            Said::Each(answers) => ("each", answers.len()),
            Said::Keyed(found) => ("keyed", found.len()),
        };
        f.debug_struct("Answers").field(form, &count).field("about", &self.about).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(answers: Answers<u8, u8>, keys: &[u8]) -> Result<Vec<Option<u8>>, Malformed> {
        let (answers, _) = answers.align(keys, |value| Some(value / 10))?;
        Ok(answers.into_each().map(|answer| answer.ok().flatten()).collect())
    }

    #[test]
    fn an_answer_that_fits_is_put_into_the_order_of_the_keys() {
        let found = Answers::keyed([(3, 30), (1, 10)]);
        assert_eq!(aligned(found, &[1, 2, 3]), Ok(vec![Some(10), None, Some(30)]));
        let values = Answers::aligned(vec![Some(11), None]);
        assert_eq!(aligned(values, &[1, 2]), Ok(vec![Some(11), None]));
        let each = Answers::each(vec![Err("down".into()), Ok(Some(21))]);
        assert_eq!(aligned(each, &[1, 2]), Ok(vec![None, Some(21)]));
    }

    #[test]
    fn an_answer_that_does_not_fit_is_caught() {
        for (answers, why) in [
            (Answers::aligned(vec![]), Malformed::Count { asked: 2, answered: 0 }),
            (Answers::aligned(vec![None; 3]), Malformed::Count { asked: 2, answered: 3 }),
            (Answers::each(vec![Ok(None)]), Malformed::Count { asked: 2, answered: 1 }),
            (Answers::aligned(vec![Some(20), Some(10)]), Malformed::OtherKey),
            (Answers::keyed([(1, 20)]), Malformed::OtherKey),
            (Answers::keyed([(1, 10), (3, 30)]), Malformed::NotAsked),
            (Answers::keyed([(1, 10), (1, 10)]), Malformed::Twice),
        ] {
            assert_eq!(aligned(answers, &[1, 2]), Err(why));
        }
    }
}
