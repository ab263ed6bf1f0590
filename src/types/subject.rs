//! Whose personal data it is, and the keys under which it is sealed.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error};
use zeroize::Zeroize;

/// The longest name of a data subject, in bytes: it is also the id of a stream.
const SUBJECT_BYTES_MAX: usize = 190;

/// A person whose data is kept, by a name that says nothing of them: `customer-17850`. 1 to 190 bytes of UTF-8 without
/// control characters, compared byte for byte.
///
/// It stays readable when the person is forgotten, in events, views and logs: choose a number, and no e-mail address.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct DataSubject(Arc<str>);

/// A name that is empty, too long, or holds a control character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a data subject is named with 1 to 190 bytes without control characters")]
pub struct InvalidDataSubject;

impl DataSubject {
    /// The data subject called `name`.
    ///
    /// # Errors
    /// [`InvalidDataSubject`] if it is empty, too long, or holds a control character.
    pub fn new(name: &str) -> Result<Self, InvalidDataSubject> {
        let fits = (1..=SUBJECT_BYTES_MAX).contains(&name.len());
        if fits && !name.chars().any(char::is_control) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidDataSubject)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for DataSubject {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for DataSubject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::new(&name).map_err(D::Error::custom)
    }
}

impl fmt::Display for DataSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DataSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataSubject({})", self.0)
    }
}

/// Tells the keys of one data subject apart: 1 is the first, and each rotation adds the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    /// Of the first key of a data subject.
    pub const FIRST: Self = Self(1);

    /// The `n`th key.
    #[must_use]
    pub const fn new(n: u32) -> Self {
        Self(n)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Of the key after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key under which personal data is sealed.
///
/// It is wiped from memory when it is dropped, and its [`Debug`] shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubjectKey([u8; Self::BYTES]);

impl SubjectKey {
    /// How long a key is.
    pub const BYTES: usize = 32;

    /// The key of these bytes, which nobody can foresee.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// For backends: the key that is kept as these bytes; `None` if that is no key.
    #[must_use]
    pub fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For backends and ciphers: the key itself. It belongs into no log and no error.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl Drop for SubjectKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectKey(..)")
    }
}

/// A key for a data subject, to be kept.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "backends take it apart")]
pub struct NewKey {
    /// Whose it is.
    pub subject: DataSubject,
    /// Which of the subject's keys it shall be.
    pub id: KeyId,
    /// The key.
    pub key: SubjectKey,
}

/// The keys of one data subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is no third")]
pub enum KeyRing {
    /// The keys by their ids, from the first on; none, if no data of the subject was ever sealed.
    Keys(Vec<SubjectKey>),
    /// The subject was forgotten, and will have no key again.
    Forgotten,
}

impl KeyRing {
    /// The ring of a data subject that nobody has heard of.
    pub const EMPTY: Self = Self::Keys(Vec::new());

    /// The newest key, under which data is sealed now.
    #[must_use]
    pub fn newest(&self) -> Option<(KeyId, &SubjectKey)> {
        let Self::Keys(keys) = self else { return None };
        let id = u32::try_from(keys.len()).ok().map(KeyId::new)?;
        keys.last().map(|key| (id, key))
    }

    /// The key `id`, if it is there.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&SubjectKey> {
        let Self::Keys(keys) = self else { return None };
        keys.get(usize::try_from(id.get()).ok()?.checked_sub(1)?)
    }

    /// For backends: which id the next key will have; `None` if there will be none.
    #[must_use]
    pub fn next_id(&self) -> Option<KeyId> {
        match self {
            Self::Keys(_) => Some(self.newest().map_or(KeyId::FIRST, |(id, _)| id.next())),
            Self::Forgotten => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let key = SubjectKey::new([0xa7; 32]);
        let subject = DataSubject::new("customer-1").unwrap();
        let new = NewKey { subject, id: KeyId::FIRST, key: key.clone() };
        for text in
            [format!("{key:?}"), format!("{new:#?}"), format!("{:?}", KeyRing::Keys(vec![key]))]
        {
            assert!(!text.contains("a7") && !text.contains("167"), "{text}");
        }
    }

    #[test]
    fn keys_are_counted_from_one() {
        let [first, second] = [1, 2].map(|byte| SubjectKey::new([byte; 32]));
        let ring = KeyRing::Keys(vec![first.clone(), second.clone()]);
        assert_eq!(ring.newest(), Some((KeyId::new(2), &second)));
        assert_eq!((ring.get(KeyId::FIRST), ring.get(KeyId::new(0))), (Some(&first), None));
        assert_eq!((ring.get(KeyId::new(3)), ring.next_id()), (None, Some(KeyId::new(3))));
        assert_eq!(KeyRing::EMPTY.next_id(), Some(KeyId::FIRST));
        assert_eq!(KeyRing::Forgotten.next_id(), None);
    }

    #[test]
    fn a_malformed_name_is_refused_also_when_it_is_read() {
        for name in ["", "a\nb", &"x".repeat(191)] {
            assert!(DataSubject::new(name).is_err(), "{name:?}");
            let json = serde_json::to_string(name).unwrap();
            assert!(serde_json::from_str::<DataSubject>(&json).is_err(), "{json}");
        }
        assert_eq!(serde_json::from_str::<DataSubject>(r#""a\u0062""#).unwrap().as_str(), "ab");
    }
}
