//! Published contracts as files, and who would break them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::files::Files;
use super::form::misfit;
use super::problems::{BrokenContracts, ended};
use crate::event::names;
use crate::message::{MessageError, join, split};
use crate::types::MessageType;

/// The environment variable that has the files written.
const WRITE: &str = "FREEHOLD_CONTRACTS";

/// The published contracts of services: a folder with a file for each type of message, with samples of it.
///
/// The publisher's test [writes](Self::published) the files once and fails when a change would break who reads them; a reader's
/// test fails when it [cannot read](Self::read_by) what is published. Neither needs the other's code, nor a broker: the folder
/// is all they share.
///
/// ```
/// use freehold::testkit::Contracts;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Orders {
///     #[serde(rename = "shop.order.placed.v1")]
///     Placed { order: String, total: String },
/// }
///
/// /// What the mailer reads of it.
/// #[derive(Deserialize)]
/// enum Heard {
///     #[serde(rename = "shop.order.placed.v1")]
///     Placed { order: String },
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let sample = Orders::Placed { order: "17".into(), total: "25.00".into() };
/// // In a service `folder` is in the repository, and the files are written when `FREEHOLD_CONTRACTS` is `write`.
/// Contracts::in_folder(folder).write().published([sample])?;
/// Contracts::in_folder(folder).read_by::<Heard>()?;
///
/// /// Somebody renames a field.
/// #[derive(Serialize, Deserialize)]
/// enum Changed {
///     #[serde(rename = "shop.order.placed.v1")]
///     Placed { number: String, total: String },
/// }
///
/// let sample = Changed::Placed { number: "17".into(), total: "25.00".into() };
/// let broken = Contracts::in_folder(folder).published([sample]).unwrap_err();
/// assert!(broken.to_string().contains("`shop.order.placed.v1`: `order` is gone"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "contracts are checked by whoever publishes or reads them"]
pub struct Contracts {
    files: Files,
    own: Vec<String>,
    writes: bool,
}

impl Contracts {
    /// The contracts in a folder. They are written instead of checked for being there if the environment says
    /// `FREEHOLD_CONTRACTS=write`.
    pub fn in_folder(folder: impl AsRef<Path>) -> Self {
        let writes = std::env::var(WRITE).is_ok_and(|value| value == "write");
        Self { files: Files::in_folder(folder.as_ref()), own: Vec::new(), writes }
    }

    /// Has the files written that are missing, and those whose samples have changed in ways that break nobody.
    pub const fn write(mut self) -> Self {
        self.writes = true;
        self
    }

    /// Leaves variants out that nobody publishes, as those of a process's own timers.
    pub fn own<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.own.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// For the publisher: samples of all that it publishes, at least one of each type. A field may come; none may go, change what
    /// kind of JSON it is, or become `null`; and no type may go.
    ///
    /// The folder is the publisher's alone: a file of a type that it does not publish is one that is gone.
    ///
    /// # Errors
    /// [`BrokenContracts`] says which, and what to do.
    pub fn published<M: Serialize + DeserializeOwned>(
        &self,
        samples: impl IntoIterator<Item = M>,
    ) -> Result<(), BrokenContracts> {
        let mut problems = Vec::new();
        let mut today: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for sample in samples {
            match value_of(&sample) {
                Ok((kind, value)) => today.entry(kind).or_default().push(value),
                Err(why) => problems.push(format!("a sample cannot be published: {why}")),
            }
        }
        for name in self.names::<M>(&mut problems) {
            if !today.contains_key(name) {
                problems.push(format!("`{name}` has no sample: add one to the test"));
            }
        }
        for (kind, samples) in &today {
            self.check_published(kind, samples, &mut problems);
        }
        for kind in self.files.kinds(&mut problems) {
            if !today.contains_key(&kind) {
                problems.push(format!(
                    "`{kind}` is published no more: publish it for as long as somebody reads it, then remove its file"
                ));
            }
        }
        ended(problems)
    }

    fn check_published(&self, kind: &str, samples: &[Value], problems: &mut Vec<String>) {
        let before = problems.len();
        let known = self.files.samples(kind, problems);
        if known.is_none() && !self.writes && problems.len() == before {
            problems.push(format!("`{kind}` is new: run the test with {WRITE}=write"));
        }
        for old in known.iter().flatten() {
            // A sample breaks a reader of the old one unless some sample of today is like it.
            let misfits: Vec<_> = samples.iter().map(|new| misfit(old, new, "")).collect();
            if let Some(Some(why)) = misfits.iter().min_by_key(|misfit| misfit.is_some()) {
                problems.push(format!(
                    "`{kind}`: {why}: publish a new type beside it, and remove the file when nobody reads the old one"
                ));
            }
        }
        if self.writes && problems.len() == before {
            self.files.write(kind, samples, problems);
        }
    }

    /// For a reader: every type that `M` reads is published, and every sample can be read.
    ///
    /// # Errors
    /// [`BrokenContracts`] says which, and why.
    pub fn read_by<M: DeserializeOwned>(&self) -> Result<(), BrokenContracts> {
        let mut problems = Vec::new();
        for name in self.names::<M>(&mut problems) {
            let Some(samples) = self.files.samples(name, &mut problems) else {
                problems.push(format!("`{name}` is read, and nobody publishes it"));
                continue;
            };
            for sample in samples {
                if let Err(why) = read::<M>(name, &sample) {
                    problems.push(format!("`{name}`: {why}: {sample}"));
                }
            }
        }
        ended(problems)
    }

    fn names<M: DeserializeOwned>(&self, problems: &mut Vec<String>) -> Vec<&'static str> {
        let Some(names) = names::<M>() else {
            problems.push(MessageError::NotPlain.to_string());
            return Vec::new();
        };
        names.iter().copied().filter(|name| !self.own.iter().any(|own| own == name)).collect()
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn value_of<M: Serialize>(sample: &M) -> Result<(String, Value), BoxError> {
    let (kind, data) = split(sample)?;
    Ok((kind.to_string(), serde_json::from_slice(&data)?))
}

fn read<M: DeserializeOwned>(kind: &str, sample: &Value) -> Result<M, BoxError> {
    let kind = MessageType::new(kind)?;
    join(&kind, &serde_json::to_vec(sample)?).map_err(|why| match &why {
        MessageError::Decode { source, .. } => format!("it cannot be read: {source}").into(),
        _ => why.into(),
    })
}
