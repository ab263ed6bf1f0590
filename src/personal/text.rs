//! Sealing and opening the personal data in a payload. What is around it stays as it is, byte for byte.

use std::collections::BTreeSet;

use super::cipher::{Cipher, NONCE_BYTES};
use super::error::Flaw;
use super::nonces::Nonces;
use super::rings::Held;
use crate::ports::{BackendError, Fault};
use crate::types::mark::{FORGOTTEN, Mark, SEALED, SUBJECT, State, UNOPENED, VALUE, marks};
use crate::types::{DataSubject, KeyId, KeyRing};

/// How deep personal data may stand within personal data.
const DEPTH_MAX: usize = 16;
/// What a body has beside its subject and what is sealed or open, at most, and some more.
const BODY_BYTES: usize = 64;

/// Whose keys are missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// To open with: they are there, or never were.
    pub(super) open: BTreeSet<DataSubject>,
    /// To seal with: they are made if they are not there.
    pub(super) seal: BTreeSet<DataSubject>,
    /// How often one was missing.
    pub(super) times: usize,
}

impl Needs {
    fn open(&mut self, subject: &str) {
        // Nobody is called what no subject can be called.
        if let Ok(subject) = DataSubject::new(subject) {
            self.open.insert(subject);
            self.times += 1;
        }
    }

    fn seal(&mut self, subject: DataSubject) {
        self.seal.insert(subject);
        self.times += 1;
    }
}

/// What to do with data of somebody who was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfForgotten {
    /// It is news: say so.
    Refuse,
    /// It was made of what was known: forget it.
    Forget,
}

/// Why a payload is not sealed.
#[derive(Debug)]
pub(super) enum Unsealable {
    Forgotten(DataSubject),
    Backend(BackendError),
}

/// A payload that is being written anew.
struct Rewritten<'t> {
    text: &'t [u8],
    /// Up to where it is in `new`.
    done: usize,
    new: Vec<u8>,
}

impl<'t> Rewritten<'t> {
    const fn of(text: &'t [u8]) -> Self {
        Self { text, done: 0, new: Vec::new() }
    }

    /// Begins another body of so many bytes under a mark: it ends with its subject.
    fn begin_body(&mut self, mark: &Mark<'_>, body_bytes: usize) -> &mut Vec<u8> {
        let before = self.text.get(self.done..mark.at.start).unwrap_or_default();
        // What is around it may all be left as it is.
        let left = self.text.len().saturating_sub(self.done + mark.at.len());
        self.new.reserve(left + body_bytes + mark.subject.len() + BODY_BYTES);
        self.new.extend_from_slice(before);
        self.new.extend_from_slice(b"{\"");
        self.new.extend_from_slice(SUBJECT.as_bytes());
        self.new.extend_from_slice(b"\":");
        // A text is always written, and so is a vector.
        let _ = serde_json::to_writer(&mut self.new, &mark.subject);
        &mut self.new
    }

    /// Ends the body that was begun.
    fn end_body(&mut self, mark: &Mark<'_>) {
        self.new.push(b'}');
        self.done = mark.at.end;
    }

    /// Puts another body under a mark: what stands behind its subject.
    fn put(&mut self, mark: &Mark<'_>, rest: &[&[u8]]) {
        let new = self.begin_body(mark, rest.iter().map(|part| part.len()).sum());
        for part in rest {
            new.extend_from_slice(part);
        }
        self.end_body(mark);
    }

    fn put_forgotten(&mut self, mark: &Mark<'_>) {
        self.put(mark, &[b",\"", FORGOTTEN.as_bytes(), b"\":true"]);
    }

    /// Puts a value under a mark, sealed under the key of this id.
    fn put_sealed(
        &mut self,
        mark: &Mark<'_>,
        (id, cipher): (KeyId, &Cipher),
        nonce: [u8; NONCE_BYTES],
        plain: &[u8],
    ) -> Result<(), Flaw> {
        let new = self.begin_body(mark, Cipher::sealed_bytes(plain.len()));
        new.extend_from_slice(b",\"key\":");
        // A number is always written, too.
        let _ = serde_json::to_writer(&mut *new, &id.get());
        new.extend_from_slice(b",\"");
        new.extend_from_slice(SEALED.as_bytes());
        new.extend_from_slice(b"\":\"");
        cipher.seal(nonce, plain, new)?;
        new.push(b'"');
        self.end_body(mark);
        Ok(())
    }

    /// The payload, if anything of it has changed.
    fn end(mut self) -> Option<Vec<u8>> {
        if self.done == 0 {
            return None;
        }
        self.new.extend_from_slice(self.text.get(self.done..).unwrap_or_default());
        Some(self.new)
    }
}

/// The payload with all of it sealed; `None` if there is nothing to seal. What is missing is noted.
pub(super) fn seal(
    text: &[u8],
    if_forgotten: IfForgotten,
    held: &mut Held<'_>,
    nonces: &mut Nonces<'_>,
    needs: &mut Needs,
) -> Result<Option<Vec<u8>>, Unsealable> {
    seal_within(0, text, if_forgotten, held, nonces, needs)
}

/// The same of what stands so deep in other personal data.
fn seal_within(
    depth: usize,
    text: &[u8],
    if_forgotten: IfForgotten,
    held: &mut Held<'_>,
    nonces: &mut Nonces<'_>,
    needs: &mut Needs,
) -> Result<Option<Vec<u8>>, Unsealable> {
    let failed = |why: Flaw| {
        Unsealable::Backend(BackendError::new("sealed store", "seal", Fault::Other, why))
    };
    let mut rewritten = Rewritten::of(text);
    for mark in marks(text) {
        let State::Open(plain) = mark.state else { continue };
        let ring = held.ring(&mark.subject);
        let Some((id, key)) = ring.as_deref().and_then(KeyRing::newest) else {
            // Nobody is called what no subject can be called.
            let Ok(subject) = DataSubject::new(&mark.subject) else { continue };
            match ring.as_deref() {
                Some(KeyRing::Forgotten) if if_forgotten == IfForgotten::Refuse => {
                    return Err(Unsealable::Forgotten(subject));
                }
                Some(KeyRing::Forgotten) => rewritten.put_forgotten(&mark),
                Some(KeyRing::Keys(_)) | None => needs.seal(subject),
            }
            continue;
        };
        if depth == DEPTH_MAX {
            return Err(failed(Flaw::TooDeep));
        }
        // What it holds of others is sealed with their keys first.
        let within = seal_within(depth + 1, plain.as_bytes(), if_forgotten, held, nonces, needs)?;
        let nonce = nonces.draw().map_err(Unsealable::Backend)?;
        let cipher = Cipher::new(key, id, &mark.subject);
        let plain = within.as_deref().unwrap_or(plain.as_bytes());
        rewritten.put_sealed(&mark, (id, &cipher), nonce, plain).map_err(failed)?;
    }
    Ok(rewritten.end())
}

/// The payload with all of it opened; `None` if there is nothing to open. What is missing is noted; what does not open stays
/// sealed, and says why.
pub(super) fn open(text: &[u8], held: &mut Held<'_>, needs: &mut Needs) -> Option<Vec<u8>> {
    open_within(0, text, held, needs)
}

/// The same of what stands so deep in other personal data.
fn open_within(
    depth: usize,
    text: &[u8],
    held: &mut Held<'_>,
    needs: &mut Needs,
) -> Option<Vec<u8>> {
    let mut rewritten = Rewritten::of(text);
    for mark in marks(text) {
        let State::Sealed { key, text: sealed } = &mark.state else { continue };
        let id = KeyId::new(*key);
        let ring = held.ring(&mark.subject);
        let flaw = match ring.as_deref() {
            None => {
                needs.open(&mark.subject);
                continue;
            }
            Some(KeyRing::Forgotten) => {
                rewritten.put_forgotten(&mark);
                continue;
            }
            Some(ring @ KeyRing::Keys(_)) => match ring.get(id) {
                // Another process may have added it.
                None if !held.is_fresh(&mark.subject) => {
                    needs.open(&mark.subject);
                    continue;
                }
                None => Flaw::UnknownKey,
                Some(_) if depth == DEPTH_MAX => Flaw::TooDeep,
                Some(key) => match Cipher::new(key, id, &mark.subject).open(sealed) {
                    Err(flaw) => flaw,
                    Ok(plain) => {
                        let within = open_within(depth + 1, &plain, held, needs);
                        let plain = within.as_deref().unwrap_or(&plain);
                        rewritten.put(&mark, &[b",\"", VALUE.as_bytes(), b"\":", plain]);
                        continue;
                    }
                },
            },
        };
        let mut still = format!(",\"key\":{id},\"{SEALED}\":").into_bytes();
        // A text is always written.
        let _ = serde_json::to_writer(&mut still, sealed);
        still.extend_from_slice(format!(",\"{UNOPENED}\":\"{flaw}\"").as_bytes());
        rewritten.put(&mark, &[&still]);
    }
    rewritten.end()
}
