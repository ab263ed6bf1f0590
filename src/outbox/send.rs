//! Publishing what is due, in calls that keep the order of each key.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::chain::Chain;
use super::load::{Load, Named, line, named};
use super::marks::Marks;
use super::origin::Due;
use crate::ports::{Broker, Outbound, PublishError, Stored, telemetry};
use crate::subscription::SinkError;
use crate::types::{Destination, LeaseName, Position, Sequence};

/// What a line of a relay knows while it has the lease.
pub(super) struct PartState {
    pub(super) chain: Chain,
    /// What was stored of a batch that was not stored as a whole: it need not be published again.
    pub(super) stored: HashSet<(Destination, Position)>,
    pub(super) marks: Marks,
    /// The broker's log, if it has told, and when it did.
    pub(super) log: Option<String>,
    pub(super) looked_at: Instant,
    /// The broker was in trouble since then, and may have come back with less.
    pub(super) must_look: bool,
    /// The broker is seen to have lost all that it had beyond this position of its own.
    pub(super) lost_beyond: Option<u64>,
    /// The greatest position that the broker has told of in this batch.
    pub(super) newest: Option<u64>,
}

impl PartState {
    pub(super) fn new(chained_keys_max: usize, marks: Marks) -> Self {
        Self {
            chain: Chain::new(chained_keys_max),
            stored: HashSet::new(),
            marks,
            log: None,
            looked_at: Instant::now(),
            must_look: false,
            lost_beyond: None,
            newest: None,
        }
    }
}

impl PartState {
    /// Takes note of where the broker has put something; `before` is the greatest position that it had told of before the call.
    /// What is new there lies behind all that it had; if not, it has lost what was there.
    fn note(&mut self, stored: &Stored, before: Option<u64>) {
        self.newest = self.newest.max(stored.position);
        let had = |at: u64| self.marks.covers(at) || before.is_some_and(|newest| at <= newest);
        if let Some(at) = stored.position.filter(|at| !stored.is_duplicate && had(*at)) {
            let beyond = at.saturating_sub(1);
            self.lost_beyond = Some(self.lost_beyond.map_or(beyond, |known| known.min(beyond)));
        }
    }
}

/// A message that the broker does not take, and where it stands.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) position: Position,
    pub(super) why: PublishError,
}

/// The broker has answered for another number of messages than it was given.
#[derive(Debug, thiserror::Error)]
#[error("{given} messages were published, and {answers} answers came")]
struct Miscounted {
    given: usize,
    answers: usize,
}

/// The place of a message in its key. Every message that is due has one.
pub(super) fn place(due: &Due) -> Position {
    due.outbound.message.sequence.map_or(due.position, |sequence| sequence.at)
}

/// Publishes what is due. The first that the broker refuses is told; those behind it in its key were not published, all others
/// were.
pub(super) async fn publish(
    name: &LeaseName,
    broker: &dyn Broker,
    state: &mut PartState,
    due: Vec<Due>,
) -> Result<Option<Refused>, PublishError> {
    let is_ordered = broker.capabilities().is_ordered;
    let mut load = Load::new(due);
    let mut batch = Told { refused: None, stored: Vec::new() };
    loop {
        let mut call = load.next(is_ordered);
        if call.is_empty() {
            // Of a batch that is stored as a whole nobody asks again what was.
            if batch.refused.is_some() {
                state.stored.extend(batch.stored);
            }
            return Ok(batch.refused);
        }
        link(state, &mut call);
        let (positions, outbound): (Vec<_>, Vec<_>) =
            call.into_iter().map(|due| (due.position, due.outbound)).unzip();
        let begun = Instant::now();
        let answers = broker.publish(&outbound).await;
        telemetry::publish_call(name.as_str(), begun.elapsed(), outbound.len());
        let trouble = if answers.len() == outbound.len() {
            let asked = positions.into_iter().zip(outbound);
            batch.hear(name, state, &mut load, asked.zip(answers))
        } else {
            let (given, answers) = (outbound.len(), answers.len());
            Some(PublishError::unknown(Miscounted { given, answers }))
        };
        if let Some(why) = trouble {
            state.stored.extend(batch.stored);
            state.must_look = true;
            return Err(why);
        }
    }
}

/// What the broker has told of a batch.
struct Told {
    /// The first message that it does not take.
    refused: Option<Refused>,
    stored: Vec<(Destination, Position)>,
}

impl Told {
    /// Takes in the answers of a call. The first trouble with the broker, if there was any.
    fn hear(
        &mut self,
        name: &LeaseName,
        state: &mut PartState,
        load: &mut Load,
        answers: impl Iterator<Item = ((Position, Outbound), Result<Stored, PublishError>)>,
    ) -> Option<PublishError> {
        let (mut trouble, before) = (None, state.newest);
        let (mut new, mut known, mut refused, mut troubles) = (0, 0, 0, 0);
        for ((position, outbound), answer) in answers {
            match answer {
                Ok(stored) => {
                    *if stored.is_duplicate { &mut known } else { &mut new } += 1;
                    state.note(&stored, before);
                    let at = outbound.message.sequence.map_or(position, |sequence| sequence.at);
                    self.stored.push((outbound.destination.clone(), at));
                    state.chain.stored(line(outbound), at);
                }
                Err(PublishError::Behind) => load.block(line(outbound)),
                Err(why @ PublishError::Refused(_)) => {
                    refused += 1;
                    load.block(line(outbound));
                    if self.refused.as_ref().is_none_or(|first| position < first.position) {
                        self.refused = Some(Refused { position, why });
                    }
                }
                Err(why) => {
                    troubles += 1;
                    trouble.get_or_insert(why);
                }
            }
        }
        let all =
            [("stored", new), ("duplicate", known), ("refused", refused), ("trouble", troubles)];
        for (outcome, messages) in all {
            telemetry::published(name.as_str(), outcome, messages);
        }
        trouble
    }
}

/// Says of each message which one is before it, if all of them are stored.
fn link(state: &mut PartState, call: &mut [Due]) {
    let mut last: HashMap<Named<'_>, Position> = HashMap::with_capacity(call.len());
    let mut previous = Vec::with_capacity(call.len());
    for due in &*call {
        let (named, at) = (named(&due.outbound), place(due));
        // What is published again must not be told to stand behind what followed it.
        let known = last.insert(named, at).or_else(|| state.chain.last(named));
        previous.push(known.filter(|previous| *previous < at));
    }
    for (due, previous) in call.iter_mut().zip(previous) {
        due.outbound.message.sequence = Some(Sequence::new(place(due), previous));
        due.outbound.message.destination = Some(due.outbound.destination.clone());
    }
}

/// What is still to be published of a batch.
pub(super) fn unpublished(state: &PartState, due: Vec<Due>) -> Vec<Due> {
    let is_open =
        |due: &Due| !state.stored.contains(&(due.outbound.destination.clone(), place(due)));
    if state.stored.is_empty() { due } else { due.into_iter().filter(is_open).collect() }
}

impl From<Refused> for SinkError {
    fn from(refused: Refused) -> Self {
        Self::event(refused.position, refused.why)
    }
}

/// Trouble with the broker is waited out.
pub(super) fn trouble(why: PublishError) -> SinkError {
    SinkError::transient(why)
}
