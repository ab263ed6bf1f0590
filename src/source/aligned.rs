//! Answers in the order of the keys.

use super::Failure;

/// What is said of one key, or why nothing is.
pub(crate) type Answer<V> = Result<Option<V>, Failure>;

/// One answer for each key, in the order of the keys. They are as the source had them: who only reads them once need not have them
/// written down once more.
pub(crate) enum Aligned<V> {
    /// None of them is a failure.
    Found(Vec<Option<V>>),
    Each(Vec<Answer<V>>),
}

impl<V> Aligned<V> {
    /// For none yet.
    pub(crate) const fn none() -> Self {
        Self::Each(Vec::new())
    }

    /// The same failure for so many keys.
    pub(crate) fn failed(because: &Failure, count: usize) -> Self {
        Self::Each((0..count).map(|_| Err(because.clone())).collect())
    }

    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Found(found) => found.len(),
            Self::Each(each) => each.len(),
        }
    }

    /// How many values there are.
    pub(crate) fn values(&self) -> usize {
        match self {
            Self::Found(found) => found.iter().flatten().count(),
            Self::Each(each) => each.iter().flatten().flatten().count(),
        }
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &Failure> {
        let each = match self {
            Self::Found(_) => &[],
            Self::Each(each) => each.as_slice(),
        };
        each.iter().filter_map(|answer| answer.as_ref().err())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<Option<&V>, &Failure>> {
        let (found, each) = match self {
            Self::Found(found) => (found.as_slice(), [].as_slice()),
            Self::Each(each) => ([].as_slice(), each.as_slice()),
        };
        let found = found.iter().map(|value| Ok(value.as_ref()));
        found.chain(each.iter().map(|answer| answer.as_ref().map(Option::as_ref)))
    }

    /// Takes other answers for single keys, each with its place.
    pub(crate) fn amend(&mut self, others: impl Iterator<Item = (usize, Answer<V>)>) {
        let mut each: Vec<_> = std::mem::replace(self, Self::none()).into_each().collect();
        for (at, answer) in others {
            if let Some(place) = each.get_mut(at) {
                *place = answer;
            }
        }
        *self = Self::Each(each);
    }

    pub(crate) fn into_each(self) -> impl Iterator<Item = Answer<V>> {
        let (found, each) = match self {
            Self::Found(found) => (found, Vec::new()),
            Self::Each(each) => (Vec::new(), each),
        };
        found.into_iter().map(Ok).chain(each)
    }
}
