//! All that can happen next.

use std::sync::Arc;

use super::world::{Broken, Event, Mail, Owner, World, asked, said};
use crate::saga::{Action, Cause, Outcome, Record, Rules, Run, Shape, State};

type Next = Vec<(Event, Result<World, Broken>)>;

impl World {
    /// Every world that can come of this one.
    pub(super) fn next(&self, shape: &Arc<Shape>, rules: Rules, is_fenced: bool) -> Next {
        let mut next = Vec::new();
        for owner in &self.owners {
            self.appends(shape, owner, is_fenced, &mut next);
            for step in &owner.resting {
                let event = Event::Rested { epoch: owner.epoch, step: *step };
                next.push(self.after(shape, event, owner.epoch, |world, at| {
                    if let Some(owner) = world.owners.get_mut(at) {
                        owner.resting.remove(step);
                        owner.run.rested(*step);
                    }
                }));
            }
            if owner.epoch < self.epoch {
                let mut world = self.clone();
                world.owners.retain(|other| other.epoch != owner.epoch);
                next.push((Event::Died { epoch: owner.epoch }, Ok(world)));
            }
        }
        for mail in &self.mail {
            self.deliveries(shape, *mail, &mut next);
        }
        self.takeovers(shape, rules, &mut next);
        self.overdue(shape, &mut next);
        self.asks(shape, &mut next);
        self.operates(shape, rules, &mut next);
        next
    }

    /// What becomes of this world when something happens to an owner, and it does what is to be done then.
    fn after(
        &self,
        shape: &Shape,
        event: Event,
        epoch: u8,
        change: impl FnOnce(&mut World, usize),
    ) -> (Event, Result<World, Broken>) {
        let mut world = self.clone();
        let Some(at) = world.owners.iter().position(|owner| owner.epoch == epoch) else {
            return (event, Ok(world));
        };
        change(&mut world, at);
        let went_on = world.go_on(shape, at);
        (event, went_on.map(|()| world))
    }

    fn appends(&self, shape: &Shape, owner: &Owner, is_fenced: bool, next: &mut Next) {
        let Some(records) = &owner.appending else { return };
        let epoch = owner.epoch;
        let hears = |world: &mut World, at: usize| {
            if let Some(owner) = world.owners.get_mut(at) {
                owner.appending = None;
                owner.is_unacknowledged = false;
                owner.run.appended();
            }
        };
        if owner.is_unacknowledged {
            // It looks, and finds its own.
            next.push(self.after(shape, Event::Acknowledged { epoch }, epoch, hears));
            return;
        }
        if is_fenced && epoch != self.epoch {
            let mut world = self.clone();
            world.owners.retain(|other| other.epoch != epoch);
            next.push((Event::Fenced { epoch }, Ok(world)));
            return;
        }
        let mut written = self.clone();
        written.log.extend(records.iter().cloned());
        if let Err(out_of_place) = State::fold(shape, &written.log) {
            let event = Event::Appended { epoch, records: records.clone() };
            next.push((event, Err(format!("{out_of_place}"))));
            return;
        }
        written.happen(shape, records);
        let event = Event::Appended { epoch, records: records.clone() };
        next.push(written.after(shape, event, epoch, hears));
        if let Some(faults) = self.left.faults.checked_sub(1) {
            written.left.faults = faults;
            if let Some((_, owner)) = written.owner(epoch) {
                owner.is_unacknowledged = true;
            }
            let event = Event::AppendedUnheard { epoch, records: records.clone() };
            next.push((event, Ok(written)));
        }
    }

    fn deliveries(&self, shape: &Shape, mail: Mail, next: &mut Next) {
        let (Some(step), Some(participant)) =
            (shape.steps.get(mail.step), self.participants.get(mail.step))
        else {
            return;
        };
        let is_awaited = self.is_awaited(mail);
        for (then, happened) in participant.call(step, mail.way) {
            let mut world = self.clone();
            world.mail.remove(&mail);
            if let Some(participant) = world.participants.get_mut(mail.step) {
                *participant = then;
            }
            if !is_awaited {
                next.push((Event::Late { mail, happened }, Ok(world)));
                continue;
            }
            let answered = Event::Answered { mail, happened };
            next.push(world.heard(shape, answered, mail, said(happened)));
            if let Some(faults) = self.left.faults.checked_sub(1) {
                world.left.faults = faults;
                let lost = Event::AnswerLost { mail, happened };
                next.push(world.heard(shape, lost, mail, Outcome::Unknown));
                if self.left.operators > 0 {
                    let broken = Outcome::Broken(String::new());
                    next.push(world.heard(shape, Event::Broken { mail, happened }, mail, broken));
                }
                // Who does not remember what it has said must not be called over what doubles calls.
                if !step.dedupes {
                    continue;
                }
                world.mail.insert(mail);
                let doubled = Event::Doubled { mail, happened };
                next.push(world.heard(shape, doubled, mail, said(happened)));
            }
        }
        if let Some(faults) = self.left.faults.checked_sub(1)
            && is_awaited
        {
            let mut world = self.clone();
            world.left.faults = faults;
            next.push(world.heard(shape, Event::TimedOut { mail }, mail, Outcome::Unknown));
            world.mail.remove(&mail);
            next.push(world.heard(shape, Event::Failed { mail }, mail, Outcome::Transient));
        }
    }

    fn heard(
        &self,
        shape: &Shape,
        event: Event,
        mail: Mail,
        outcome: Outcome,
    ) -> (Event, Result<World, Broken>) {
        let mut world = self.clone();
        let went_on = match world.hear(mail, outcome) {
            Some(at) => world.go_on(shape, at),
            None => Ok(()),
        };
        (event, went_on.map(|()| world))
    }

    fn takeovers(&self, shape: &Arc<Shape>, rules: Rules, next: &mut Next) {
        let Some(takeovers) = self.left.takeovers.checked_sub(1) else { return };
        let run = match Run::take_over(Arc::clone(shape), rules, &self.log) {
            Ok(run) if run.state().is_over() => return,
            Ok(run) => run,
            Err(_) => return,
        };
        for lives_on in [false, true] {
            let mut world = self.clone();
            world.left.takeovers = takeovers;
            if !lives_on {
                world.owners.retain(|owner| owner.epoch != self.epoch);
            }
            world.epoch += 1;
            let epoch = world.epoch;
            world.owners.push(Owner::new(epoch, run.clone()));
            let at = world.owners.len() - 1;
            let went_on = world.go_on(shape, at);
            next.push((Event::TakenOver { epoch, lives_on }, went_on.map(|()| world)));
        }
    }

    /// The deadline of a saga passes.
    fn overdue(&self, shape: &Shape, next: &mut Next) {
        if !self.left.deadline {
            return;
        }
        let mut world = self.clone();
        world.left.deadline = false;
        let epoch = self.epoch;
        next.push(world.after(shape, Event::Overdue { epoch }, epoch, |world, at| {
            if let Some(owner) = world.owners.get_mut(at) {
                owner.run.give_up(Cause::Deadline);
            }
        }));
    }

    /// Somebody writes down that the saga is to be given up. Its owner learns it at once, or when it may not append.
    fn asks(&self, shape: &Shape, next: &mut Next) {
        let state = State::fold(shape, &self.log);
        let can_be = state.is_ok_and(|it| !it.is_cancelled && it.can_be_given_up(shape));
        let is_unsure = self.owners.iter().any(|owner| owner.is_unacknowledged);
        if !self.left.cancels || !can_be || is_unsure {
            return;
        }
        let mut world = self.clone();
        world.left.cancels = false;
        world.log.push(asked());
        next.push(world.after(shape, Event::Asked, self.epoch, |world, at| {
            if let Some(owner) = world.owners.get_mut(at) {
                if owner.appending.take().is_some() {
                    owner.run.not_appended(None);
                }
                owner.run.cancelled();
            }
        }));
    }

    /// An operator does all that can be done with a saga that waits for one. Its owner reads it anew.
    fn operates(&self, shape: &Arc<Shape>, rules: Rules, next: &mut Next) {
        let Some(operators) = self.left.operators.checked_sub(1) else { return };
        let newest = self.owners.iter().find(|owner| owner.epoch == self.epoch);
        if newest.is_some_and(|owner| owner.appending.is_some() || !owner.calls.is_empty()) {
            return;
        }
        let (actor, reason) = (String::new(), String::new());
        for action in [Action::Retry, Action::Compensate, Action::Abandon] {
            let (actor, reason) = (actor.clone(), reason.clone());
            let mut world = self.clone();
            world.left.operators = operators;
            world.log.push(Record::Operator { actor, action: action.clone(), reason });
            let Ok(run) = Run::take_over(Arc::clone(shape), rules, &world.log) else { continue };
            world.owners.retain(|owner| owner.epoch != self.epoch);
            world.owners.push(Owner::new(self.epoch, run));
            let at = world.owners.len() - 1;
            let went_on = world.go_on(shape, at);
            next.push((Event::Operated { action }, went_on.map(|()| world)));
        }
    }

    /// What is local happens with the record that says so.
    fn happen(&mut self, shape: &Shape, records: &[Record]) {
        for record in records {
            let (name, is_done) = match record {
                Record::Done { step, .. } => (step, true),
                Record::Undone { step } => (step, false),
                _ => continue,
            };
            let Some(at) = shape.place(name) else { continue };
            let is_local = shape.steps.get(at).is_some_and(|step| step.is_local);
            if let Some(participant) = self.participants.get_mut(at).filter(|_| is_local) {
                let effects = participant.effects;
                participant.effects = if is_done { effects + 1 } else { effects.saturating_sub(1) };
            }
        }
    }
}
