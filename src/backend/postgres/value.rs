//! Values of PostgreSQL's types that `sqlx` leaves to features. Those would bring another driver's native library into
//! the user's resolution.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

const UUID: Oid = Oid(2950);
const UUIDS: Oid = Oid(2951);
const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZS: Oid = Oid(1185);

/// Seconds from 1970 to 2000, where PostgreSQL begins to count.
const EPOCH_SECONDS: i64 = 946_684_800;

#[derive(Clone, Copy, Debug)]
pub(super) struct Uuid(pub(super) uuid::Uuid);

impl Type<Postgres> for Uuid {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(UUID)
    }
}

impl PgHasArrayType for Uuid {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(UUIDS)
    }
}

impl Encode<'_, Postgres> for Uuid {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buf.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Uuid {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(match value.format() {
            PgValueFormat::Binary => uuid::Uuid::from_slice(value.as_bytes()?)?,
            PgValueFormat::Text => value.as_str()?.parse()?,
        }))
    }
}

/// A moment, to the microsecond.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(pub(super) DateTime<Utc>);

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for Moment {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZS)
    }
}

impl Moment {
    /// The first moment of PostgreSQL's that is not before a time.
    pub(super) fn not_before(time: DateTime<Utc>) -> Self {
        let whole = time.trunc_subsecs(6);
        let next =
            if whole < time { whole.checked_add_signed(TimeDelta::microseconds(1)) } else { None };
        Self(next.unwrap_or(whole))
    }

    /// As PostgreSQL counts.
    fn micros(self) -> i64 {
        self.0.timestamp_micros() - EPOCH_SECONDS * 1_000_000
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buf.extend_from_slice(&self.micros().to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        let since_1970 = micros.checked_add(EPOCH_SECONDS * 1_000_000);
        let moment = since_1970.and_then(DateTime::from_timestamp_micros);
        moment.map(Self).ok_or_else(|| "a time out of range".into())
    }
}

/// An array. The driver asks each element anew for its type and its length; a group has a dozen arrays, and this is a
/// quarter of what it would pay.
pub(super) struct List<T>(pub(super) Vec<T>);

/// What a [`List`] can hold.
pub(super) trait Element: Type<Postgres> + PgHasArrayType {
    /// How PostgreSQL reads it; `None` is `NULL`.
    fn bytes(&self) -> Option<impl AsRef<[u8]>>;
}

impl Element for i32 {
    fn bytes(&self) -> Option<impl AsRef<[u8]>> {
        Some(self.to_be_bytes())
    }
}

impl Element for i64 {
    fn bytes(&self) -> Option<impl AsRef<[u8]>> {
        Some(self.to_be_bytes())
    }
}

impl Element for Uuid {
    fn bytes(&self) -> Option<impl AsRef<[u8]>> {
        Some(self.0.into_bytes())
    }
}

impl Element for Moment {
    fn bytes(&self) -> Option<impl AsRef<[u8]>> {
        Some(self.micros().to_be_bytes())
    }
}

impl Element for &str {
    fn bytes(&self) -> Option<impl AsRef<[u8]>> {
        Some(*self)
    }
}

impl Element for String {
    fn bytes(&self) -> Option<impl AsRef<[u8]>> {
        Some(self)
    }
}

impl Element for &[u8] {
    fn bytes(&self) -> Option<impl AsRef<[u8]>> {
        Some(*self)
    }
}

impl<T: Element> Element for Option<T> {
    fn bytes(&self) -> Option<impl AsRef<[u8]>> {
        self.as_ref()?.bytes()
    }
}

impl<T: Element> Type<Postgres> for List<T> {
    fn type_info() -> PgTypeInfo {
        T::array_type_info()
    }
}

impl<T: Element> Encode<'_, Postgres> for List<T> {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let of = T::type_info().oid().ok_or("an element of no known type")?;
        // One dimension, nothing else to say, of what, how many, and counted from 1.
        buf.extend_from_slice(&1_i32.to_be_bytes());
        buf.extend_from_slice(&0_i32.to_be_bytes());
        buf.extend_from_slice(&of.0.to_be_bytes());
        buf.extend_from_slice(&i32::try_from(self.0.len())?.to_be_bytes());
        buf.extend_from_slice(&1_i32.to_be_bytes());
        for element in &self.0 {
            let Some(bytes) = element.bytes() else {
                buf.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            };
            buf.extend_from_slice(&i32::try_from(bytes.as_ref().len())?.to_be_bytes());
            buf.extend_from_slice(bytes.as_ref());
        }
        Ok(IsNull::No)
    }
}
