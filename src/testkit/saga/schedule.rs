//! A schedule: what was chosen wherever something could go one way or another.

/// What a choice costs. What costs nothing is the order of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Free,
    /// Something goes wrong with one call, or one commit.
    Fault,
    /// A new owner.
    Takeover,
    /// A step is refused.
    Refusal,
    /// Somebody wants the saga given up, or its deadline passes.
    Cancel,
}

/// How much may be chosen of what costs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) faults: usize,
    pub(super) takeovers: usize,
    pub(super) refusals: usize,
    pub(super) cancels: usize,
}

impl Budget {
    pub(super) const NONE: Self = Self { faults: 0, takeovers: 0, refusals: 0, cancels: 0 };

    /// The most that a schedule can cost.
    pub(super) const fn total(&self) -> usize {
        self.faults + self.takeovers + self.refusals + self.cancels
    }

    const fn of(&mut self, cost: Cost) -> Option<&mut usize> {
        match cost {
            Cost::Free => None,
            Cost::Fault => Some(&mut self.faults),
            Cost::Takeover => Some(&mut self.takeovers),
            Cost::Refusal => Some(&mut self.refusals),
            Cost::Cancel => Some(&mut self.cancels),
        }
    }
}

/// A point at which there was a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) chosen: usize,
    pub(super) options: usize,
}

/// Chooses: first as a schedule says, and then what goes well, or by chance.
pub(super) struct Chooser {
    script: Vec<usize>,
    chance: Option<fastrand::Rng>,
    left: Budget,
    /// How much may be chosen altogether of what costs something.
    left_total: usize,
    is_anywhere: bool,
    cost: usize,
    trace: Vec<Point>,
}

/// One in so many calls goes wrong by chance.
const ODDS: usize = 6;

impl Chooser {
    pub(super) const fn new(script: Vec<usize>, budget: Budget, total: usize) -> Self {
        Self {
            script,
            chance: None,
            left: budget,
            left_total: total,
            is_anywhere: false,
            cost: 0,
            trace: Vec::new(),
        }
    }

    pub(super) fn by_chance(seed: u64, budget: Budget) -> Self {
        let chance = Some(fastrand::Rng::with_seed(seed));
        Self { chance, ..Self::new(Vec::new(), budget, budget.total()).anywhere(true) }
    }

    pub(super) const fn anywhere(mut self, is_anywhere: bool) -> Self {
        self.is_anywhere = is_anywhere;
        self
    }

    /// Whether what is late may arrive at any point in time, and not only where it can make a difference.
    pub(super) const fn is_anywhere(&self) -> bool {
        self.is_anywhere
    }

    /// One of the options; the first is what goes well, and costs nothing.
    pub(super) fn choose<T>(&mut self, options: Vec<(Cost, T)>) -> Option<T> {
        let left_total = self.left_total;
        let mut left = self.left;
        let can_pay = |cost: Cost| match left.of(cost) {
            None => true,
            Some(left) => *left > 0 && left_total > 0,
        };
        let costs = options.iter().map(|(cost, _)| *cost);
        let affordable: Vec<bool> = costs.map(can_pay).collect();
        let mut options: Vec<(Cost, T)> =
            options.into_iter().zip(affordable).filter_map(|(o, can)| can.then_some(o)).collect();
        if options.len() < 2 {
            return options.pop().map(|(_, option)| option);
        }
        let chosen = self.next(&options).min(options.len() - 1);
        self.trace.push(Point { chosen, options: options.len() });
        let (cost, option) = options.swap_remove(chosen);
        if let Some(left) = self.left.of(cost) {
            *left -= 1;
            self.left_total -= 1;
            self.cost += 1;
        }
        Some(option)
    }

    fn next<T>(&mut self, options: &[(Cost, T)]) -> usize {
        let Some(chance) = &mut self.chance else {
            return self.script.get(self.trace.len()).copied().unwrap_or_default();
        };
        let free = options.iter().take_while(|(cost, _)| *cost == Cost::Free).count();
        if free == options.len() || free == 0 || chance.usize(..ODDS) > 0 {
            chance.usize(..free.max(1))
        } else {
            chance.usize(free..options.len())
        }
    }

    /// What the choices have cost.
    pub(super) const fn cost(&self) -> usize {
        self.cost
    }

    pub(super) fn into_trace(self) -> Vec<Point> {
        self.trace
    }
}

/// The choices of a trace.
pub(super) fn script(trace: &[Point]) -> Vec<usize> {
    trace.iter().map(|point| point.chosen).collect()
}

/// The schedule after that of a trace, if every schedule is to be seen once, depth first.
pub(super) fn next(mut trace: Vec<Point>) -> Option<Vec<usize>> {
    while let Some(last) = trace.pop() {
        if last.chosen + 1 < last.options {
            let mut script = script(&trace);
            script.push(last.chosen + 1);
            return Some(script);
        }
    }
    None
}

/// Leaves out of a schedule what is not needed for `fails`, one choice after another, until all that is left is.
pub(super) fn shrink(
    mut script: Vec<usize>,
    mut fails: impl FnMut(&[usize]) -> bool,
) -> Vec<usize> {
    loop {
        let before = script.clone();
        for at in (0..script.len()).rev() {
            let Some(chosen) = script.get(at).copied().filter(|chosen| *chosen > 0) else {
                continue;
            };
            // First as if the choice had never been, then as if it had been a smaller one.
            for other in 0..chosen {
                let mut candidate = script.clone();
                if let Some(slot) = candidate.get_mut(at) {
                    *slot = other;
                }
                if fails(&candidate) {
                    script = candidate;
                    break;
                }
            }
        }
        while script.last() == Some(&0) {
            script.pop();
        }
        if script == before {
            return script;
        }
    }
}
