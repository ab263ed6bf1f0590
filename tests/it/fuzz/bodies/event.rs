//! The decoder of events: what decodes encodes again to the same, and what does not is an error that names the place.

use freehold::Closing;
use freehold::event::{self, EventError, Misfit};
use serde::de::IgnoredAny;

use super::place::{id, misfit, record, recorded};
use super::shapes::Shape;
use super::verdict::Verdict;

/// A name in the first line, and a payload behind it.
pub(crate) fn holds(bytes: &[u8]) -> Verdict {
    let Some(record) = record(bytes) else { return Verdict::Refused };
    let (name, data) = (record.name().as_str(), record.data());
    let known = event::names::<Shape>().unwrap().contains(&name);
    let read = match event::decode::<Shape>(&record) {
        Ok(read) => read,
        Err(error) => {
            let misfit = misfit(&error, &record);
            let is_expected = match misfit {
                Misfit::Json | Misfit::Content => known,
                // The end of a stream is no event of anybody.
                Misfit::Dropped => name == Closing::NAME,
                misfit => !known && misfit == Misfit::Name,
            };
            assert!(is_expected, "{name}: {misfit:?}");
            return Verdict::Refused;
        }
    };
    assert!(known, "nobody writes {name:?}");
    // To its end, and nothing behind it.
    assert!(serde_json::from_slice::<IgnoredAny>(data).is_ok(), "that is no JSON");
    agrees_with_serde_json(name, data, &read);

    let again = match event::encode(&read, id()) {
        Ok(again) => again,
        // `serde` reads a number that is too large as infinite, and nobody has written it so.
        Err(EventError::Encode { .. }) => {
            let has_overflown = matches!(read, Shape::Numbers { f32, .. } if f32.is_infinite());
            assert!(has_overflown, "it cannot be written again: {read:?}");
            return Verdict::Taken;
        }
        Err(error) => panic!("{error}"),
    };
    let (bytes, again) = (again.data().clone(), recorded(again));
    let same = event::decode::<Shape>(&again).unwrap();
    assert_eq!(same, read);
    assert_eq!(event::encode(&same, id()).unwrap().data(), &bytes);
    Verdict::Taken
}

/// The two parts joined by hand are the whole that `serde_json` reads.
fn agrees_with_serde_json(name: &str, data: &[u8], read: &Shape) {
    // Content is ignored that `serde_json` insists on not being there.
    if matches!(read, Shape::Unit) {
        return;
    }
    let name = serde_json::to_vec(name).unwrap();
    let whole = [b"{", &*name, b":", data, b"}"].concat();
    match serde_json::from_slice::<Shape>(&whole) {
        Ok(whole) => assert_eq!(whole, *read),
        // One level more may be one too many.
        Err(error) => assert!(error.to_string().contains("recursion limit"), "{error}"),
    }
}
