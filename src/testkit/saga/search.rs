//! Goes through the schedules: those without a fault first, then those with one, and so on.

use super::explore::Exploration;
use super::play::{Ending, Given, Played, Stop, Twist, play};
use super::report::{Breach, Coverage, Explored, Violation};
use super::schedule::{Budget, Chooser, next, script, shrink};
use crate::saga::{Ended, Kind, Node, Registered, Saga, Stage};
use crate::testkit::SeededIds;

/// With what key the saga is started.
const KEY: &str = "1";
/// How much goes wrong in a schedule that is drawn.
const MUCH: Budget = Budget { faults: 10, takeovers: 3, refusals: 1, cancels: 0 };

/// One schedule, and the world that it has left.
struct Attempt<W> {
    played: Played,
    world: W,
}

type Found<T> = Result<T, Violation>;

impl<W: 'static, S: Saga> Exploration<W, S> {
    /// Runs every schedule within the budget.
    pub(super) fn every_schedule(&self, twist: Twist) -> Found<Explored> {
        self.schedules(twist, self.budget, |exploration, attempt, chosen| {
            exploration.judge(attempt).map_err(|stop| exploration.shortest(chosen, &stop, twist))
        })
    }

    /// Runs every schedule within a budget, the cheapest first, and has each judged.
    fn schedules(
        &self,
        twist: Twist,
        budget: Budget,
        judge: impl Fn(&Self, &Attempt<W>, &[usize]) -> Found<Ending>,
    ) -> Found<Explored> {
        let mut explored = Explored::default();
        for total in 0..=budget.total() {
            let mut chosen = Some(Vec::new());
            while let Some(script_now) = chosen {
                if explored.schedules == self.schedules_max {
                    explored.coverage = Coverage::Cut;
                    return Ok(explored);
                }
                let chooser = Chooser::new(script_now, budget, total);
                let attempt = self.attempt(chooser, twist, false)?;
                // Those that cost less were judged before.
                if attempt.played.cost == total {
                    let ending = judge(self, &attempt, &script(&attempt.played.trace))?;
                    explored.count(ending);
                }
                explored.reached |= attempt.played.is_twisted;
                chosen = next(attempt.played.trace);
            }
        }
        Ok(explored)
    }

    /// Runs schedules that are drawn.
    pub(super) fn schedules_by_chance(
        &self,
        seed: u64,
        schedules: usize,
        explored: &mut Explored,
    ) -> Found<()> {
        let budget = Budget { cancels: self.budget.cancels, ..MUCH };
        for n in 0..schedules as u64 {
            let chooser = Chooser::by_chance(seed.wrapping_add(n), budget);
            let attempt = self.attempt(chooser, Twist::None, false)?;
            let ending = self.judge(&attempt);
            let chosen = script(&attempt.played.trace);
            let ending = ending
                .map_err(|stop| self.shortest_within(&chosen, &stop, Twist::None, budget, true))?;
            explored.count(ending);
        }
        Ok(())
    }

    /// Sees whether it changes anything that every call arrives twice.
    pub(super) fn every_call_twice(&self) -> Found<()> {
        let Some(difference) = &self.difference else { return Ok(()) };
        let budget = Budget { refusals: self.budget.refusals, ..Budget::NONE };
        let judged = self.schedules(Twist::None, budget, |exploration, once, chosen| {
            let chooser = || Chooser::new(chosen.to_vec(), budget, budget.total());
            let twice = exploration.attempt(chooser(), Twist::Doubled, true)?;
            let why = match (&twice.played.ended, difference(&once.world, &twice.world)) {
                (Err(stop), _) => stop.why.clone(),
                (Ok(_), Some(difference)) => difference,
                (Ok(ending), None) => return Ok(*ending),
            };
            let why = format!("it makes a difference that every call comes twice: {why}");
            let lines = twice.played.lines;
            Err(Violation { breach: Breach::Repetition, why, lines })
        });
        judged.map(drop)
    }

    /// Builds flaws in, one after another, and sees whether the invariant sees them.
    pub(super) fn every_mutant(&self, explored: &mut Explored) -> Found<()> {
        if self.invariant.is_none() || !self.has_mutants {
            return Ok(());
        }
        for (twist, flaw) in self.mutants()? {
            let judge = |exploration: &Self, attempt: &Attempt<W>, _: &[usize]| {
                exploration.judge(attempt).map_err(Violation::from)
            };
            match self.schedules(twist, self.budget, judge) {
                Err(_) => explored.mutants += 1,
                Ok(survived) if !survived.reached => explored.unreached += 1,
                Ok(_) => {
                    let why = format!("the invariant cannot see that {flaw}");
                    let breach = Breach::Blindness;
                    return Err(Violation { breach, why, lines: Vec::new() });
                }
            }
        }
        Ok(())
    }

    fn mutants(&self) -> Found<Vec<(Twist, String)>> {
        let Registered { shape, plan, .. } = self.definition(&(self.world)())?;
        // Those that only wait call nobody.
        let is_called = |at: usize| plan.nodes.get(at).is_some_and(Node::is_called);
        let mut mutants = Vec::new();
        for (at, step) in shape.steps.iter().enumerate() {
            let name = &step.name;
            if self.spared.iter().any(|spared| **spared == **name) {
                continue;
            }
            if step.kind == Kind::Compensable {
                let flaw = format!("the compensation of `{name}` is missing");
                mutants.push((Twist::WithoutUndo(at), flaw));
            }
            if step.kind != Kind::ReadOnly && !step.is_local && is_called(at) {
                let flaw = format!("`{name}` is called under another key each time");
                mutants.push((Twist::OtherKeys(at), flaw));
            }
        }
        Ok(mutants)
    }

    /// Whether what was promised is kept.
    fn judge(&self, attempt: &Attempt<W>) -> Result<Ending, Stop> {
        let ending = match &attempt.played.ended {
            Ok(ending) => *ending,
            Err(Stop { breach, why }) => {
                return Err(Stop { breach: *breach, why: why.clone() });
            }
        };
        if let (Ending::Over(ended), Some(invariant)) = (ending, &self.invariant) {
            let held = invariant(&attempt.world, ended);
            held.map_err(|why| Stop { breach: Breach::Invariant, why })?;
        }
        Ok(ending)
    }

    fn shortest(&self, chosen: &[usize], stop: &Stop, twist: Twist) -> Violation {
        self.shortest_within(chosen, stop, twist, self.budget, false)
    }

    /// The story of a schedule that breaks a promise, without what is not needed for it.
    fn shortest_within(
        &self,
        chosen: &[usize],
        stop: &Stop,
        twist: Twist,
        budget: Budget,
        is_anywhere: bool,
    ) -> Violation {
        let chooser = |chosen: &[usize]| {
            Chooser::new(chosen.to_vec(), budget, budget.total()).anywhere(is_anywhere)
        };
        let broken = |chosen: &[usize]| {
            let attempt = self.attempt(chooser(chosen), twist, true).ok()?;
            let stop = self.judge(&attempt).err()?;
            Some((stop, attempt.played.lines))
        };
        let same = |candidate: &[usize]| {
            broken(candidate).is_some_and(|(other, _)| other.breach == stop.breach)
        };
        let shortest = shrink(chosen.to_vec(), same);
        let found = broken(&shortest).or_else(|| broken(chosen));
        let (Stop { breach, why }, lines) = found.unwrap_or_else(|| {
            let why = format!(
                "the world is not the same each time: {}, but not when that is run again",
                stop.why
            );
            (Stop { breach: stop.breach, why }, Vec::new())
        });
        Violation { breach, why, lines }
    }

    /// Runs one schedule in a fresh world.
    fn attempt(&self, chooser: Chooser, twist: Twist, tells: bool) -> Found<Attempt<W>> {
        let world = (self.world)();
        let definition = self.definition(&world)?;
        let ids = Box::new(SeededIds::new(0x5a6a));
        let stage = Stage::new((self.store)(&world), ids, definition, KEY);
        let stage = stage.map_err(Violation::of_definition)?;
        let (input, signals) = (&self.input, &self.signals);
        let given = Given { stage: &stage, input, signals, twist, tells };
        let played = play(&given, chooser);
        Ok(Attempt { played, world })
    }

    fn definition(&self, world: &W) -> Found<Registered> {
        let definition = Registered::of(&(self.saga)(world));
        let mut definition =
            definition.map_err(|fault| Violation::of_definition(fault.to_string()))?;
        definition.hurry(self.retries_max);
        Ok(definition)
    }
}

impl From<Stop> for Violation {
    fn from(Stop { breach, why }: Stop) -> Self {
        Self { breach, why, lines: Vec::new() }
    }
}

impl Violation {
    const fn of_definition(why: String) -> Self {
        Self { breach: Breach::Definition, why, lines: Vec::new() }
    }
}

impl Explored {
    const fn count(&mut self, ending: Ending) {
        self.schedules += 1;
        match ending {
            Ending::Over(Ended::Completed) => self.completed += 1,
            Ending::Over(_) => self.compensated += 1,
            Ending::Suspended => self.suspended += 1,
        }
    }
}
