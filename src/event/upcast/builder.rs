//! Making the steps, and seeing whether they lead somewhere.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::flaw::UpcastFlaw;
use super::steps::{BoxError, Form, Step, Turn, Upcasts};
use crate::event::split::split_noted;
use crate::event::{Event, Mismatch, exact, names};
use crate::types::EventName;

/// Makes an [`Upcasts`] of steps. Their order does not matter.
///
/// A closure may fail with any error; it is the source of the [`EventError::Decode`](crate::event::EventError) that names the event.
/// It must be pure: the same event is read again and again.
#[must_use = "steps do nothing until they are built"]
pub struct UpcastsBuilder<E> {
    steps: Vec<Planned<E>>,
}

struct Planned<E> {
    from: &'static str,
    /// The names that it leads to. What ends in today's enum by its type needs none.
    to: Vec<&'static str>,
    step: Step<E>,
    flaw: Option<UpcastFlaw>,
}

impl<E: Event> UpcastsBuilder<E> {
    pub(super) const fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Events called `from` are now called `to`, with the same payload.
    ///
    /// `to` is another old name or one of today's. For today's, `#[serde(alias = "…")]` does the same.
    pub fn rename(self, from: &'static str, to: &'static str) -> Self {
        self.with(from, vec![to], Step::Rename(to), None)
    }

    /// Events called `from`, whose payload is an `Old`, are now called `to`, and their payload is a `New`.
    ///
    /// `to` is another old name or one of today's; its payload is what `serde_json` writes of the `New`.
    pub fn reshape<Old, New>(
        self,
        from: &'static str,
        to: &'static str,
        reshape: impl Fn(Old) -> Result<New, BoxError> + Send + Sync + 'static,
    ) -> Self
    where
        Old: DeserializeOwned,
        New: Serialize,
    {
        let turn: Turn<E> = Box::new(move |data, forms| {
            let new = reshape(serde_json::from_slice(data)?)?;
            forms.push(Form::Old(to, exact::to_payload(&new)?));
            Ok(())
        });
        self.with(from, vec![to], Step::Turn(turn), None)
    }

    /// Events called `from`, whose payload is an `Old`, are now the event that the closure makes of it.
    ///
    /// That is one of today's, or one of an enum of old events, which goes on by its name.
    pub fn replace<Old, New>(
        self,
        from: &'static str,
        replace: impl Fn(Old) -> Result<New, BoxError> + Send + Sync + 'static,
    ) -> Self
    where
        Old: DeserializeOwned,
        New: Serialize + DeserializeOwned + 'static,
    {
        self.split(from, move |old| Ok(Some(replace(old)?)))
    }

    /// Events called `from`, whose payload is an `Old`, are now the events that the closure makes of it, in their order.
    ///
    /// They are today's, or of an enum of old events, each of which goes on by its name. There may be none: an
    /// event that means nothing today under some conditions.
    pub fn split<Old, New, Events>(
        self,
        from: &'static str,
        split: impl Fn(Old) -> Result<Events, BoxError> + Send + Sync + 'static,
    ) -> Self
    where
        Old: DeserializeOwned,
        New: Serialize + DeserializeOwned + 'static,
        Events: IntoIterator<Item = New>,
    {
        let turn: Turn<E> = Box::new(move |data, forms| {
            for new in split(serde_json::from_slice(data)?)? {
                forms.push(form(new)?);
            }
            Ok(())
        });
        let (to, flaw) = match names::<New>() {
            None => (Vec::new(), Some(UpcastFlaw::NotPlain { from })),
            Some(_) if TypeId::of::<New>() == TypeId::of::<E>() => (Vec::new(), None),
            Some(names) => (names.to_vec(), None),
        };
        self.with(from, to, Step::Turn(turn), flaw)
    }

    /// Events called `from` mean nothing today, for a reason that readers of the code will ask for. Their payload is not looked at.
    ///
    /// They stay in the log and keep their versions and positions.
    pub fn drop(self, from: &'static str, reason: &'static str) -> Self {
        let is_said = !reason.trim().is_empty();
        let flaw = (!is_said).then_some(UpcastFlaw::NoReason { from });
        self.with(from, Vec::new(), Step::Drop(reason), flaw)
    }

    fn with(
        mut self,
        from: &'static str,
        to: Vec<&'static str>,
        step: Step<E>,
        flaw: Option<UpcastFlaw>,
    ) -> Self {
        self.steps.push(Planned { from, to, step, flaw });
        self
    }

    /// The steps, checked: whether each begins at a name of its own and leads to today's enum, and none of them around.
    ///
    /// A flaw is in [`Upcasts::flaw`], and the error of every event that is read or written. It does not panic, since this
    /// runs when a program meets its first event.
    #[must_use]
    pub fn build(self) -> Upcasts<E> {
        let flaw = self.flaw();
        let mut outline: Vec<String> = self.steps.iter().map(Planned::outline).collect();
        outline.sort_unstable();
        let steps = self.steps.into_iter().map(|planned| (planned.from, planned.step)).collect();
        Upcasts::checked(steps, flaw, outline.join("; "))
    }

    fn flaw(&self) -> Option<UpcastFlaw> {
        let today = names::<E>().unwrap_or_default();
        let mut edges: HashMap<&str, &[&'static str]> = HashMap::new();
        for Planned { from, to, flaw, .. } in &self.steps {
            if let Some(flaw) = flaw {
                return Some(flaw.clone());
            }
            if EventName::from_static(from).is_err() {
                return Some(UpcastFlaw::Name { name: from });
            }
            if today.contains(from) {
                return Some(UpcastFlaw::Today { from });
            }
            if edges.insert(from, to).is_some() {
                return Some(UpcastFlaw::Twice { from });
            }
        }
        for Planned { from, to, .. } in &self.steps {
            let is_read = |to: &&&'static str| today.contains(*to) || edges.contains_key(**to);
            if let Some(to) = to.iter().find(|to| !is_read(to)) {
                return Some(UpcastFlaw::Gap { from, to });
            }
        }
        let mut done = HashSet::new();
        self.steps.iter().find_map(|step| around(step.from, &edges, &mut Vec::new(), &mut done))
    }
}

/// The way around, if one leads from here back to a name on the path. Who is done leads nowhere around.
fn around(
    name: &'static str,
    edges: &HashMap<&str, &[&'static str]>,
    path: &mut Vec<&'static str>,
    done: &mut HashSet<&'static str>,
) -> Option<UpcastFlaw> {
    if path.contains(&name) {
        let around = path.iter().copied().skip_while(|on| *on != name);
        return Some(UpcastFlaw::Cycle { names: around.chain([name]).collect() });
    }
    if done.contains(name) {
        return None;
    }
    path.push(name);
    for to in edges.get(name).copied().unwrap_or_default() {
        if let Some(cycle) = around(to, edges, path, done) {
            return Some(cycle);
        }
    }
    path.pop();
    done.insert(name);
    None
}

/// An event of today as it is, and an old one by its name and payload.
fn form<E: Event, New: Serialize + DeserializeOwned + 'static>(
    new: New,
) -> Result<Form<E>, BoxError> {
    let mut new = Some(new);
    let as_today = (&mut new as &mut dyn Any).downcast_mut::<Option<E>>();
    if let Some(today) = as_today.and_then(Option::take) {
        return Ok(Form::Today(today));
    }
    let split = split_noted(&new.ok_or(Mismatch::NotPlain)?)?;
    // Its name was not seen by the check for gaps, and `#[serde(other)]` would swallow it.
    if !names::<New>().unwrap_or_default().contains(&split.name) {
        return Err(Mismatch::NotPlain.into());
    }
    exact::check::<New>(&split)?;
    Ok(Form::Old(split.name, split.data))
}

impl<E> Planned<E> {
    fn outline(&self) -> String {
        let mut said = format!("{} → ", self.from);
        // Writing to a string cannot fail.
        let _always = match (&self.step, &*self.to) {
            (Step::Rename(to), _) => write!(said, "{to}"),
            (Step::Drop(reason), _) => write!(said, "nothing ({reason})"),
            (Step::Turn(_), []) => write!(said, "today's"),
            (Step::Turn(_), to) => write!(said, "other {}", to.join(" or ")),
        };
        said
    }
}

impl<E> fmt::Debug for UpcastsBuilder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps.iter().map(Planned::outline)).finish()
    }
}
