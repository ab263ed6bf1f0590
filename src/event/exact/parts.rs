//! What holds other values, being written.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::notes::Notes;
use super::noting::Noted;

/// A sequence, a map or a struct, of whose values is noted what JSON may not give back.
#[derive(Debug)]
pub(in crate::event) struct Part<'n, C> {
    inner: C,
    notes: &'n Notes,
    depth: u8,
}

impl<'n, C> Part<'n, C> {
    /// What stands at `depth`, so that its values are below.
    pub(super) fn new(inner: C, notes: &'n Notes, depth: u8) -> Self {
        Self { inner, notes, depth: notes.below(depth) }
    }

    const fn noted<'v, T: ?Sized>(&self, value: &'v T) -> Noted<'v, T>
    where
        'n: 'v,
    {
        Noted::at(value, self.notes, self.depth)
    }
}

macro_rules! of_values {
    ($($part:ident::$method:ident;)*) => {$(
        impl<C: $part> $part for Part<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                let value = self.noted(value);
                self.inner.$method(&value)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

of_values! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! of_fields {
    ($($part:ident;)*) => {$(
        impl<C: $part> $part for Part<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                let value = self.noted(value);
                self.inner.serialize_field(key, &value)
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
                self.inner.skip_field(key)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

of_fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<C: SerializeMap> SerializeMap for Part<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        let key = self.noted(key);
        self.inner.serialize_key(&key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = self.noted(value);
        self.inner.serialize_value(&value)
    }

    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Result<(), C::Error>
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        let (key, value) = (self.noted(key), self.noted(value));
        self.inner.serialize_entry(&key, &value)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
