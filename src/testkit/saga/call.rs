//! Calls, and all that can go wrong with them.

use std::sync::Arc;

use super::at_once::{AtOnce, at_once};
use super::play::{Actor, Done, Play, Stop, Twist};
use super::report::Breach;
use super::schedule::Cost;
use super::story::{Fate, Goes, Line, outcome};
use crate::saga::{
    Act, Call, Command, Effect, Hand, Json, Kind, Out, Resolve, SagaId, Said, Way, Work, Written,
};

/// A call to be made.
#[derive(Clone)]
pub(super) struct Todo {
    pub(super) step: usize,
    pub(super) way: Way,
    pub(super) effect: Option<Effect<Out>>,
}

/// A call that is made, and may not have arrived.
pub(super) struct Late {
    owner: usize,
    step: usize,
    way: Way,
    act: Arc<dyn Act>,
    call: Call,
}

/// How a call goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Well,
    /// It happens, and the answer is lost.
    Unheard,
    /// It never arrives, and nobody knows.
    Lost,
    /// It never arrives, and that is known.
    Fails,
    /// It arrives after nobody waits for it any more.
    Delayed,
    /// It arrives once more.
    Doubled,
    /// It is refused, because the test has it so.
    Refused,
}

/// What is still on its way.
#[derive(Clone, Copy)]
enum OnItsWay {
    Late(usize),
    /// What one who has been replaced calls next.
    Zombie(usize),
}

impl Play<'_> {
    /// The owner makes a call.
    pub(super) fn call(&mut self, at: usize) -> Done<()> {
        let todo = self.live.calls.swap_remove(at);
        let (step, way) = (todo.step, todo.way);
        self.deliver_some(&todo)?;
        if let Some(said) = self.waits(step)? {
            self.answer(step, way, said);
            return Ok(());
        }
        let how = self.how(step, way);
        let late = match self.made(&todo) {
            Ok(late) => late,
            Err(why) => {
                let said = Said::broken(why);
                self.tell_call(self.live.number, step, way, Goes::Answers, &said);
                self.answer(step, way, said);
                return Ok(());
            }
        };
        let nobody_knows = Said::unknown("nobody has answered");
        let said = match how {
            How::Well | How::Unheard => {
                let goes = if how == How::Well { Goes::Answers } else { Goes::AnswerLost };
                let said = self.arrives(late, goes)?;
                if how == How::Well { said } else { nobody_knows }
            }
            How::Doubled => {
                let twin = self.made(&todo).ok();
                let said = self.arrives(late, Goes::Doubled)?;
                self.late.extend(twin);
                said
            }
            How::Delayed => {
                self.late.push(late);
                self.tell_call(self.live.number, step, way, |_| Goes::Delayed, &nobody_knows);
                nobody_knows
            }
            How::Lost => {
                self.tell_call(self.live.number, step, way, |_| Goes::Lost, &nobody_knows);
                nobody_knows
            }
            How::Fails => {
                let said = Said::failed();
                self.tell_call(self.live.number, step, way, |_| Goes::Fails, &said);
                said
            }
            How::Refused => {
                self.refused.insert(step);
                self.arrives(late, Goes::Answers)?
            }
        };
        self.answer(step, way, said);
        Ok(())
    }

    fn answer(&mut self, step: usize, way: Way, said: Said) {
        let rests = self.live.hand.answered(step, way, said);
        self.live.resting.extend(rests);
    }

    fn tell_call(
        &mut self,
        owner: usize,
        step: usize,
        way: Way,
        goes: impl FnOnce(String) -> Goes,
        said: &Said,
    ) {
        self.tell(|play| {
            let name = play.shape().steps.get(step).map(|step| Arc::clone(&step.name));
            let goes = goes(outcome(&said.outcome, said.error.as_deref()));
            Line::Call { owner, step: name.unwrap_or_default(), way, goes }
        });
    }

    /// Decides how a call goes.
    fn how(&mut self, step: usize, way: Way) -> How {
        let Some(of) = self.shape().steps.get(step) else { return How::Well };
        let mut ways = vec![(Cost::Free, How::Well)];
        let leaves_nothing = of.is_local || of.kind == Kind::ReadOnly;
        // To the saga that is the same as a call that is lost: once is enough.
        if leaves_nothing || self.chooser.cost() == 0 || self.chooser.is_anywhere() {
            ways.push((Cost::Fault, How::Fails));
        }
        if !leaves_nothing {
            let faults = [How::Unheard, How::Lost, How::Delayed, How::Doubled];
            ways.extend(faults.map(|how| (Cost::Fault, how)));
        }
        // Who has acted refuses nothing, or would break its promise.
        let can_refuse = way != Way::Undo && of.kind != Kind::Retriable;
        if can_refuse && !self.acted.contains(&step) && !self.refused.contains(&step) {
            ways.push((Cost::Refusal, How::Refused));
        }
        self.chooser.choose(ways).unwrap_or(How::Well)
    }

    /// What a step gets that only waits.
    fn waits(&self, step: usize) -> Done<Option<Said>> {
        let hand = &self.live.hand;
        let Some(node) = hand.node(step) else { return Ok(None) };
        let json = match &node.work {
            Work::Call(_) => return Ok(None),
            Work::Delay(_) => json(&())?,
            Work::Signal { within, .. } => match self.given.signals.get(&*node.name) {
                Some(signal) => signal.clone(),
                None if within.is_some() => {
                    return Ok(Some(Said::rejected(json(&"no signal has come in time")?)));
                }
                None => {
                    let why = format!("`{}` waits for a signal that is not given", node.name);
                    return Err(Stop { breach: Breach::Definition, why });
                }
            },
        };
        Ok(Some(hand.waited(step, json)))
    }

    fn made(&mut self, todo: &Todo) -> Result<Late, String> {
        let key = self.other_key(todo);
        make(self.live.number, &mut self.live.hand, todo, key)
    }

    /// The made-up saga whose keys a call has, if it is to have others.
    fn other_key(&mut self, todo: &Todo) -> Option<SagaId> {
        let is_twisted = self.given.twist == Twist::OtherKeys(todo.step) && todo.way != Way::Undo;
        if !is_twisted {
            return None;
        }
        self.keys += 1;
        self.is_twisted |= self.keys > 1;
        let id = &self.given.stage.id;
        SagaId::new(id.name(), &format!("{}-{}", id.key(), self.keys)).ok()
    }

    /// A call arrives, and is answered.
    fn arrives(&mut self, late: Late, goes: impl FnOnce(String) -> Goes) -> Done<Said> {
        let Late { owner, step, way, act, call } = late;
        if way != Way::Undo && self.refused.contains(&step) {
            let said = Said::rejected(json(&"the test has it so")?);
            self.tell_call(owner, step, way, |_| Goes::Scripted, &said);
            return Ok(said);
        }
        if way == Way::Undo && self.given.twist == Twist::WithoutUndo(step) {
            let said = Said::left_out();
            self.is_twisted |= self.acted.contains(&step);
            self.tell_call(owner, step, way, |_| Goes::LeftOut, &said);
            return Ok(said);
        }
        if way != Way::Undo {
            self.acted.insert(step);
        }
        let twin = (self.given.twist == Twist::Doubled).then(|| call.clone());
        let said = carry_out(Arc::clone(&act), call);
        if let Some(twin) = twin {
            carry_out(act, twin);
        }
        self.tell_call(owner, step, way, goes, &said);
        let shape = Arc::clone(&self.given.stage.definition.shape);
        self.watch.called(&shape, step, way, &said)?;
        Ok(said)
    }

    /// Before a call is made, some of what is on its way may arrive. Calls of other steps change nothing for this one, unless
    /// their participants depend on each other: only schedules that are drawn look at those, too.
    fn deliver_some(&mut self, todo: &Todo) -> Done<()> {
        let must_wait = self.must_wait(todo);
        loop {
            let all = self.on_its_way();
            let is_anywhere = self.chooser.is_anywhere();
            let is_relevant = |way: &OnItsWay| is_anywhere || self.step_of(*way) == Some(todo.step);
            let relevant = all.into_iter().filter(is_relevant).map(Some);
            let mut ways: Vec<_> = relevant.map(|way| (Cost::Free, way)).collect();
            if !must_wait {
                ways.insert(0, (Cost::Free, None));
            }
            match self.chooser.choose(ways).flatten() {
                Some(way) => self.deliver(way)?,
                None => return Ok(()),
            }
        }
    }

    /// Whether nothing of the step may be on its way any more when this is called.
    fn must_wait(&self, todo: &Todo) -> bool {
        let resolve = self.shape().steps.get(todo.step).map(|step| step.resolve);
        todo.way == Way::Undo
            && todo.effect == Some(Effect::Unknown)
            && matches!(resolve, Some(Resolve::QueryAfter(_)))
    }

    fn on_its_way(&self) -> Vec<OnItsWay> {
        let late = (0..self.late.len()).map(OnItsWay::Late);
        late.chain((0..self.zombies.len()).map(OnItsWay::Zombie)).collect()
    }

    fn step_of(&self, way: OnItsWay) -> Option<usize> {
        match way {
            OnItsWay::Late(at) => self.late.get(at).map(|late| late.step),
            OnItsWay::Zombie(at) => self.zombies.get(at)?.calls.first().map(|todo| todo.step),
        }
    }

    /// All that is on its way arrives, in one order or another.
    pub(super) fn deliver_all(&mut self) -> Done<()> {
        loop {
            let ways = self.on_its_way().into_iter().map(|way| (Cost::Free, way)).collect();
            match self.chooser.choose(ways) {
                Some(way) => self.deliver(way)?,
                None => return Ok(()),
            }
        }
    }

    fn deliver(&mut self, way: OnItsWay) -> Done<()> {
        match way {
            OnItsWay::Late(at) => {
                let late = self.late.remove(at);
                self.arrives(late, Goes::Arrives).map(drop)
            }
            OnItsWay::Zombie(at) => {
                let zombie = self.zombies.remove(at);
                self.go_on_as(zombie)
            }
        }
    }

    /// One who has been replaced makes its next call. As soon as it would write something down, it learns that it is replaced.
    fn go_on_as(&mut self, mut zombie: Actor) -> Done<()> {
        if !zombie.calls.is_empty() {
            let todo = zombie.calls.remove(0);
            let key = self.other_key(&todo);
            let said = match make(zombie.number, &mut zombie.hand, &todo, key) {
                Ok(late) => self.arrives(late, Goes::Arrives)?,
                Err(why) => Said::broken(why),
            };
            zombie.resting.extend(zombie.hand.answered(todo.step, todo.way, said));
        }
        for step in std::mem::take(&mut zombie.resting) {
            zombie.hand.rested(step);
        }
        for command in zombie.hand.poll() {
            if let Command::Call { step, way, effect } = command {
                zombie.calls.push(Todo { step, way, effect });
            }
        }
        if zombie.hand.appending().is_none() {
            if !zombie.calls.is_empty() {
                self.zombies.push(zombie);
            }
            return Ok(());
        }
        let records = zombie.hand.appending().unwrap_or_default().to_vec();
        let written = super::play::wait(zombie.hand.append(self.given.stage, 1))?;
        if !matches!(written, Written::Lost) {
            return Err(Stop::from("one who has been replaced could write".to_owned()));
        }
        self.tell(|_| Line::write(zombie.number, &records, Fate::Refused));
        // What it has called beside that is on its way all the same.
        for todo in &std::mem::take(&mut zombie.calls) {
            let key = self.other_key(todo);
            self.late.extend(make(zombie.number, &mut zombie.hand, todo, key));
        }
        Ok(())
    }
}

/// Makes a call, which has not arrived yet.
fn make(owner: usize, hand: &mut Hand, todo: &Todo, key: Option<SagaId>) -> Result<Late, String> {
    let &Todo { step, way, .. } = todo;
    let mut call = hand.call(step, way, todo.effect.clone())?;
    if let Some(key) = key {
        call.saga = key;
    }
    match hand.node(step).map(|node| &node.work) {
        Some(Work::Call(act)) => Ok(Late { owner, step, way, act: Arc::clone(act), call }),
        _ => Err("there is nothing to call".to_owned()),
    }
}

/// Has the user's code do what it is called for.
fn carry_out(act: Arc<dyn Act>, call: Call) -> Said {
    match at_once(async move { act.call(call).await }) {
        AtOnce::Ready(said) => said,
        AtOnce::Pending => Said::unknown("it never answers"),
        AtOnce::Panicked => Said::unknown("it panicked"),
    }
}

fn json(value: &impl serde::Serialize) -> Result<Json, String> {
    Json::of(value).map_err(|error| error.to_string())
}
