//! A saga with all that can happen to it: its log, its owners, what is on its way, and its participants.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::participant::Participant;
use crate::saga::{Action, Command, Json, Out, Outcome, Record, Rules, Run, Shape, Way};

/// How much may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Answers that are lost, calls that are late, doubled or fail, acknowledgements that do not come.
    pub(crate) faults: u8,
    /// New owners.
    pub(crate) takeovers: u8,
    /// Whether its deadline may pass, of which only its owner knows.
    pub(crate) deadline: bool,
    /// Whether somebody may write down that it is to be given up.
    pub(crate) cancels: bool,
    /// How often an operator may do something with a saga that waits for one.
    pub(crate) operators: u8,
}

/// Everything, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) log: Vec<Record>,
    pub(super) epoch: u8,
    /// The newest is the last.
    pub(super) owners: Vec<Owner>,
    /// What is on its way to participants, also from owners who are gone.
    pub(super) mail: BTreeSet<Mail>,
    pub(super) participants: Vec<Participant>,
    pub(super) left: Budget,
}

/// One who runs the saga, or still believes so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) epoch: u8,
    pub(super) run: Run,
    pub(super) appending: Option<Vec<Record>>,
    /// It was written down, and it does not know.
    pub(super) is_unacknowledged: bool,
    pub(super) calls: BTreeSet<(usize, Way)>,
    pub(super) resting: BTreeSet<usize>,
}

/// A call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mail {
    pub(super) epoch: u8,
    pub(super) step: usize,
    pub(super) way: Way,
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Appended { epoch: u8, records: Vec<Record> },
    AppendedUnheard { epoch: u8, records: Vec<Record> },
    Acknowledged { epoch: u8 },
    Fenced { epoch: u8 },
    Answered { mail: Mail, happened: bool },
    AnswerLost { mail: Mail, happened: bool },
    Broken { mail: Mail, happened: bool },
    Doubled { mail: Mail, happened: bool },
    Late { mail: Mail, happened: bool },
    TimedOut { mail: Mail },
    Failed { mail: Mail },
    Rested { epoch: u8, step: usize },
    TakenOver { epoch: u8, lives_on: bool },
    Died { epoch: u8 },
    Overdue { epoch: u8 },
    Asked,
    Operated { action: Action },
}

/// A promise that was broken.
pub(super) type Broken = String;

impl World {
    pub(super) fn new(shape: &Arc<Shape>, rules: Rules, left: Budget) -> Result<Self, Broken> {
        let participants = shape.steps.iter().map(|_| Participant::default()).collect();
        let owner = Owner::new(1, Run::begin(Arc::clone(shape), rules));
        let mut world = Self {
            log: Vec::new(),
            epoch: 1,
            owners: vec![owner],
            mail: BTreeSet::new(),
            participants,
            left,
        };
        world.go_on(shape, 0)?;
        Ok(world)
    }

    /// Has an owner do what is to be done.
    pub(super) fn go_on(&mut self, shape: &Shape, at: usize) -> Result<(), Broken> {
        let Some(owner) = self.owners.get_mut(at) else { return Ok(()) };
        for command in owner.run.poll() {
            match command {
                Command::Append(records) => owner.appending = Some(records.to_vec()),
                Command::Rest { step, .. } => drop(owner.resting.insert(step)),
                Command::Call { step, way, .. } => {
                    super::check::call(shape, &self.log, owner.epoch == self.epoch, step, way)?;
                    owner.calls.insert((step, way));
                    self.mail.insert(Mail { epoch: owner.epoch, step, way });
                }
            }
        }
        Ok(())
    }

    /// An owner has heard how its call ended.
    pub(super) fn hear(&mut self, mail: Mail, outcome: Outcome) -> Option<usize> {
        let at = self.owners.iter().position(|owner| owner.epoch == mail.epoch)?;
        let owner = self.owners.get_mut(at)?;
        owner.calls.remove(&(mail.step, mail.way));
        for command in owner.run.answered(mail.step, mail.way, outcome) {
            if let Command::Rest { step, .. } = command {
                owner.resting.insert(step);
            }
        }
        Some(at)
    }

    /// Whether an owner waits for the answer.
    pub(super) fn is_awaited(&self, mail: Mail) -> bool {
        self.owners
            .iter()
            .any(|owner| owner.epoch == mail.epoch && owner.calls.contains(&(mail.step, mail.way)))
    }

    pub(super) fn owner(&mut self, epoch: u8) -> Option<(usize, &mut Owner)> {
        self.owners.iter_mut().enumerate().find(|(_, owner)| owner.epoch == epoch)
    }
}

impl Owner {
    pub(super) const fn new(epoch: u8, run: Run) -> Self {
        Self {
            epoch,
            run,
            appending: None,
            is_unacknowledged: false,
            calls: BTreeSet::new(),
            resting: BTreeSet::new(),
        }
    }
}

/// What a participant says.
pub(super) fn said(happened: bool) -> Outcome {
    // What is in it does not matter to the protocol.
    let json = Json::of(&happened).unwrap_or_else(|_| unreachable!("a bool is JSON"));
    if happened { Outcome::Ok(Out { of: 0, json }) } else { Outcome::Rejected(json) }
}

/// What is written down when somebody asks for it to be given up.
pub(super) fn asked() -> Record {
    Record::CancelAsked { actor: String::new(), reason: String::new() }
}
