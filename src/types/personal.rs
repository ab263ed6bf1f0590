//! A value that is somebody's personal data.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::DataSubject;
use super::mark::{FORGOTTEN, MARK, SEALED, SUBJECT, UNOPENED, VALUE};

/// A value that says something of a person, or what is left of it when the person was forgotten.
///
/// It is a field of events, states, views and messages like any other. Written through a store that seals, as
/// `personal::SealedStore` of the feature `personal` does, it is kept under a key of the person and never in plain; when that
/// key is gone, it is [`Forgotten`], wherever it is read.
///
/// Its [`Debug`] says whose it is and never what.
///
/// ```
/// use freehold::{DataSubject, Personal};
///
/// let customer = DataSubject::new("customer-17850")?;
/// let name = Personal::new(customer.clone(), "Ada".to_owned());
/// assert_eq!(name.get().map(String::as_str), Some("Ada"));
/// assert_eq!(format!("{name:?}"), "Personal(customer-17850)");
///
/// let forgotten = Personal::<String>::forgotten(customer);
/// assert_eq!(forgotten.known().unwrap_err().to_string(), "the data subject `customer-17850` was forgotten");
/// # Ok::<(), freehold::InvalidDataSubject>(())
/// ```
///
/// As JSON it is an object with the one key `~personal`, which nothing else should have.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Personal<T>(Result<Known<T>, Forgotten>);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Known<T> {
    subject: DataSubject,
    value: T,
}

/// What is left of personal data when the person was forgotten: whose it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[error("the data subject `{0}` was forgotten")]
pub struct Forgotten(DataSubject);

impl Forgotten {
    #[cfg(feature = "personal")]
    pub(crate) const fn new(subject: DataSubject) -> Self {
        Self(subject)
    }

    /// Who was forgotten.
    #[must_use]
    pub const fn subject(&self) -> &DataSubject {
        &self.0
    }
}

impl<T> Personal<T> {
    /// A value that says something of `subject`.
    #[must_use]
    pub const fn new(subject: DataSubject, value: T) -> Self {
        Self(Ok(Known { subject, value }))
    }

    /// What is left of a value when `subject` was forgotten.
    #[must_use]
    pub const fn forgotten(subject: DataSubject) -> Self {
        Self(Err(Forgotten(subject)))
    }

    /// Whose it is, or was.
    #[must_use]
    pub const fn subject(&self) -> &DataSubject {
        match &self.0 {
            Ok(known) => &known.subject,
            Err(forgotten) => &forgotten.0,
        }
    }

    /// The value, if it is not forgotten.
    #[must_use]
    pub const fn get(&self) -> Option<&T> {
        match &self.0 {
            Ok(known) => Some(&known.value),
            Err(_) => None,
        }
    }

    /// The value.
    ///
    /// # Errors
    /// [`Forgotten`] if the person was forgotten.
    pub const fn known(&self) -> Result<&T, &Forgotten> {
        match &self.0 {
            Ok(known) => Ok(&known.value),
            Err(forgotten) => Err(forgotten),
        }
    }

    /// The value itself.
    ///
    /// # Errors
    /// [`Forgotten`] if the person was forgotten.
    pub fn into_known(self) -> Result<T, Forgotten> {
        self.0.map(|known| known.value)
    }

    /// Another value of the same person, made of this one.
    #[must_use]
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Personal<U> {
        Personal(self.0.map(|Known { subject, value }| Known { subject, value: make(value) }))
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.0.is_ok() { "" } else { ", forgotten" };
        write!(f, "Personal({}{state})", self.subject())
    }
}

/// What stands under the mark.
struct Body<'a, T>(&'a Personal<T>);

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut marked = serializer.serialize_struct("Personal", 1)?;
        marked.serialize_field(MARK, &Body(self))?;
        marked.end()
    }
}

impl<T: Serialize> Serialize for Body<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_struct("Body", 2)?;
        body.serialize_field(SUBJECT, self.0.subject())?;
        match self.0.get() {
            Some(value) => body.serialize_field(VALUE, value)?,
            None => body.serialize_field(FORGOTTEN, &true)?,
        }
        body.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = deserializer.deserialize_struct("Personal", &[MARK], Marked(PhantomData));
        object(read, "personal data without its mark")
    }
}

/// Says of what is no object only that it is none: a format would repeat it, and it is a name if the field was not personal before.
fn object<T, E: Error>(read: Result<T, E>, otherwise: &str) -> Result<T, E> {
    read.map_err(|why| {
        if why.to_string().starts_with("invalid type") { E::custom(otherwise) } else { why }
    })
}

struct Marked<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Marked<T> {
    type Value = Personal<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("personal data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let not_marked = || A::Error::custom("personal data without its mark");
        match map.next_key::<std::borrow::Cow<'_, str>>()? {
            Some(key) if key == MARK => {}
            _ => return Err(not_marked()),
        }
        let Read(personal) = map.next_value()?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(personal),
            Some(_) => Err(not_marked()),
        }
    }
}

/// What stood under the mark.
struct Read<T>(Personal<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const FIELDS: &[&str] = &[SUBJECT, VALUE, FORGOTTEN, SEALED, UNOPENED];
        let read = deserializer.deserialize_struct("Body", FIELDS, Reader(PhantomData));
        object(read, "personal data with neither a value nor a seal")
    }
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
    type Value = Read<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("personal data")
    }

    // No error of the value itself is passed on: it could repeat what it has read.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut subject, mut value, mut is_forgotten) = (None, None, false);
        let (mut is_sealed, mut unopened) = (false, None::<String>);
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match &*key {
                SUBJECT => subject = Some(map.next_value::<DataSubject>()?),
                VALUE => {
                    let read = map.next_value::<T>();
                    value =
                        Some(read.map_err(|_| A::Error::custom("personal data of another type"))?);
                }
                FORGOTTEN => is_forgotten = map.next_value()?,
                SEALED => {
                    is_sealed = true;
                    map.next_value::<IgnoredAny>()?;
                }
                UNOPENED => unopened = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match (subject, value) {
            (Some(subject), None) if is_forgotten => Ok(Read(Personal::forgotten(subject))),
            (Some(subject), Some(value)) => Ok(Read(Personal::new(subject, value))),
            (Some(_), None) if is_sealed => Err(A::Error::custom(match unopened {
                Some(why) => format!("personal data cannot be opened: {why}"),
                None => "personal data is sealed".to_owned(),
            })),
            _ => Err(A::Error::custom("personal data with neither a value nor a seal")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, json, to_string, to_value};

    use super::*;

    fn ada() -> Personal<String> {
        Personal::new(DataSubject::new("c-1").unwrap(), "Ada".to_owned())
    }

    #[test]
    fn what_is_written_is_read_whatever_is_in_it() {
        let marked = r#"{"~personal":{"subject":"c-1","value":"Ada"}}"#;
        assert_eq!(to_string(&ada()).unwrap(), marked);
        assert_eq!(from_str::<Personal<String>>(marked).unwrap(), ada());
        let gone = Personal::<String>::forgotten(ada().subject().clone());
        assert_eq!(
            to_string(&gone).unwrap(),
            r#"{"~personal":{"subject":"c-1","forgotten":true}}"#
        );
        assert_eq!(
            serde_json::from_value::<Personal<String>>(to_value(&gone).unwrap()).unwrap(),
            gone
        );
        let nothing = ada().map(|_| None::<u8>);
        assert_eq!(
            from_str::<Personal<Option<u8>>>(&to_string(&nothing).unwrap()).unwrap(),
            nothing
        );
    }

    #[test]
    fn what_cannot_be_read_says_why_and_never_what() {
        for (json, why) in [
            (json!({"~personal": {"subject": "c-1", "value": "secret"}}), "another type"),
            (json!({"~personal": {"subject": "c-1", "sealed": "secret", "key": 1}}), "is sealed"),
            (
                json!({"~personal": {"subject": "c-1", "sealed": "x", "unopened": "why"}}),
                "opened: why",
            ),
            (json!({"~personal": {"subject": "c-1"}}), "neither"),
            (json!({"~personal": {"subject": "c-1", "value": 1}, "x": 2}), "without its mark"),
            (json!({"name": "secret"}), "without its mark"),
            // As it was before the field was personal.
            (json!("secret"), "without its mark"),
            (json!(4_711), "without its mark"),
            (json!(4_711.5), "without its mark"),
            (json!(-4_711), "without its mark"),
            (json!(true), "without its mark"),
            (json!({"~personal": "secret"}), "neither"),
        ] {
            let error = from_str::<Personal<u64>>(&json.to_string()).unwrap_err().to_string();
            let is_told = ["secret", "4711", "true"].iter().any(|what| error.contains(what));
            assert!(error.contains(why) && !is_told, "{json}: {error}");
        }
    }

    #[test]
    fn nothing_prints_the_value() {
        for text in [format!("{:?}", ada()), format!("{:#?}", Some(ada()))] {
            assert!(text.contains("c-1") && !text.contains("Ada"), "{text}");
        }
    }
}
