//! The forms in which events were ever stored, and what today's code cannot read of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde_json::Value;
use uuid::Uuid;

use super::files::Files;
use super::form::{form, lost};
use super::problems::{BrokenContracts, ended};
use super::shapes::{Shape, within};
use crate::event::{self, Event, EventError, Misfit, decode_all, encode, names};
use crate::types::{
    EventId, EventName, NewEvent, Position, RecordedEvent, Recording, StreamVersion,
};

/// The environment variable that has forms written, or nothing.
const MODE: &str = "FREEHOLD_SCHEMAS";

/// Keeps the events that a service has stored readable: a folder with every form in which an event was ever written.
///
/// A test gives it samples of today's events, at least one of each variant. A form that is new is added to the folder, which
/// belongs into the repository; what is there is never changed, since what was stored stays stored. The test fails when an event in
/// one of those forms cannot be read any more, or when a part of it would be lost without a word, and says which and what mends it. What the samples do not
/// show, the types say: a number that has become a narrower one, items of another kind in a list that is empty in all samples, a field that
/// may have been `null`. Neither says that a new field must be there, at a place of which no sample shows anything. New variants and new fields
/// that may be missing pass, and so does what upcasts rename, reshape, split or drop, if their steps have no flaw and can take the form.
///
/// ```
/// use freehold::Event;
/// use freehold::testkit::SchemaGuard;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Payment {
///     Received { cents: i64 },
/// }
/// impl Event for Payment {
///     const CATEGORY: &'static str = "payment";
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// // In a service `folder` is in the repository.
/// SchemaGuard::in_folder(folder).events([Payment::Received { cents: 700 }])?;
///
/// /// A year later.
/// #[derive(Serialize, Deserialize)]
/// enum Changed {
///     Received { cents: i64, currency: String },
/// }
/// impl Event for Changed {
///     const CATEGORY: &'static str = "payment";
/// }
///
/// let sample = Changed::Received { cents: 700, currency: "EUR".into() };
/// let broken = SchemaGuard::in_folder(folder).events([sample]).unwrap_err();
/// assert!(broken.to_string().contains("`payment.Received`: missing field `currency`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a guard says what is wrong when it is given events"]
pub struct SchemaGuard {
    folder: PathBuf,
    checks_only: bool,
    old: BTreeSet<String>,
    forgotten: BTreeSet<(String, String)>,
}

impl SchemaGuard {
    /// The forms in a folder, which has one of its own for each category.
    pub fn in_folder(folder: impl AsRef<Path>) -> Self {
        let checks_only = std::env::var(MODE).is_ok_and(|value| value == "check");
        let (folder, old, forgotten) =
            (folder.as_ref().to_owned(), BTreeSet::new(), BTreeSet::new());
        Self { folder, checks_only, old, forgotten }
    }

    /// Has nothing written: a form that is new is a problem, since it is not in the repository. It is the same as `FREEHOLD_SCHEMAS=check` in
    /// the environment; with `FREEHOLD_SCHEMAS=write`, new forms are written all the same.
    pub fn check(mut self) -> Self {
        self.checks_only = std::env::var(MODE).map_or(true, |value| value != "write");
        self
    }

    /// Names that are read and not written any more, as those of an `alias`: they need no sample.
    pub fn old<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.old.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// A field of stored events that nobody reads any more, or that holds less than it might, on purpose: `.forgets("Received", "note")`.
    /// Its path is that of the JSON, with `[]` for what is in a list: `lines[].sku`; or as the guard has named it.
    pub fn forgets(mut self, name: &str, field: &str) -> Self {
        self.forgotten.insert((name.to_owned(), field.to_owned()));
        self
    }

    /// Sees whether all that was ever stored of these events can be read, and notes new forms.
    ///
    /// # Errors
    /// [`BrokenContracts`] says what cannot be, and what to do.
    pub fn events<E: Event>(
        &self,
        samples: impl IntoIterator<Item = E>,
    ) -> Result<(), BrokenContracts> {
        let files = Files::in_folder(&self.folder.join(E::CATEGORY));
        let mut problems = Vec::new();
        if let Some(flaw) = E::upcasts().flaw() {
            problems.push(format!("the upcasts of `{}` cannot work: {flaw}", E::CATEGORY));
            return ended(problems);
        }
        let mut today: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for sample in &samples.into_iter().collect::<Vec<_>>() {
            match written(sample) {
                Ok((name, value)) => today.entry(name).or_default().push(value),
                Err(why) => problems.push(format!("a sample cannot be written: {why}")),
            }
        }
        for name in names::<E>().unwrap_or_default() {
            if !today.contains_key(*name) && !self.old.contains(*name) {
                problems.push(format!(
                    "`{}.{name}` has no sample: add one to the test, or name it among the old ones",
                    E::CATEGORY
                ));
            }
        }
        let mut told = BTreeSet::new();
        for name in &files.kinds(&mut problems) {
            for stored in files.samples(name, &mut problems).unwrap_or_default() {
                if let Some(why) = self.unreadable::<E>(name, &stored) {
                    told.insert(name.clone());
                    problems.push(format!("`{}.{name}`: {why}: {stored}", E::CATEGORY));
                }
            }
        }
        let (noted, shape) = (files.shape(&mut problems), Shape::said(&event::shape::<E>()));
        let narrowed = noted.misfits(&shape).into_iter();
        problems.extend(narrowed.filter_map(|(place, why)| self.narrowed::<E>(place, &why, &told)));
        // What breaks something is no form to come.
        if problems.is_empty() {
            for (name, samples) in today {
                self.note::<E>(&files, &name, samples, &mut problems);
            }
        }
        if problems.is_empty() {
            self.note_shape::<E>(&files, &noted, &shape, &mut problems);
        }
        ended(problems)
    }

    /// Why something that may be stored at a place of an event cannot be read any more, if that is anybody's trouble. What a sample has
    /// told is not told again.
    fn narrowed<E: Event>(
        &self,
        place: &str,
        why: &str,
        told: &BTreeSet<String>,
    ) -> Option<String> {
        let place = place.strip_prefix("::")?;
        let names = names::<E>().unwrap_or_default().iter();
        let found = names.filter_map(|name| Some((name, within(place, name)?)));
        // A name may begin as another one does.
        let (name, rest) = found.max_by_key(|(name, _)| name.len())?;
        let field = rest.trim_start_matches('.');
        let is_read = !told.contains(*name)
            && !E::upcasts().has_step(name)
            && !self.forgotten.contains(&((*name).to_owned(), field.to_owned()));
        let field = if field.is_empty() { "it".to_owned() } else { format!("`{field}`") };
        is_read.then(|| {
            format!(
                "`{}.{name}`: {field} {why} (let it read what it has read, or write a new name and upcast this one; or \
                 say that the guard forgets it)",
                E::CATEGORY
            )
        })
    }

    /// Adds the places that are new, and those at which more can be read.
    fn note_shape<E: Event>(
        &self,
        files: &Files,
        noted: &Shape,
        today: &Shape,
        problems: &mut Vec<String>,
    ) {
        let all = noted.clone().and(today);
        if all == *noted {
            return;
        }
        if self.checks_only {
            problems.push(format!(
                "the events of `{}` are read in a new shape: run the test with {MODE}=write, and commit the file",
                E::CATEGORY
            ));
        } else {
            files.write_shape(&all, problems);
        }
    }

    /// Why an event that was stored so is not read, or not all of it.
    fn unreadable<E: Event>(&self, name: &str, stored: &Value) -> Option<String> {
        let events = match recorded::<E>(name, stored) {
            Ok(record) => decode_all::<E>(&record),
            Err(why) => return Some(why.to_string()),
        };
        let event = match events {
            Ok(mut events) => events.next()?,
            Err(why) => {
                let stored = serde_json::to_vec(stored).unwrap_or_default();
                let place = E::upcasts().place_of_misfit(name, &stored);
                return Some(mended(name, &place, &why));
            }
        };
        // What became of it by other steps than new names may look otherwise, on purpose.
        let today = E::upcasts().renamed(name);
        let (_, again) = written(&event).ok().filter(|(now, _)| now == today)?;
        let is_lost = |path: &String| !self.forgotten.contains(&(name.to_owned(), path.clone()));
        let gone = lost(stored, &again).into_iter().find(is_lost)?;
        Some(format!(
            "`{gone}` is read no more (give the field that follows it an `alias`, or say that the guard forgets it)"
        ))
    }

    /// Adds the samples whose form is new.
    fn note<E: Event>(
        &self,
        files: &Files,
        name: &str,
        samples: Vec<Value>,
        problems: &mut Vec<String>,
    ) {
        let before = problems.len();
        let mut known = files.samples(name, problems).unwrap_or_default();
        if problems.len() > before {
            return;
        }
        let count = known.len();
        for sample in samples {
            let form = form(&sample);
            if !known.iter().any(|other| self::form(other) == form) {
                known.push(sample);
            }
        }
        if known.len() == count {
            return;
        }
        if self.checks_only {
            problems.push(format!(
                "`{}.{name}` is written in a new form: run the test with {MODE}=write, and commit the file",
                E::CATEGORY
            ));
        } else {
            files.write(name, &known, problems);
        }
    }
}

/// What is wrong, and what mends it.
fn mended(name: &str, place: &str, why: &EventError) -> String {
    let EventError::Decode { misfit, source, upcast_to, .. } = why else {
        return why.to_string();
    };
    // Behind a step it is a place in what that has made.
    let to = upcast_to.map(|to| format!("as `{to}`: ")).unwrap_or_default();
    let at = if place.is_empty() { String::new() } else { format!("`{place}`: ") };
    match misfit {
        Misfit::Upcast => {
            let step = upcast_to.unwrap_or(name);
            format!("{source} (mend the step from `{step}`)")
        }
        Misfit::Name => format!(
            "{to}{at}{source} (keep a variant that reads it, by `rename` or `alias`, or upcast it)"
        ),
        _ => format!(
            "{to}{at}{source} (give a field that is new a `default`, or write a new name and upcast this one)"
        ),
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The name and the payload that an event is stored under.
fn written<E: Event>(event: &E) -> Result<(String, Value), BoxError> {
    let event = encode(event, EventId::new(Uuid::nil()))?;
    Ok((event.name().to_string(), serde_json::from_slice(event.data())?))
}

fn recorded<E: Event>(name: &str, payload: &Value) -> Result<RecordedEvent, BoxError> {
    let data = serde_json::to_vec(payload)?;
    let event = NewEvent::new(EventId::new(Uuid::nil()), EventName::new(name)?, data);
    Ok(event.recorded(Recording {
        stream: event::stream::<E>("sample")?,
        version: StreamVersion::new(1),
        position: Position::new(1),
        recorded_at: DateTime::UNIX_EPOCH,
    }))
}
