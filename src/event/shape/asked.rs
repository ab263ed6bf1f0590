//! What a type is given on the way to a place, and at it.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::run::Run;
use super::stand_in::StandIn;
use crate::event::stop::Stop;

/// A value that notes what it is asked for.
pub(super) struct Asked<'a, 'r>(pub(super) &'a mut Run<'r>);

impl Asked<'_, '_> {
    fn tuple<'de, V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let before = self.0.take("tuple", len)?;
        self.0.go(format_args!(".{before}"));
        visitor.visit_seq(Items { run: self.0, before })
    }

    fn fields<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let taken = self.0.take("struct", fields.len())?;
        let field = fields.get(taken).copied().ok_or(Stop)?;
        self.0.go(format_args!(".{field}"));
        visitor.visit_map(Entry { run: self.0, key: Some(field), is_value: true })
    }
}

macro_rules! leaves { ($($method:ident)*) => { $(
    fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.0.end(stringify!($method)))
    }
)* } }

impl<'de> Deserializer<'de> for Asked<'_, '_> {
    type Error = Stop;

    leaves! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        self.0.go(format_args!("?"));
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_unit(visitor)
    }

    // It is as transparent as in JSON.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        self.0.go(format_args!("[]"));
        visitor.visit_seq(Items { run: self.0, before: 0 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        self.tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        let is_value = self.0.take("map", 2)? == 1;
        self.0.go(format_args!("{}", if is_value { "{}" } else { "{key}" }));
        visitor.visit_map(Entry { run: self.0, key: None, is_value })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        self.fields(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0.enter::<V::Value>()?;
        let taken = self.0.take("enum", variants.len())?;
        let variant = variants.get(taken).copied().ok_or(Stop)?;
        self.0.go(format_args!("::{variant}"));
        visitor.visit_enum(Variant { run: self.0, variant })
    }
}

/// The items of a list or tuple: some that stand in, and the one that is asked for.
struct Items<'a, 'r> {
    run: &'a mut Run<'r>,
    before: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        let Some(before) = self.before.checked_sub(1) else {
            return seed.deserialize(Asked(self.run)).map(Some);
        };
        self.before = before;
        seed.deserialize(StandIn(self.run.text)).map(Some)
    }
}

/// One entry, of a map or a struct.
struct Entry<'a, 'r> {
    run: &'a mut Run<'r>,
    /// The field; a map has none.
    key: Option<&'static str>,
    is_value: bool,
}

impl<'de> MapAccess<'de> for Entry<'_, '_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        let key = match self.key {
            Some(field) => seed.deserialize(StrDeserializer::new(field)),
            None if self.is_value => seed.deserialize(StandIn(self.run.text)),
            None => seed.deserialize(Asked(self.run)),
        };
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(Asked(self.run))
    }
}

/// One variant, and what is in it.
struct Variant<'a, 'r> {
    run: &'a mut Run<'r>,
    variant: &'static str,
}

impl<'de, 'a, 'r> EnumAccess<'de> for Variant<'a, 'r> {
    type Error = Stop;
    type Variant = Asked<'a, 'r>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Asked<'a, 'r>), Stop> {
        let variant = seed.deserialize(StrDeserializer::<Stop>::new(self.variant))?;
        Ok((variant, Asked(self.run)))
    }
}

impl<'de> VariantAccess<'de> for Asked<'_, '_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Err(self.0.end("unit"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.fields(fields, visitor)
    }
}
