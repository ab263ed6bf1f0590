//! What must hold at every moment, and at the end.

use super::super::watch;
use super::world::{Broken, World};
use crate::saga::{Kind, Phase, Record, Shape, State, Way};

/// Whether a call may be made now, by what is written down.
pub(super) fn call(
    shape: &Shape,
    log: &[Record],
    is_owner: bool,
    step: usize,
    way: Way,
) -> Result<(), Broken> {
    if !is_owner {
        // Whoever is not the owner any more cannot know better; what it asks is made harmless by the participants.
        return Ok(());
    }
    watch::call(shape, &watch::fold(shape, log)?, step, way)
}

/// What must hold at every moment.
pub(super) fn moment(shape: &Shape, world: &World) -> Result<(), Broken> {
    let state = State::fold(shape, &world.log).map_err(|why| why.to_string())?;
    for owner in &world.owners {
        if owner.epoch == world.epoch && owner.appending.is_none() && *owner.run.state() != state {
            return Err("what the owner has in mind is not what is written down".to_owned());
        }
    }
    Ok(())
}

/// What must hold when nothing can happen any more.
pub(super) fn end(shape: &Shape, world: &World) -> Result<(), Broken> {
    let state = State::fold(shape, &world.log).map_err(|why| why.to_string())?;
    if state.is_suspended || state.phase == Phase::Abandoned {
        return Ok(());
    }
    for (step, participant) in shape.steps.iter().zip(&world.participants) {
        let wanted = match state.phase {
            Phase::Completed => u8::from(step.kind != Kind::ReadOnly),
            Phase::Compensated => 0,
            _ => return Err("the saga goes on no more, and waits for nothing".to_owned()),
        };
        if participant.effects != wanted {
            let (name, effects, phase) = (&step.name, participant.effects, state.phase);
            return Err(format!("{phase:?}, and the effect of {name} is there {effects} times"));
        }
    }
    Ok(())
}
