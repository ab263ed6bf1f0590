//! Sealing bytes: XChaCha20-Poly1305, in a text of base 64.
//!
//! What is sealed is the nonce, the sealed bytes and their tag. The subject and the id of the key are authenticated with it: a seal
//! that is moved to another subject does not open.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

use super::error::Flaw;
use crate::types::{KeyId, SubjectKey};

/// How long the nonce is: so long that drawn ones differ, however many there are.
pub(super) const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// What all seals of this form are authenticated with.
const FORM: &[u8] = b"freehold personal 1\0";

/// A key and what it is bound to.
pub(super) struct Cipher {
    cipher: XChaCha20Poly1305,
    bound: Vec<u8>,
}

impl Cipher {
    pub(super) fn new(key: &SubjectKey, id: KeyId, subject: &str) -> Self {
        let id = id.get().to_be_bytes();
        let bound = [FORM, &id, subject.as_bytes()].concat();
        Self { cipher: XChaCha20Poly1305::new(key.bytes().into()), bound }
    }

    /// How long the seal of so many bytes is.
    pub(super) const fn sealed_bytes(plain: usize) -> usize {
        (NONCE_BYTES + plain + TAG_BYTES).div_ceil(3) * 4
    }

    /// Writes the seal of `plain` behind what is in `to`.
    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        plain: &[u8],
        to: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        let mut sealed = Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, text) = sealed.split_at_mut(NONCE_BYTES);
        let tag =
            self.cipher.encrypt_inout_detached(&XNonce::from(nonce), &self.bound, text.into());
        // It fails for more than 256 GiB alone.
        sealed.extend_from_slice(&tag.map_err(|_| Flaw::Malformed)?);
        let from = to.len();
        to.resize(from + Self::sealed_bytes(plain.len()), 0);
        let written = URL_SAFE_NO_PAD.encode_slice(&sealed, to.split_at_mut(from).1);
        // There is room for the padding, which it does without.
        to.truncate(from + written.map_err(|_| Flaw::Malformed)?);
        Ok(())
    }

    /// What was sealed.
    pub(super) fn open(&self, sealed: &str) -> Result<Vec<u8>, Flaw> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Flaw::Malformed)?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Flaw::Malformed)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(Flaw::Malformed)?;
        let mut plain = text.to_vec();
        let nonce = XNonce::from(*nonce);
        let opened = self.cipher.decrypt_inout_detached(
            &nonce,
            &self.bound,
            plain.as_mut_slice().into(),
            &Tag::from(*tag),
        );
        opened.map_err(|_| Flaw::NotAuthentic)?;
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(subject: &str, id: u32) -> Cipher {
        Cipher::new(&SubjectKey::new([7; 32]), KeyId::new(id), subject)
    }

    fn sealed(plain: &str) -> String {
        let mut sealed = Vec::new();
        cipher("a", 1).seal([9; NONCE_BYTES], plain.as_bytes(), &mut sealed).unwrap();
        String::from_utf8(sealed).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_for_its_subject_alone() {
        for plain in ["", "\"Ada\"", &"x".repeat(10_000)] {
            let sealed = sealed(plain);
            assert_eq!(cipher("a", 1).open(&sealed).unwrap(), plain.as_bytes());
            for other in [cipher("b", 1), cipher("a", 2), cipher("", 1)] {
                assert_eq!(other.open(&sealed), Err(Flaw::NotAuthentic));
            }
            let other = Cipher::new(&SubjectKey::new([8; 32]), KeyId::FIRST, "a");
            assert_eq!(other.open(&sealed), Err(Flaw::NotAuthentic));
        }
    }

    #[test]
    fn every_bit_of_a_seal_counts() {
        let bytes = URL_SAFE_NO_PAD.decode(sealed("\"Ada\"")).unwrap();
        for at in 0..bytes.len() * 8 {
            let mut turned = bytes.clone();
            turned[at / 8] ^= 1 << (at % 8);
            let turned = URL_SAFE_NO_PAD.encode(turned);
            assert_eq!(cipher("a", 1).open(&turned), Err(Flaw::NotAuthentic), "bit {at}");
        }
        for length in 0..bytes.len() {
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..length]);
            assert!(cipher("a", 1).open(&cut).is_err(), "{length} bytes");
        }
    }

    /// Seals outlive the code: this one was made by the first version of it.
    #[test]
    fn the_form_of_a_seal_does_not_change() {
        assert_eq!(
            sealed("\"Ada\""),
            "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJnDOG6161fYpKwZGtu_WzMSH2Ej2h"
        );
    }
}
