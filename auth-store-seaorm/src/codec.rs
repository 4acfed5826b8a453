//! Values as columns hold them.

use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{StoreError, StoreResult};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// JSON text. Fails only for a value that has no JSON form, which no record holds.
pub(crate) fn to_json<T: Serialize + ?Sized>(
    record: &'static str,
    value: &T,
) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(record, error))
}

/// Reads JSON text. The error says where it is wrong and not what stands there.
pub(crate) fn from_json<T: DeserializeOwned>(record: &'static str, text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        StoreError::corrupt(record, format_args!("JSON at {line}:{column}"))
    })
}

pub(crate) fn digest(record: &'static str, text: &str) -> StoreResult<Digest32> {
    Digest32::from_text(text).ok_or_else(|| StoreError::corrupt(record, "not a SHA-256 digest"))
}

pub(crate) fn number(record: &'static str, value: i64) -> StoreResult<u32> {
    u32::try_from(value).map_err(|_| StoreError::corrupt(record, "a number out of range"))
}

/// A version that is counted up. None gets beyond the column.
pub(crate) fn to_version(record: &'static str, version: u64) -> StoreResult<i64> {
    i64::try_from(version).map_err(|error| StoreError::corrupt(record, error))
}

pub(crate) fn from_version(record: &'static str, value: i64) -> StoreResult<u64> {
    u64::try_from(value).map_err(|error| StoreError::corrupt(record, error))
}

pub(crate) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn millis(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(Timestamp::millis)
}
