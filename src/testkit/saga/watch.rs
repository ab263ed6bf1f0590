//! What every saga promises, whatever it does: seen at every call, at every record, and at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::saga::{Ended, Hand, Phase, Record, Said, Shape, State, Way};

/// A promise that was broken.
pub(super) type Broken = String;

/// What must be remembered of calls to see whether promises are kept.
#[derive(Default)]
pub(super) struct Watch {
    /// The digests of what steps were given.
    inputs: BTreeMap<usize, u64>,
    /// A step that was compensated by somebody.
    undone: Option<Arc<str>>,
}

impl Watch {
    /// A call has been made, by whomever.
    pub(super) fn called(
        &mut self,
        shape: &Shape,
        step: usize,
        way: Way,
        said: &Said,
    ) -> Result<(), Broken> {
        let name = shape.steps.get(step).map(|step| Arc::clone(&step.name)).unwrap_or_default();
        if let Some(of) = said.of
            && *self.inputs.entry(step).or_insert(of) != of
        {
            return Err(format!("`{name}` is given another input under the same key"));
        }
        if way == Way::Undo {
            self.undone = Some(name);
        }
        Ok(())
    }

    /// The saga is over, and nothing is on its way any more.
    pub(super) fn ended(&self, ended: Ended) -> Result<(), Broken> {
        match &self.undone {
            Some(step) if ended == Ended::Completed => {
                Err(format!("the saga has completed, and `{step}` was compensated"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the owner may make a call now, by what is written down.
pub(super) fn call(shape: &Shape, state: &State, step: usize, way: Way) -> Result<(), Broken> {
    let is_backward = state.phase == Phase::Backward;
    let name = shape.steps.get(step).map_or("?", |step| &*step.name);
    match way {
        Way::Do if is_backward => Err(format!("{name} is called after the saga was given up")),
        Way::Undo | Way::Redrive if !is_backward => Err(format!(
            "{name} is compensated before it is written down that the saga is given up"
        )),
        Way::Undo if state.is_past_pivot(shape) => {
            Err(format!("{name} is compensated after the pivot"))
        }
        Way::Undo if shape.behind(step).any(|behind| state.has_effect(shape, behind)) => {
            Err(format!("{name} is compensated before what needed it"))
        }
        _ => Ok(()),
    }
}

/// What a log says; and nothing stands in it where it cannot.
pub(super) fn fold(shape: &Shape, log: &[Record]) -> Result<State, Broken> {
    State::fold(shape, log).map_err(|why| why.to_string())
}

/// Whether the owner has in mind what is written down.
pub(super) fn written(state: &State, owner: &Hand) -> Result<(), Broken> {
    if owner.state() == state {
        Ok(())
    } else {
        Err("what the owner has in mind is not what is written down".to_owned())
    }
}
