//! Reading: joins a variant's name and the JSON of its content into the enum's value.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::de::SliceRead;

use super::mismatch::Mismatch;

/// The value whose variant is called `name` and whose content is the JSON `data`, to its last byte.
///
/// The type reads straight from the two, and may borrow from both.
pub(crate) fn join<'de, T: Deserialize<'de>>(
    name: &'de str,
    data: &'de [u8],
) -> Result<T, Mismatch> {
    T::deserialize(Joiner { name, content: Content(data) })
}

/// Where in the content it fails to be that value, `lines[2].sku`; nothing, if that is the content as a whole, or if it does not fail.
#[cfg(feature = "testkit")]
pub(crate) fn place_of_misfit<'de, T: Deserialize<'de>>(name: &'de str, data: &'de [u8]) -> String {
    use std::fmt::Write;

    use serde_path_to_error::Segment;
    let joiner = Joiner { name, content: Content(data) };
    let read: Result<T, _> = serde_path_to_error::deserialize(joiner);
    let Err(why) = read else { return String::new() };
    let mut place = String::new();
    // The first is the variant.
    for segment in why.path().iter().skip(1) {
        let dot = if place.is_empty() { "" } else { "." };
        // A text is always written.
        let _ = match segment {
            Segment::Seq { index } => write!(place, "[{index}]"),
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                write!(place, "{dot}{name}")
            }
            Segment::Unknown => write!(place, "{dot}?"),
        };
    }
    place
}

struct Joiner<'de> {
    name: &'de str,
    content: Content<'de>,
}

struct Content<'de>(&'de [u8]);

type Json<'de> = serde_json::Deserializer<SliceRead<'de>>;

impl<'de> Content<'de> {
    fn read<T>(
        self,
        read: impl FnOnce(&mut Json<'de>) -> serde_json::Result<T>,
    ) -> Result<T, Mismatch> {
        let mut json = Json::from_slice(self.0);
        let value = read(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for Joiner<'de> {
    type Error = Mismatch;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_enum(self)
    }

    // A newtype around the enum is as transparent as it is in JSON.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch::NotPlain)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Joiner<'de> {
    type Error = Mismatch;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'de>), Mismatch> {
        let variant = seed.deserialize(BorrowedStrDeserializer::<Mismatch>::new(self.name))?;
        Ok((variant, self.content))
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Mismatch;

    // Ignored once it is seen to be JSON: a variant may lose its fields, and `other` takes anything.
    fn unit_variant(self) -> Result<(), Mismatch> {
        self.read(|json| IgnoredAny::deserialize(json).map(drop))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mismatch> {
        self.read(|json| seed.deserialize(json))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Mismatch> {
        self.read(|json| json.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.read(|json| json.deserialize_struct("", fields, visitor))
    }
}
