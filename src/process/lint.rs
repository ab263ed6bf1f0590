//! What is wrong with a flow, before it has ever run.

use std::collections::BTreeSet;
use std::fmt;

use super::flow::{Flow, Hop, Kind};

/// What is wrong with a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lint {
    /// A failure may follow an effect, and nothing after it releases the effect.
    #[non_exhaustive]
    Unreleased {
        /// The event that tells of the effect.
        effect: String,
        /// The failure.
        failure: String,
    },
    /// Nobody reacts to an event, and it is no end.
    Unheard(String),
    /// A service reacts to an event that nobody gives, or a flow ends with it.
    Ungiven(String),
    /// What gives an event, or ends with it, is never come to.
    Unreached(String),
    /// A flow may go round without waiting: the events on the way.
    Cycle(Vec<String>),
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreleased { effect, failure } => {
                write!(f, "`{failure}` may follow `{effect}`, and nothing after it releases that")
            }
            Self::Unheard(event) => write!(f, "nobody reacts to `{event}`, and it is no end"),
            Self::Ungiven(event) => write!(f, "nobody gives `{event}`"),
            Self::Unreached(event) => write!(f, "the flow never comes to `{event}`"),
            Self::Cycle(events) => {
                write!(f, "the flow may go round without waiting: {}", events.join(" → "))
            }
        }
    }
}

impl Flow {
    /// What is wrong with it: an effect that nothing releases after a failure, an event that nobody reacts to or nobody gives, and
    /// a cycle without a timer.
    #[must_use]
    pub fn lints(&self) -> Vec<Lint> {
        let mut all = Vec::new();
        self.orphans(&mut all);
        self.unreleased(&mut all);
        self.cycles(&mut all);
        all
    }

    fn orphans(&self, all: &mut Vec<Lint>) {
        let heard: BTreeSet<&str> =
            self.hops.iter().flat_map(|hop| &hop.on).map(String::as_str).collect();
        let ends: BTreeSet<&str> = self.ends.iter().map(String::as_str).collect();
        let reactions = self.hops.iter().flat_map(|hop| &hop.gives);
        let mut given: BTreeSet<&str> = reactions.map(|given| given.event.as_str()).collect();
        given.insert(&self.first);
        let reached = self.reached(&self.first, |_| true);
        for event in &given {
            if !heard.contains(event) && !ends.contains(event) {
                all.push(Lint::Unheard((*event).to_owned()));
            }
            if !reached.contains(event) {
                all.push(Lint::Unreached((*event).to_owned()));
            }
        }
        for event in heard.union(&ends) {
            if !given.contains(event) {
                all.push(Lint::Ungiven((*event).to_owned()));
            }
        }
    }

    fn unreleased(&self, all: &mut Vec<Lint>) {
        let given: Vec<_> = self.hops.iter().flat_map(|hop| &hop.gives).collect();
        let effects: BTreeSet<_> =
            given.iter().filter(|it| it.kind == Kind::Effect).map(|it| &it.event).collect();
        let failures: BTreeSet<_> =
            given.iter().filter(|it| it.kind == Kind::Failure).map(|it| &it.event).collect();
        for effect in effects {
            let releases = |hop: &Hop| hop.releases.contains(effect);
            // What fails behind a release need not release it again.
            let before_release = self.reached(effect, |hop| !releases(hop));
            for failure in &failures {
                if *failure == effect || !before_release.contains(failure.as_str()) {
                    continue;
                }
                let after = self.reached(failure, |_| true);
                let is_released = self.hops.iter().any(|hop| {
                    releases(hop) && hop.on.iter().any(|on| after.contains(on.as_str()))
                });
                if !is_released {
                    all.push(Lint::Unreleased {
                        effect: effect.clone(),
                        failure: (*failure).clone(),
                    });
                }
            }
        }
    }

    /// The events that an event may lead to by such hops, itself included.
    fn reached<'f>(&'f self, from: &'f str, by: impl Fn(&Hop) -> bool) -> BTreeSet<&'f str> {
        let mut reached = BTreeSet::from([from]);
        loop {
            let before = reached.len();
            for hop in self.hops.iter().filter(|hop| by(hop)) {
                if hop.on.iter().any(|on| reached.contains(on.as_str())) {
                    reached.extend(hop.gives.iter().map(|given| given.event.as_str()));
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }

    fn cycles(&self, all: &mut Vec<Lint>) {
        let mut done: BTreeSet<&str> = BTreeSet::new();
        for event in self.hops.iter().flat_map(|hop| &hop.on) {
            self.walk(event, &mut Vec::new(), &mut done, all);
        }
    }

    /// Goes on from an event without waiting; whoever comes to an event that is on the way has gone round.
    fn walk<'f>(
        &'f self,
        event: &'f str,
        way: &mut Vec<&'f str>,
        done: &mut BTreeSet<&'f str>,
        all: &mut Vec<Lint>,
    ) {
        if let Some(at) = way.iter().position(|before| *before == event) {
            let round = way.iter().skip(at).chain([&event]).map(|event| (*event).to_owned());
            all.push(Lint::Cycle(round.collect()));
            return;
        }
        if done.contains(event) {
            return;
        }
        way.push(event);
        let hops = self.hops.iter().filter(|hop| !hop.waits && hop.on.iter().any(|on| on == event));
        for given in hops.flat_map(|hop| &hop.gives) {
            self.walk(&given.event, way, done, all);
        }
        way.pop();
        done.insert(event);
    }
}
