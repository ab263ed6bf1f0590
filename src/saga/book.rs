//! The definitions that a service runs.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::contract::Saga;
use super::define::Before;
use super::handle::Value;
use super::json::Json;
use super::node::{Fault, Node, Plan, Work};
use super::record::{Action, Cause, Record, Started};
use super::shape::{Kind, Resolve, Shape};
use crate::types::category_is_valid;

/// A definition without its types.
pub(crate) struct Registered {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) fingerprint: u64,
    pub(crate) plan: Plan,
    pub(crate) shape: Arc<Shape>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) read_input: fn(&Json) -> Result<Arc<Value>, serde_json::Error>,
    continues: &'static [(u32, &'static [(&'static str, &'static str)])],
}

/// The names of steps that have changed, old and new.
pub(super) type Renamed = &'static [(&'static str, &'static str)];

impl Registered {
    pub(crate) fn of<S: Saga>(saga: &S) -> Result<Self, Fault> {
        if !category_is_valid(S::NAME) {
            return Err(Fault::Name(S::NAME.to_owned()));
        }
        let definition = saga.define(Before::new());
        if let Some(fault) = definition.fault() {
            return Err(fault.clone());
        }
        let plan = definition.plan;
        if plan.nodes.is_empty() {
            return Err(Fault::Empty);
        }
        let shape = Arc::new(plan.shape(saga.undoes_in_parallel()));
        for (version, names) in S::CONTINUES {
            renames_can_be(&shape, *version, names)?;
        }
        let read_input = |json: &Json| json.read::<S::Input>().map(|i| Arc::new(i) as Arc<Value>);
        let mut registered = Self {
            name: S::NAME,
            version: S::VERSION,
            fingerprint: 0,
            plan,
            shape,
            deadline: saga.deadline(),
            read_input,
            continues: S::CONTINUES,
        };
        let text = Json::of(&registered.text()).map(|text| text.digest());
        registered.fingerprint = text.unwrap_or_default();
        Ok(registered)
    }

    /// The definition as text, of which the fingerprint is made.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("saga {} version {}\n", self.name, self.version);
        for step in &self.shape.steps {
            let kind = match step.kind {
                Kind::Compensable => "compensable",
                Kind::ReadOnly => "read-only",
                Kind::Pivot => "pivot",
                Kind::Retriable => "retriable",
            };
            let place = if step.is_local { "local " } else { "" };
            let _ = write!(text, "{}: {place}{kind}", step.name);
            if step.kind == Kind::Compensable && !step.is_local {
                let resolve = match step.resolve {
                    Resolve::Tombstone => "tombstone",
                    Resolve::Redrive => "redrive",
                    Resolve::QueryAfter(_) => "query",
                    Resolve::Manual => "manual",
                };
                let _ = write!(text, " by {resolve}");
            }
            let names = step.after.iter().filter_map(|at| self.shape.steps.get(*at));
            let names: Vec<&str> = names.map(|step| &*step.name).collect();
            if !names.is_empty() {
                let _ = write!(text, " after {}", names.join(", "));
            }
            text.push('\n');
        }
        text
    }

    /// What is to be renamed in the log of a saga that was begun so; or why it cannot be carried on.
    pub(crate) fn claims(&self, started: &Started) -> Result<Renamed, String> {
        if started.version == self.version {
            if started.fingerprint == self.fingerprint {
                return Ok(&[]);
            }
            return Err(format!(
                "it was begun by another definition that is called version {} as well",
                self.version
            ));
        }
        let carried_on = self.continues.iter().find(|(version, _)| *version == started.version);
        carried_on.map(|(_, renamed)| *renamed).ok_or_else(|| {
            format!("version {} is not known here, but {}", started.version, self.version)
        })
    }
}

/// Whether every name in the log of a saga that was begun by that version means one step. The log also holds what was written
/// under the names of now, since the saga was carried on, so a name that is both an old one and one of now means two.
fn renames_can_be(shape: &Shape, version: u32, names: Renamed) -> Result<(), Fault> {
    let fault = |name: &str, why| Err(Fault::Renamed { version, name: name.to_owned(), why });
    for (n, (old, new)) in names.iter().enumerate() {
        if shape.place(old).is_some() {
            return fault(old, "a step is called so now; give that one a name that none has had");
        }
        if shape.place(new).is_none() {
            return fault(old, "no step has its new name; name the one that it has now");
        }
        if names.iter().skip(n + 1).any(|(other, _)| other == old) {
            return fault(old, "it is given two new names");
        }
    }
    Ok(())
}

/// A record with the names that its steps have now.
pub(crate) fn renamed(record: Record, names: Renamed) -> Record {
    if names.is_empty() {
        return record;
    }
    let now = |step: Arc<str>| match names.iter().find(|(old, _)| **old == *step) {
        Some((_, new)) => Arc::from(*new),
        None => step,
    };
    match record {
        Record::Done { step, out } => Record::Done { step: now(step), out },
        Record::Settled { step, out } => Record::Settled { step: now(step), out },
        Record::Undone { step } => Record::Undone { step: now(step) },
        Record::Suspended { step, why } => Record::Suspended { step: now(step), why },
        Record::Unwind { cause, uncertain } => {
            let cause = match cause {
                Cause::Refused { step, why } => Cause::Refused { step: now(step), why },
                Cause::Exhausted { step } => Cause::Exhausted { step: now(step) },
                other => other,
            };
            Record::Unwind { cause, uncertain: uncertain.into_iter().map(now).collect() }
        }
        Record::Operator { actor, action: Action::Resolve { step, verdict }, reason } => {
            Record::Operator { actor, action: Action::Resolve { step: now(step), verdict }, reason }
        }
        other => other,
    }
}

/// The definitions that a service runs, by name.
#[derive(Default)]
pub(crate) struct Book(HashMap<&'static str, Arc<Registered>>);

impl Book {
    pub(crate) fn add(&mut self, registered: Registered) -> Result<(), Fault> {
        let name = registered.name;
        match self.0.insert(name, Arc::new(registered)) {
            Some(_) => Err(Fault::Twice(name)),
            None => Ok(()),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Registered>> {
        self.0.get(name)
    }

    /// The step whose calls may take the longest, of which saga, and how long that is.
    pub(super) fn longest_call(&self) -> Option<(&'static str, &Node, Duration)> {
        let nodes = self.0.values().flat_map(|of| of.plan.nodes.iter().map(|node| (of.name, node)));
        let calls = nodes.filter(|(_, node)| matches!(node.work, Work::Call(_)));
        let timed = calls.map(|(saga, node)| (saga, node, node.policy.time_max));
        timed.max_by_key(|(_, _, time)| *time)
    }
}
