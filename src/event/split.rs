//! Writing: parts an enum's value into its variant's name and the JSON of its content.

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{
    Impossible, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleVariant,
    Serializer,
};

use super::exact::{Notes, Noting};
use super::mismatch::Mismatch;

/// What is set aside for a payload, so that most are written without growing it.
const PAYLOAD_BYTES_USUAL: usize = 128;

/// A value in two, and what JSON may not give back of it.
pub(super) struct Split {
    pub(super) name: &'static str,
    pub(super) data: Bytes,
    pub(super) notes: Notes,
}

/// The variant's name and the JSON of its content, written straight from the value.
pub(crate) fn split<T: Serialize + ?Sized>(value: &T) -> Result<(&'static str, Bytes), Mismatch> {
    split_noted(value).map(|split| (split.name, split.data))
}

/// The same, for those who see to it that it can be read back.
pub(super) fn split_noted<T: Serialize + ?Sized>(value: &T) -> Result<Split, Mismatch> {
    let mut splitter = Splitter { name: "", json: Json::new(Vec::new()), notes: Notes::default() };
    value.serialize(&mut splitter)?;
    let content = splitter.json.into_inner();
    // No JSON is empty, so only a unit variant has written nothing. As an object it may gain fields.
    let data = if content.is_empty() { Bytes::from_static(b"{}") } else { content.into() };
    Ok(Split { name: splitter.name, data, notes: splitter.notes })
}

struct Splitter {
    name: &'static str,
    json: Json,
    notes: Notes,
}

type Json = serde_json::Serializer<Vec<u8>>;

/// What writes a content.
type Noted<'a> = Noting<'a, &'a mut Json>;

/// A tuple's or a struct's content, being written.
struct Content<C>(C);

type Refused = Impossible<(), Mismatch>;

impl Splitter {
    fn content_of(&mut self, name: &'static str) -> Noted<'_> {
        self.name = name;
        self.json = Json::new(Vec::with_capacity(PAYLOAD_BYTES_USUAL));
        Noting::new(&mut self.json, &self.notes)
    }
}

macro_rules! refuse {
    ($($method:ident($($argument:ty),*) -> $content:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$content, Mismatch> {
            Err(Mismatch::NotPlain)
        }
    )*};
}

impl<'a> Serializer for &'a mut Splitter {
    type Ok = ();
    type Error = Mismatch;
    type SerializeSeq = Refused;
    type SerializeTuple = Refused;
    type SerializeTupleStruct = Refused;
    type SerializeTupleVariant = Content<<Noted<'a> as Serializer>::SerializeTuple>;
    type SerializeMap = Refused;
    type SerializeStruct = Refused;
    type SerializeStructVariant = Content<<Noted<'a> as Serializer>::SerializeStruct>;

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<(), Mismatch> {
        self.name = name;
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Mismatch> {
        Ok(value.serialize(self.content_of(name))?)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, Mismatch> {
        Ok(Content(self.content_of(name).serialize_tuple(len)?))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, Mismatch> {
        Ok(Content(self.content_of(name).serialize_struct(name, len)?))
    }

    // A newtype around the enum is as transparent as it is in JSON.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Mismatch> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Mismatch> {
        Err(Mismatch::NotPlain)
    }

    refuse! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_i128(i128) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_u128(u128) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Refused;
        serialize_tuple(usize) -> Refused;
        serialize_tuple_struct(&'static str, usize) -> Refused;
        serialize_map(Option<usize>) -> Refused;
        serialize_struct(&'static str, usize) -> Refused;
    }
}

impl<C: SerializeTuple<Ok = (), Error = serde_json::Error>> SerializeTupleVariant for Content<C> {
    type Ok = ();
    type Error = Mismatch;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Mismatch> {
        Ok(self.0.serialize_element(value)?)
    }

    fn end(self) -> Result<(), Mismatch> {
        Ok(self.0.end()?)
    }
}

impl<C: SerializeStruct<Ok = (), Error = serde_json::Error>> SerializeStructVariant for Content<C> {
    type Ok = ();
    type Error = Mismatch;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Mismatch> {
        Ok(self.0.serialize_field(key, value)?)
    }

    fn end(self) -> Result<(), Mismatch> {
        Ok(self.0.end()?)
    }
}
