//! One schedule, from the start of a saga until nothing is on its way any more.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::at_once::{AtOnce, at_once};
use super::call::{Late, Todo};
use super::report::Breach;
use super::schedule::{Chooser, Cost, Point};
use super::story::{Fate, Line};
use super::watch::{self, Watch};
use crate::saga::{Command, Ended, Hand, Json, Phase, Record, Shape, Stage, State, Written};

/// More than any saga does that comes to an end.
const ACTS_MAX: usize = 5_000;
/// How often an operator has a saga try again that waits for one.
const RETRIES: usize = 2;
/// What each owner is called begins so.
const OWNER: u128 = 0x0170_2e00_0000_7000_8000_0000_0000_0000;

/// What is built into a schedule on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twist {
    None,
    /// Every call arrives twice.
    Doubled,
    /// The compensation of a step is left out, and nobody is told.
    WithoutUndo(usize),
    /// Each call of a step has another key.
    OtherKeys(usize),
}

/// What a schedule is given from outside.
pub(super) struct Given<'a> {
    pub(super) stage: &'a Stage,
    pub(super) input: &'a Json,
    pub(super) signals: &'a BTreeMap<String, Json>,
    pub(super) twist: Twist,
    /// Whether its story is wanted.
    pub(super) tells: bool,
}

/// How a schedule has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Over(Ended),
    Suspended,
}

/// Why a schedule has not ended well.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) breach: Breach,
    pub(super) why: String,
}

/// What is wrong without more said is wrong with the protocol.
impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self { breach: Breach::Protocol, why }
    }
}

pub(super) type Done<T> = Result<T, Stop>;

/// What came of a schedule.
pub(super) struct Played {
    pub(super) ended: Done<Ending>,
    pub(super) trace: Vec<Point>,
    pub(super) cost: usize,
    pub(super) is_twisted: bool,
    pub(super) lines: Vec<Line>,
}

/// One who runs the saga, or still believes so.
pub(super) struct Actor {
    pub(super) number: usize,
    pub(super) hand: Hand,
    pub(super) calls: Vec<Todo>,
    pub(super) resting: BTreeSet<usize>,
}

pub(super) struct Play<'a> {
    pub(super) given: &'a Given<'a>,
    pub(super) chooser: Chooser,
    pub(super) live: Actor,
    /// Those who have been replaced, and go on.
    pub(super) zombies: Vec<Actor>,
    /// Calls that nobody waits for any more.
    pub(super) late: Vec<Late>,
    /// Steps that are refused because the test has it so.
    pub(super) refused: BTreeSet<usize>,
    /// Steps whose action has been called.
    pub(super) acted: BTreeSet<usize>,
    /// How often a key was made up.
    pub(super) keys: usize,
    /// Whether what is built in has made a difference to a call.
    pub(super) is_twisted: bool,
    /// What is written down, and how many records that is.
    state: State,
    known: u64,
    pub(super) watch: Watch,
    pub(super) lines: Vec<Line>,
    retries_left: usize,
    is_overdue: bool,
}

/// What the owner can do next.
#[derive(Clone, Copy)]
enum Act {
    Append,
    Call(usize),
    Rest(usize),
}

/// What happens when something is to be written down.
#[derive(Clone, Copy)]
enum Write {
    Well,
    Unheard,
    /// The owner is gone before.
    Crash,
    /// The owner is replaced before, and goes on.
    Freeze,
    /// Somebody has asked before for the saga to be given up.
    Asked,
}

/// What happens between two acts.
#[derive(Clone, Copy)]
enum Between {
    Nothing,
    Crash,
    Freeze,
    Asked,
    Overdue,
}

/// Plays a schedule.
pub(super) fn play(given: &Given<'_>, chooser: Chooser) -> Played {
    let started = wait(given.stage.start(given.input, owner(1)));
    let hand = match started {
        Ok(hand) => hand,
        Err(why) => {
            let ended = Err(Stop { breach: Breach::Definition, why });
            let (trace, lines) = (Vec::new(), Vec::new());
            return Played { ended, trace, cost: 0, is_twisted: false, lines };
        }
    };
    let state = hand.state().clone();
    let mut play = Play {
        given,
        chooser,
        live: Actor::new(1, hand),
        zombies: Vec::new(),
        late: Vec::new(),
        refused: BTreeSet::new(),
        acted: BTreeSet::new(),
        keys: 0,
        is_twisted: false,
        state,
        known: 1,
        watch: Watch::default(),
        lines: Vec::new(),
        retries_left: RETRIES,
        is_overdue: false,
    };
    let ended = play.run();
    let Play { chooser, is_twisted, lines, .. } = play;
    Played { ended, cost: chooser.cost(), trace: chooser.into_trace(), is_twisted, lines }
}

/// What the log of the saga answers at once.
pub(super) fn wait<T>(future: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match at_once(future) {
        AtOnce::Ready(out) => out,
        AtOnce::Pending | AtOnce::Panicked => Err("the store does not answer at once".to_owned()),
    }
}

fn owner(number: usize) -> Uuid {
    Uuid::from_u128(OWNER + number as u128)
}

impl Actor {
    const fn new(number: usize, hand: Hand) -> Self {
        Self { number, hand, calls: Vec::new(), resting: BTreeSet::new() }
    }
}

impl Play<'_> {
    pub(super) fn shape(&self) -> &Shape {
        &self.given.stage.definition.shape
    }

    pub(super) fn tell(&mut self, line: impl FnOnce(&Self) -> Line) {
        if self.given.tells {
            let line = line(self);
            self.lines.push(line);
        }
    }

    fn run(&mut self) -> Done<Ending> {
        self.go_on()?;
        self.between()?;
        for _ in 0..ACTS_MAX {
            if let Some(ending) = self.act()? {
                self.deliver_all()?;
                return self.end(ending);
            }
        }
        Err(Stop::from("the saga does not come to an end".to_owned()))
    }

    /// Has the owner do what is to be done.
    fn go_on(&mut self) -> Done<()> {
        for command in self.live.hand.poll() {
            if let Command::Call { step, way, effect } = command {
                watch::call(self.shape(), &self.state, step, way)?;
                self.live.calls.push(Todo { step, way, effect });
            }
        }
        Ok(())
    }

    /// The owner does one thing; how it has ended if there is nothing left to be done.
    fn act(&mut self) -> Done<Option<Ending>> {
        if let Some(ended) = ended(self.live.hand.state().phase) {
            return Ok(Some(Ending::Over(ended)));
        }
        let append = self.live.hand.appending().map(|_| Act::Append);
        let calls = (0..self.live.calls.len()).map(Act::Call);
        let rests = self.live.resting.iter().copied().map(Act::Rest);
        let acts = append.into_iter().chain(calls).chain(rests);
        let acts = acts.map(|act| (Cost::Free, act)).collect();
        match self.chooser.choose(acts) {
            Some(Act::Append) => self.append()?,
            Some(Act::Call(at)) => self.call(at)?,
            Some(Act::Rest(step)) => {
                self.live.resting.remove(&step);
                self.live.hand.rested(step);
            }
            None if !self.live.hand.state().is_suspended => {
                return Err(Stop::from("it goes on no more, and waits for nothing".to_owned()));
            }
            None if self.retries_left == 0 => return Ok(Some(Ending::Suspended)),
            None => self.operate()?,
        }
        self.go_on()?;
        Ok(None)
    }

    /// An operator has a saga that waits try again.
    fn operate(&mut self) -> Done<()> {
        self.retries_left -= 1;
        wait(self.given.stage.retry())?;
        self.tell(|_| Line::Outside("an operator has it try again"));
        if let Some(hand) = wait(self.given.stage.open())? {
            self.live = Actor::new(self.live.number, hand);
        }
        self.written()
    }

    fn append(&mut self) -> Done<()> {
        let mut ways = vec![(Cost::Free, Write::Well), (Cost::Fault, Write::Unheard)];
        ways.push((Cost::Takeover, Write::Crash));
        if !self.live.calls.is_empty() {
            ways.push((Cost::Takeover, Write::Freeze));
        }
        if self.can_be_given_up() {
            ways.push((Cost::Cancel, Write::Asked));
        }
        let way = self.chooser.choose(ways).unwrap_or(Write::Well);
        match way {
            Write::Well => self.write(1)?,
            Write::Unheard => self.write(2)?,
            Write::Crash | Write::Freeze => {
                self.tell_of_writing(Fate::Stopped);
                return self.take_over(matches!(way, Write::Freeze));
            }
            Write::Asked => {
                self.ask()?;
                self.write(1)?;
            }
        }
        self.go_on()?;
        self.between()
    }

    fn tell_of_writing(&mut self, fate: Fate) {
        let records = self.live.hand.appending().unwrap_or_default().to_vec();
        self.tell(|play| Line::write(play.live.number, &records, fate));
    }

    fn write(&mut self, times: usize) -> Done<()> {
        let records = self.live.hand.appending().unwrap_or_default().to_vec();
        let written = wait(self.live.hand.append(self.given.stage, times))?;
        let fate = match written {
            Written::Done if times > 1 => Fate::Unheard,
            Written::Done => Fate::Written,
            Written::Asked | Written::Lost => Fate::Refused,
            Written::Misfit { .. } | Written::Invalid(_) => Fate::Misfit,
        };
        self.tell(|play| Line::write(play.live.number, &records, fate));
        match written {
            Written::Done => self.written(),
            Written::Asked => Ok(()),
            Written::Misfit { step } => {
                self.live.resting.insert(step);
                Ok(())
            }
            Written::Lost => Err(Stop::from("the owner is told that it is not".to_owned())),
            Written::Invalid(why) => Err(Stop {
                breach: Breach::Definition,
                why: format!("what a local step commits can never be committed: {why}"),
            }),
        }
    }

    /// Something was written down: nothing is out of place, and the owner knows it.
    fn written(&mut self) -> Done<()> {
        self.read()?;
        Ok(watch::written(&self.state, &self.live.hand)?)
    }

    /// Reads what was written down since the last time.
    fn read(&mut self) -> Done<()> {
        let stage = self.given.stage;
        for record in wait(stage.log(self.known))? {
            self.known += 1;
            let applied = self.state.apply(&stage.definition.shape, &record);
            applied.map_err(|why| why.to_string())?;
        }
        Ok(())
    }

    fn can_be_given_up(&self) -> bool {
        self.state.can_be_given_up(self.shape()) && !self.state.is_cancelled
    }

    /// What may happen between two acts of the owner.
    fn between(&mut self) -> Done<()> {
        if self.state.is_over() {
            return Ok(());
        }
        let mut ways = vec![(Cost::Free, Between::Nothing), (Cost::Takeover, Between::Crash)];
        if !self.live.calls.is_empty() {
            ways.push((Cost::Takeover, Between::Freeze));
        }
        if self.can_be_given_up() {
            ways.push((Cost::Cancel, Between::Asked));
            if self.live.hand.has_deadline() {
                ways.push((Cost::Cancel, Between::Overdue));
            }
        }
        match self.chooser.choose(ways) {
            None | Some(Between::Nothing) => Ok(()),
            Some(Between::Crash) => self.take_over(false),
            Some(Between::Freeze) => self.take_over(true),
            Some(Between::Asked) => {
                self.ask()?;
                if !wait(self.live.hand.look(self.given.stage))? {
                    return Err(Stop::from("the owner reads that it is not".to_owned()));
                }
                self.go_on()
            }
            Some(Between::Overdue) => {
                self.tell(|_| Line::Outside("the deadline passes"));
                self.is_overdue = true;
                self.live.hand.pass_deadline();
                self.go_on()
            }
        }
    }

    fn ask(&mut self) -> Done<()> {
        self.tell(|_| Line::Outside("somebody asks for it to be given up"));
        wait(self.given.stage.ask_to_cancel())?;
        self.read()
    }

    /// Somebody else runs the saga from here on. What the one before was about to call arrives some time, if it lives on.
    fn take_over(&mut self, lives_on: bool) -> Done<()> {
        let number = self.live.number + 1;
        let Some(hand) = wait(self.given.stage.take_over(owner(number)))? else {
            return Ok(());
        };
        let old = std::mem::replace(&mut self.live, Actor::new(number, hand));
        if lives_on {
            self.zombies.push(old);
        }
        self.tell(|_| Line::TakeOver { owner: number, lives_on });
        self.written()?;
        self.go_on()?;
        if self.is_overdue {
            self.live.hand.pass_deadline();
            self.go_on()?;
        }
        Ok(())
    }

    /// Nothing is on its way any more.
    fn end(&mut self, ending: Ending) -> Done<Ending> {
        let log = wait(self.given.stage.log(0))?;
        let is_whole = log.len() as u64 == self.known;
        if !is_whole || watch::fold(self.shape(), &log)? != self.state {
            return Err(Stop::from("something was written down after the end".to_owned()));
        }
        if let Ending::Over(ended) = ending {
            self.watch.ended(ended)?;
        }
        Ok(ending)
    }
}

impl Line {
    pub(super) fn write(owner: usize, records: &[Record], fate: Fate) -> Self {
        Self::Write { owner, records: records.iter().map(Record::to_string).collect(), fate }
    }
}

const fn ended(phase: Phase) -> Option<Ended> {
    match phase {
        Phase::Forward | Phase::Backward => None,
        Phase::Completed => Some(Ended::Completed),
        Phase::Compensated => Some(Ended::Compensated),
        Phase::Abandoned => Some(Ended::Abandoned),
    }
}
