//! A saga in the hand of its owner: what is to be written down of it, and what is committed beside that.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::act::Said;
use super::append::Appended;
use super::instance::Instance;
use super::record::Record;
use super::run::{Command, Way, short};
use super::state::State;
use crate::types::Commit;

/// A saga in the hand of its owner. The runner moves it on, and the testkit's explorer does.
pub(crate) struct Hand {
    pub(super) saga: Box<Instance>,
    /// Commits of local steps that are not written yet.
    commits: BTreeMap<usize, Commit>,
    /// What went wrong last with each step.
    errors: BTreeMap<usize, String>,
    pub(super) appending: Option<Appending>,
}

/// What is to be written down.
pub(super) struct Appending {
    pub(super) records: Arc<[Record]>,
    /// The steps whose commits are part of it.
    steps: Vec<usize>,
}

/// What follows from what came of writing.
pub(super) enum Follows {
    Nothing,
    /// The log has grown: it must be looked at.
    Look,
    /// A local step decides again when it has rested.
    Again {
        step: usize,
        tries: u32,
    },
    /// It can never be written.
    Never(String),
    Stopped,
}

/// What a record says that somebody else has written.
pub(super) enum Seen {
    /// Somebody wants the saga given up. It is still this owner's.
    Asked,
    /// An operator has changed it.
    Changed,
    /// It is another's.
    Anothers,
}

impl Hand {
    pub(super) const fn new(saga: Box<Instance>) -> Self {
        Self { saga, commits: BTreeMap::new(), errors: BTreeMap::new(), appending: None }
    }

    pub(crate) fn state(&self) -> &State {
        self.saga.run.state()
    }

    /// What is to be done now. What is to be written down is kept until it [is](Self::written).
    pub(super) fn next(&mut self, now: impl FnOnce() -> DateTime<Utc>) -> Vec<Command> {
        let mut commands = self.saga.run.poll();
        // Of what is written down there is one list at a time.
        let append = commands.iter_mut().find_map(|command| match command {
            Command::Append(records) => Some(records),
            _ => None,
        });
        if let Some(records) = append {
            let now = now();
            self.explain(records);
            for record in records.iter() {
                self.saga.note(record, now);
            }
            let steps = records.iter().filter_map(|record| self.local_of(record)).collect();
            self.appending = Some(Appending { records: Arc::clone(records), steps });
        }
        commands
    }

    /// What is to be committed beside it.
    pub(super) fn beside(&self) -> Option<Commit> {
        let steps = self.appending.iter().flat_map(|appending| &appending.steps);
        steps.filter_map(|step| self.commits.get(step).cloned()).reduce(Commit::and)
    }

    /// Takes in what came of writing it down.
    pub(super) fn written(&mut self, appended: Appended) -> Follows {
        let Some(Appending { records, steps }) = self.appending.take() else {
            return Follows::Nothing;
        };
        // Of several the last one is the first to decide again.
        let last = steps.last().copied();
        match appended {
            Appended::Done => {
                self.commits.retain(|step, _| !steps.contains(step));
                self.saga.version = self.saga.version.plus(records.len() as u64);
                self.saga.run.appended();
                Follows::Nothing
            }
            Appended::Grown => {
                self.saga.run.not_appended(None);
                Follows::Look
            }
            // What a local step has decided does not fit any more.
            Appended::Misfit => {
                self.commits.retain(|step, _| Some(*step) != last);
                match self.saga.run.not_appended(last) {
                    Some(Command::Rest { step, tries }) => Follows::Again { step, tries },
                    _ => Follows::Nothing,
                }
            }
            Appended::Invalid(why) => self.unwritable(&steps, &records, why),
            Appended::Stopped => Follows::Stopped,
        }
    }

    /// What was to be written down can never be.
    fn unwritable(&mut self, local: &[usize], records: &[Record], why: String) -> Follows {
        // Of several that are local nobody knows whose fault it is: the last one decides again, when the others are written.
        if let [_, .., last] = local {
            self.commits.remove(last);
            return match self.saga.run.not_appended(Some(*last)) {
                Some(Command::Rest { step, tries }) => Follows::Again { step, tries },
                _ => Follows::Nothing,
            };
        }
        let step = local.first().copied().or_else(|| self.saga.run.largest());
        let gives_up = records.iter().any(|record| matches!(record, Record::Unwind { .. }));
        if step.is_none() && !gives_up {
            return Follows::Never(why);
        }
        if let Some(step) = step {
            self.commits.remove(&step);
        }
        self.saga.run.unwritable(step, &why);
        Follows::Nothing
    }

    /// Takes in a record that somebody else has written behind what is known.
    pub(super) fn see(&mut self, record: &Record) -> Seen {
        self.saga.version = self.saga.version.plus(1);
        match record {
            Record::CancelAsked { .. } => {
                self.saga.run.cancelled();
                Seen::Asked
            }
            Record::Operator { .. } => Seen::Changed,
            _ => Seen::Anothers,
        }
    }

    /// Takes in how a call has ended; the steps that are to rest, each with how often it was tried again.
    pub(super) fn hear(&mut self, step: usize, way: Way, said: Said) -> Vec<(usize, u32)> {
        match said.error {
            Some(error) => drop(self.errors.insert(step, error)),
            None => drop(self.errors.remove(&step)),
        }
        self.saga.heard(step, said.of, said.out);
        match said.commit {
            Some(commit) => drop(self.commits.insert(step, *commit)),
            None => drop(self.commits.remove(&step)),
        }
        let commands = self.saga.run.answered(step, way, said.outcome).into_iter();
        let rests = commands.filter_map(|command| match command {
            Command::Rest { step, tries } => Some((step, tries)),
            _ => None,
        });
        rests.collect()
    }

    /// Tells an operator what went wrong last.
    fn explain(&self, records: &mut Arc<[Record]>) {
        if !records.iter().any(|record| matches!(record, Record::Suspended { .. })) {
            return;
        }
        for record in Arc::make_mut(records) {
            if let Record::Suspended { step, why } = record
                && let Some(error) = self.saga.place(step).and_then(|at| self.errors.get(&at))
            {
                why.push_str(": ");
                why.push_str(short(error));
            }
        }
    }

    /// The local step of which a record says that it has happened, or is taken back.
    fn local_of(&self, record: &Record) -> Option<usize> {
        let (Record::Done { step, .. } | Record::Undone { step }) = record else { return None };
        let place = self.saga.place(step)?;
        self.commits.contains_key(&place).then_some(place)
    }
}
