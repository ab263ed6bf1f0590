//! A serializer that notes what JSON may not give back, and leaves the writing to another.

use std::fmt::Display;

use serde::ser::{Serialize, Serializer};

use super::notes::Notes;
use super::parts::Part;

/// Writes as `inner` does, and notes.
#[derive(Debug)]
pub(in crate::event) struct Noting<'n, S> {
    inner: S,
    notes: &'n Notes,
    depth: u8,
    /// Whether it is within a `Some`, where nothing else says that it is there.
    is_some: bool,
}

/// A value that is written so.
#[derive(Debug)]
pub(super) struct Noted<'n, T: ?Sized> {
    value: &'n T,
    notes: &'n Notes,
    depth: u8,
    is_some: bool,
}

impl<'n, S> Noting<'n, S> {
    pub(in crate::event) const fn new(inner: S, notes: &'n Notes) -> Self {
        Self { inner, notes, depth: 0, is_some: false }
    }
}

impl<'n, T: ?Sized> Noted<'n, T> {
    pub(super) const fn new(value: &'n T, notes: &'n Notes) -> Self {
        Self::at(value, notes, 0)
    }

    pub(super) const fn at(value: &'n T, notes: &'n Notes, depth: u8) -> Self {
        Self { value, notes, depth, is_some: false }
    }
}

impl<T: Serialize + ?Sized> Serialize for Noted<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { value, notes, depth, is_some } = *self;
        value.serialize(Noting { inner: serializer, notes, depth, is_some })
    }
}

macro_rules! as_it_is {
    ($($method:ident($argument:ty);)*) => {$(
        fn $method(self, value: $argument) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )*};
}

impl<'n, S: Serializer> Serializer for Noting<'n, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Part<'n, S::SerializeSeq>;
    type SerializeTuple = Part<'n, S::SerializeTuple>;
    type SerializeTupleStruct = Part<'n, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Part<'n, S::SerializeTupleVariant>;
    type SerializeMap = Part<'n, S::SerializeMap>;
    type SerializeStruct = Part<'n, S::SerializeStruct>;
    type SerializeStructVariant = Part<'n, S::SerializeStructVariant>;

    as_it_is! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
    }

    fn serialize_i128(self, value: i128) -> Result<S::Ok, S::Error> {
        self.notes.wide();
        self.inner.serialize_i128(value)
    }

    fn serialize_u128(self, value: u128) -> Result<S::Ok, S::Error> {
        self.notes.wide();
        self.inner.serialize_u128(value)
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        self.notes.float(value.into());
        self.inner.serialize_f32(value)
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        self.notes.float(value);
        self.inner.serialize_f64(value)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        if self.is_some {
            self.notes.nothing();
        }
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let Self { inner, notes, depth, .. } = self;
        inner.serialize_some(&Noted { value, notes, depth, is_some: true })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        if self.is_some {
            self.notes.nothing();
        }
        self.inner.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        if self.is_some {
            self.notes.nothing();
        }
        self.inner.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let Self { inner, notes, depth, is_some } = self;
        inner.serialize_newtype_struct(name, &Noted { value, notes, depth, is_some })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let Self { inner, notes, depth, .. } = self;
        let value = Noted::at(value, notes, notes.below(depth));
        inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Part::new(self.inner.serialize_seq(len)?, self.notes, self.depth))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Part::new(self.inner.serialize_tuple(len)?, self.notes, self.depth))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Part::new(self.inner.serialize_tuple_struct(name, len)?, self.notes, self.depth))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let inner = self.inner.serialize_tuple_variant(name, index, variant, len)?;
        Ok(Part::new(inner, self.notes, self.depth))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        if len.is_none() {
            self.notes.unsized_map();
        }
        Ok(Part::new(self.inner.serialize_map(len)?, self.notes, self.depth))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        Ok(Part::new(self.inner.serialize_struct(name, len)?, self.notes, self.depth))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let inner = self.inner.serialize_struct_variant(name, index, variant, len)?;
        Ok(Part::new(inner, self.notes, self.depth))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
