//! Destinations as routing keys.

use lapin::types::ShortString;

use crate::types::Destination;

/// What cannot be a routing key here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a routing key has 255 bytes at most, and no part of it, between its dots, is `*` or `#`")]
#[non_exhaustive]
pub struct InvalidRoutingKey;

/// The routing key of a destination, which as the key of a binding matches itself only.
pub(super) fn routing_key(to: &Destination) -> Result<ShortString, InvalidRoutingKey> {
    let key = to.as_str();
    if key.split('.').any(|part| part == "*" || part == "#") {
        return Err(InvalidRoutingKey);
    }
    short(key).ok_or(InvalidRoutingKey)
}

/// The text, if it is as short as the protocol wants names.
pub(super) fn short(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routing_key_matches_itself_only() {
        for good in ["a", "a.b", "two words", "größe", "a*", "#a.b", ".."] {
            assert_eq!(routing_key(&Destination::new(good).unwrap()).unwrap().as_str(), good);
        }
        for bad in ["*", "#", "a.*", "a.#.b"] {
            assert_eq!(
                routing_key(&Destination::new(bad).unwrap()),
                Err(InvalidRoutingKey),
                "{bad}"
            );
        }
        // Long ones are none of this crate's, but nothing may panic.
        assert_eq!(short(&"k".repeat(255)).unwrap().as_str().len(), 255);
        assert_eq!(short(&"k".repeat(256)), None);
    }
}
