//! The texts of tokens, of sessions and of streams: one text for each, and whatever else is refused.

use freehold::consistency::Session;
use freehold::{LogId, Position, StreamId, Token};
use uuid::Uuid;

use super::verdict::Verdict;

/// Any text; and tokens that the bytes are taken for, damaged at a place that they name.
pub(crate) fn holds(bytes: &[u8]) -> Verdict {
    damaged(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return Verdict::Refused };
    let session = text.parse::<Session>();
    if let Ok(session) = &session {
        assert_eq!(session.to_string(), text);
        assert!(session.marks().is_sorted_by(|one, next| one.log() < next.log()));
        let joined = session.marks().iter().map(Token::to_string).collect::<Vec<_>>().join(",");
        assert_eq!(joined, text);
    }
    if let Ok(stream) = text.parse::<StreamId>() {
        assert_eq!(stream.to_string(), text);
        assert_eq!(StreamId::new(stream.category(), stream.id()).unwrap(), stream);
    }
    let token = text.parse::<Token>();
    // A session of one mark is a token, and no other.
    let alone = session.ok().filter(|session| session.marks().len() == 1);
    assert_eq!(token.clone().ok(), alone.map(|session| session.marks()[0]));
    let Ok(token) = token else { return Verdict::Refused };
    assert_eq!(token.to_string(), text);
    let json = serde_json::to_string(&token).unwrap();
    assert_eq!(serde_json::from_str::<Token>(&json).unwrap(), token);
    Verdict::Taken
}

/// A token of the first 24 bytes, whose text is changed at the place of the next byte to the one behind it.
fn damaged(bytes: &[u8]) {
    let Some((log, rest)) = bytes.split_first_chunk::<16>() else { return };
    let Some((position, rest)) = rest.split_first_chunk::<8>() else { return };
    let [place, byte, ..] = *rest else { return };
    let log = LogId::new(Uuid::from_bytes(*log));
    let token = Token::new(log, Position::new(u64::from_le_bytes(*position)));
    let text = token.to_string();
    assert_eq!(text.parse(), Ok(token));
    let mut damaged = text.clone().into_bytes();
    let place = usize::from(place) % damaged.len();
    damaged[place] = byte;
    let Ok(damaged) = String::from_utf8(damaged) else { return };
    if damaged == text {
        return;
    }
    // What another digit says is another token, and never this one.
    match damaged.parse::<Token>() {
        Ok(other) => {
            assert_ne!(other, token);
            assert_eq!(other.to_string(), damaged);
            assert!(byte.is_ascii_hexdigit(), "{damaged}");
        }
        Err(_) => assert!(damaged.parse::<Session>().is_err(), "{damaged}"),
    }
}
