//! Which names a type reads.

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::stop::Stop;

/// The names that `E` reads, as `serde` has them: with `rename`, `rename_all` and every `alias`, but
/// before [upcasts](super::Event::upcasts). `None` if `E` is not a plain enum.
///
/// Nothing is registered: the type is asked to read, and stopped as soon as it has said its names.
#[must_use]
pub fn names<E: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut asked = None;
    // It always fails: the names are all that is wanted.
    let _stopped = E::deserialize(Names(&mut asked));
    asked
}

struct Names<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Stop;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Stop> {
        *self.0 = Some(variants);
        Err(Stop)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
