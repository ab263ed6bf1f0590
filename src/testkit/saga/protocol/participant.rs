//! Participants as the explorer has them: what they remember, and what is left of what they were asked.

use crate::saga::{Kind, Resolve, StepShape, Way};

/// The participant of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Participant {
    /// How often its effect is there.
    pub(super) effects: u8,
    /// What it has answered, if it answers a repeated call as the first.
    stored: Option<bool>,
    /// Whether it takes no action any more, since its compensation has come.
    is_barred: bool,
}

impl Participant {
    /// What a call can come to: how the participant is after it, and whether it has happened.
    pub(super) fn call(&self, step: &StepShape, way: Way) -> Vec<(Self, bool)> {
        if step.is_local {
            // It decides; what it has decided happens with the record of it.
            let can_refuse = way != Way::Undo && step.kind != Kind::Retriable;
            let refuses = can_refuse.then(|| (self.clone(), false));
            return [(self.clone(), true)].into_iter().chain(refuses).collect();
        }
        match way {
            Way::Undo => vec![(self.undo(step), true)],
            Way::Do | Way::Redrive => self.act(step),
        }
    }

    fn act(&self, step: &StepShape) -> Vec<(Self, bool)> {
        let is_effect = u8::from(step.kind != Kind::ReadOnly);
        if let Some(said) = self.stored.filter(|_| step.dedupes) {
            return vec![(self.clone(), said)];
        }
        if self.is_barred {
            return vec![(self.clone(), false)];
        }
        if !step.dedupes && self.effects > 0 && step.kind != Kind::Retriable {
            // It is there already, which whoever does not know its own earlier call hears as a refusal.
            return vec![(self.clone(), false)];
        }
        let mut done = self.clone();
        done.stored = step.dedupes.then_some(true);
        done.effects = if step.kind == Kind::Retriable { 1 } else { self.effects + is_effect };
        let mut ends = vec![(done, true)];
        if step.kind != Kind::Retriable {
            let stored = step.dedupes.then_some(false);
            ends.push((Self { stored, ..self.clone() }, false));
        }
        ends
    }

    fn undo(&self, step: &StepShape) -> Self {
        let mut undone = self.clone();
        if step.resolve == Resolve::Tombstone {
            undone.is_barred = true;
            undone.effects = 0;
        } else {
            undone.effects = self.effects.saturating_sub(1);
        }
        undone
    }
}
