//! The keys as far as this process knows them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hashbrown::HashMap;
use lru::LruCache;
use tokio::time::Instant;
use zeroize::Zeroize;

use super::nonces::Nonces;
use super::options::SealedOptions;
use super::text::{self, IfForgotten, Needs, Unsealable};
use crate::ports::{BackendError, CommitError, Entropy, Fault, SubjectKeys};
use crate::types::mark::is_marked;
use crate::types::{Commit, DataSubject, Forgotten, KeyId, KeyRing, NewKey, PartKind, SubjectKey};

/// The most data subjects that are asked for at once.
const ASKED_MAX: usize = 1_000;

/// The keys, where they are kept, and what is known of them.
pub(super) struct Rings {
    pub(super) keys: Arc<dyn SubjectKeys>,
    entropy: Arc<dyn Entropy>,
    cached: Mutex<LruCache<DataSubject, (Arc<KeyRing>, Instant)>>,
    cached_time_max: Duration,
    /// How often somebody was forgotten, or may have been, as far as this process knows.
    forgettings: AtomicU64,
}

/// What one call knows of the keys: it does not change while payloads are gone through.
pub(super) struct Held<'r> {
    rings: &'r Rings,
    /// When it began to look.
    since: Instant,
    /// How often somebody had been forgotten by then.
    forgettings: u64,
    known: HashMap<DataSubject, Known>,
}

#[derive(Clone)]
struct Known {
    ring: Arc<KeyRing>,
    /// It was asked for by this call.
    is_fresh: bool,
}

impl Held<'_> {
    /// The ring of a subject; `None` if it must be asked for.
    pub(super) fn ring(&mut self, subject: &str) -> Option<Arc<KeyRing>> {
        if let Some(known) = self.known.get(subject) {
            return Some(Arc::clone(&known.ring));
        }
        let (subject, ring) = self.rings.find(subject, self.since)?;
        let known = Known { ring: Arc::clone(&ring), is_fresh: false };
        self.known.insert(subject, known);
        Some(ring)
    }

    /// Whether it is known as it is now.
    pub(super) fn is_fresh(&self, subject: &str) -> bool {
        self.known.get(subject).is_some_and(|known| known.is_fresh)
    }
}

impl Rings {
    pub(super) fn new(keys: Arc<dyn SubjectKeys>, options: SealedOptions) -> Self {
        let SealedOptions { cached_subjects_max, cached_time_max, entropy } = options;
        let bound = NonZeroUsize::new(cached_subjects_max).unwrap_or(NonZeroUsize::MIN);
        let (cached, forgettings) = (Mutex::new(LruCache::new(bound)), AtomicU64::new(0));
        Self { keys, entropy, cached, cached_time_max, forgettings }
    }

    pub(super) fn hold(&self) -> Held<'_> {
        let forgettings = self.forgettings();
        Held { rings: self, since: Instant::now(), forgettings, known: HashMap::new() }
    }

    /// Opens payloads.
    pub(super) async fn open<'p>(
        &self,
        payloads: impl Iterator<Item = &'p mut Bytes>,
    ) -> Result<(), BackendError> {
        let mut left: Vec<&mut Bytes> = payloads.filter(|payload| is_marked(payload)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let mut held = self.hold();
        loop {
            let mut needs = Needs::default();
            left.retain_mut(|payload| !open_whole(payload, &mut held, &mut needs));
            if left.is_empty() {
                return Ok(());
            }
            self.ask(needs, &mut held).await?;
        }
    }

    /// Opens payloads with what is known, and says what is missing.
    pub(super) fn open_known<'p>(
        &self,
        payloads: impl Iterator<Item = &'p mut Bytes>,
    ) -> Option<Needs> {
        let (mut held, mut needs) = (self.hold(), Needs::default());
        for payload in payloads.filter(|payload| is_marked(payload)) {
            open_whole(payload, &mut held, &mut needs);
        }
        (needs.times > 0).then_some(needs)
    }

    /// Seals what is in a commit.
    pub(super) async fn seal(&self, commit: &mut Commit) -> Result<(), CommitError> {
        let mut left: Vec<(PartKind, &mut Bytes)> =
            commit.payloads_mut().filter(|(_, payload)| is_marked(payload)).collect();
        let (mut held, mut nonces) = (self.hold(), Nonces::new(&*self.entropy, left.len()));
        while !left.is_empty() {
            let mut needs = Needs::default();
            let mut failed = None;
            left.retain_mut(|(kind, payload)| {
                let if_forgotten = match kind {
                    PartKind::Appends => IfForgotten::Refuse,
                    _ => IfForgotten::Forget,
                };
                match seal_whole(payload, if_forgotten, &mut held, &mut nonces, &mut needs) {
                    Ok(is_done) => !is_done,
                    Err(why) => {
                        failed = Some(why);
                        true
                    }
                }
            });
            match failed {
                Some(Unsealable::Forgotten(subject)) => {
                    return Err(CommitError::Forgotten(Forgotten::new(subject)));
                }
                Some(Unsealable::Backend(why)) => return Err(why.into()),
                None if left.is_empty() => break,
                None => self.ask(needs, &mut held).await?,
            }
        }
        Ok(())
    }

    /// The same of sealing, of what was made of what was known.
    pub(super) fn seal_known<'p>(
        &self,
        payloads: impl Iterator<Item = &'p mut Bytes>,
    ) -> Result<Option<Needs>, Unsealable> {
        let payloads: Vec<_> = payloads.filter(|payload| is_marked(payload)).collect();
        let mut nonces = Nonces::new(&*self.entropy, payloads.len());
        let (mut held, mut needs) = (self.hold(), Needs::default());
        for payload in payloads {
            seal_whole(payload, IfForgotten::Forget, &mut held, &mut nonces, &mut needs)?;
        }
        Ok((needs.times > 0).then_some(needs))
    }

    /// Asks for keys, and makes those that there must be.
    pub(super) async fn ask(&self, needs: Needs, held: &mut Held<'_>) -> Result<(), BackendError> {
        let Needs { open, seal, .. } = needs;
        let subjects: Vec<DataSubject> = open.union(&seal).cloned().collect();
        for asked in subjects.chunks(ASKED_MAX) {
            let mut new = Vec::new();
            for (subject, ring) in asked.iter().zip(self.keys.rings(asked).await?) {
                if ring == KeyRing::EMPTY && seal.contains(subject) {
                    new.push(self.draw(subject, KeyId::FIRST)?);
                } else {
                    self.know(subject, ring, held);
                }
            }
            if !new.is_empty() {
                let subjects: Vec<_> = new.iter().map(|new| new.subject.clone()).collect();
                for (subject, ring) in subjects.iter().zip(self.keys.add(new).await?) {
                    if ring == KeyRing::EMPTY {
                        let why = "a key that was added is not there";
                        return Err(BackendError::new("sealed store", "seal", Fault::Corrupt, why));
                    }
                    self.know(subject, ring, held);
                }
            }
        }
        Ok(())
    }

    /// Asks for keys, and says whether more is known then.
    pub(super) async fn fetch(&self, needs: Needs) -> Result<bool, BackendError> {
        let mut held = self.hold();
        let wanted: Vec<_> = needs.open.union(&needs.seal).cloned().collect();
        let known: Vec<_> = wanted.iter().map(|of| self.find(of.as_str(), held.since)).collect();
        self.ask(needs, &mut held).await?;
        Ok(wanted.iter().zip(known).any(|(of, before)| {
            let before = before.map_or(KeyRing::EMPTY, |(_, ring)| (*ring).clone());
            held.ring(of.as_str()).is_some_and(|now| *now != before)
        }))
    }

    /// A new key.
    pub(super) fn draw(&self, subject: &DataSubject, id: KeyId) -> Result<NewKey, BackendError> {
        let mut bytes = [0; SubjectKey::BYTES];
        self.entropy.fill(&mut bytes)?;
        let key = SubjectKey::new(bytes);
        bytes.zeroize();
        Ok(NewKey { subject: subject.clone(), id, key })
    }

    pub(super) fn know(&self, subject: &DataSubject, ring: KeyRing, held: &mut Held<'_>) {
        let ring = Arc::new(ring);
        if self.cache(subject, &ring, held.forgettings) {
            held.forgettings += 1;
        }
        held.known.insert(subject.clone(), Known { ring, is_fresh: true });
    }

    /// How often somebody was forgotten, or may have been, as far as this process knows.
    pub(super) fn forgettings(&self) -> u64 {
        self.forgettings.load(Ordering::Acquire)
    }

    /// The subject was forgotten.
    pub(super) fn forgotten(&self, subject: &DataSubject) {
        let mut cached = self.cached();
        self.forgettings.fetch_add(1, Ordering::AcqRel);
        cached.put(subject.clone(), (Arc::new(KeyRing::Forgotten), Instant::now()));
    }

    /// Nobody knows any more whether the subject was forgotten.
    pub(super) fn lose(&self, subject: &DataSubject) {
        let mut cached = self.cached();
        self.forgettings.fetch_add(1, Ordering::AcqRel);
        cached.pop(subject);
    }

    /// Remembers a ring that was asked for when somebody had been forgotten so often. Says whether it is that of somebody whom another
    /// process has forgotten meanwhile, which counts.
    fn cache(&self, subject: &DataSubject, ring: &Arc<KeyRing>, asked_at: u64) -> bool {
        // Somebody may add the first key at any time.
        if **ring == KeyRing::EMPTY {
            return false;
        }
        let mut cached = self.cached();
        // An answer that comes late does not bring back who was forgotten meanwhile, also if that has left the cache again.
        let is_late = asked_at != self.forgettings();
        let known = cached.peek(subject).map(|(ring, _)| &**ring);
        if is_late || known == Some(&KeyRing::Forgotten) {
            return false;
        }
        // It was known before, or may have been, and has left the cache since.
        let was_known = known.is_some() || cached.len() == cached.cap().get();
        let is_news = was_known && **ring == KeyRing::Forgotten;
        if is_news {
            self.forgettings.fetch_add(1, Ordering::AcqRel);
        }
        cached.put(subject.clone(), (Arc::clone(ring), Instant::now()));
        is_news
    }

    fn find(&self, subject: &str, now: Instant) -> Option<(DataSubject, Arc<KeyRing>)> {
        let mut cached = self.cached();
        let (subject, (ring, since)) = cached.get_key_value(subject)?;
        let age = now.saturating_duration_since(*since);
        let is_current = **ring == KeyRing::Forgotten || age <= self.cached_time_max;
        is_current.then(|| (subject.clone(), Arc::clone(ring)))
    }

    fn cached(&self) -> MutexGuard<'_, LruCache<DataSubject, (Arc<KeyRing>, Instant)>> {
        // What is cached is whole at every moment.
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seals a payload, unless something is missing; says whether it is done.
fn seal_whole(
    payload: &mut Bytes,
    if_forgotten: IfForgotten,
    held: &mut Held<'_>,
    nonces: &mut Nonces<'_>,
    needs: &mut Needs,
) -> Result<bool, Unsealable> {
    let before = needs.times;
    let sealed = text::seal(payload, if_forgotten, held, nonces, needs)?;
    let is_done = needs.times == before;
    if let (true, Some(sealed)) = (is_done, sealed) {
        *payload = sealed.into();
    }
    Ok(is_done)
}

/// Opens a payload, unless something is missing; says whether it is done.
fn open_whole(payload: &mut Bytes, held: &mut Held<'_>, needs: &mut Needs) -> bool {
    let before = needs.times;
    let opened = text::open(payload, held, needs);
    let is_done = needs.times == before;
    if let (true, Some(opened)) = (is_done, opened) {
        *payload = opened.into();
    }
    is_done
}

impl std::fmt::Debug for Rings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rings").field("keys", &self.keys).finish_non_exhaustive()
    }
}
