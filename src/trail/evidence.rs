//! What a tree is made of, and how it grows from that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::tree::{CausalTree, Origin, Root};
use crate::types::{Envelope, Position, RecordedEvent};

/// What is known of a flow: events of any number of logs, and what is known of causes that are no events, as commands and
/// messages are.
///
/// ```
/// # use freehold::RecordedEvent;
/// # use freehold::trail::{CausalTree, Evidence};
/// # use uuid::Uuid;
/// # fn of(orders: Vec<RecordedEvent>, payments: Vec<RecordedEvent>, order: Uuid, charge: Uuid) -> CausalTree {
/// Evidence::new()
///     .events("order", orders)
///     .events("payment", payments)
///     .cause(charge, "charge", Some(order))
///     .tree()
/// # }
/// # assert_eq!(of(Vec::new(), Vec::new(), Uuid::nil(), Uuid::nil()).to_string(), "");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "evidence shows nothing until its tree is drawn"]
pub struct Evidence {
    logs: Vec<(Arc<str>, Vec<RecordedEvent>)>,
    causes: HashMap<Uuid, Told>,
}

/// What somebody says of a cause.
#[derive(Clone, Debug)]
struct Told {
    name: Arc<str>,
    because: Option<Uuid>,
}

/// An event with where it stands among all: by time, but within a log by its order there, whatever its clock did.
struct Placed {
    at: DateTime<Utc>,
    log: usize,
    position: Position,
    event: RecordedEvent,
}

impl Evidence {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Events of one log, in any order; `log` is what it is called in the tree, and may be empty if there is one only. An event that
    /// is given twice counts once.
    pub fn events(mut self, log: &str, events: impl IntoIterator<Item = RecordedEvent>) -> Self {
        let log = one_line(log);
        let known = self.logs.iter_mut().find(|(known, _)| *known == log);
        match known {
            Some((_, all)) => all.extend(events),
            None => self.logs.push((log, events.into_iter().collect())),
        }
        self
    }

    /// What a cause is that is no event: a command, for example; and because of what it was given, if that is known. What is
    /// said first of a cause counts.
    pub fn cause(mut self, id: Uuid, name: &str, because: Option<Uuid>) -> Self {
        self.causes.entry(id).or_insert_with(|| Told { name: one_line(name), because });
        self
    }

    /// Messages as causes: each says itself what has caused it. So the events of a service stand below those of
    /// another that it has heard of.
    pub fn messages<'a>(mut self, messages: impl IntoIterator<Item = &'a Envelope>) -> Self {
        for message in messages {
            let (id, because) = (message.id().as_uuid(), message.metadata().causation());
            self = self.cause(id, message.kind().as_str(), because);
        }
        self
    }

    /// The tree of what has caused what.
    #[must_use]
    pub fn tree(self) -> CausalTree {
        let Self { logs, causes } = self;
        let mut growth = Growth { causes, nodes: Vec::new(), places: HashMap::new() };
        growth.plant(in_order(logs));
        growth.ask_why();
        growth.cut_circles();
        growth.rank();
        growth.grown()
    }
}

/// All events in one order, in which those of a log stand as they do there.
fn in_order(logs: Vec<(Arc<str>, Vec<RecordedEvent>)>) -> Vec<(Arc<str>, RecordedEvent)> {
    let (mut names, mut all) = (Vec::new(), Vec::new());
    for (log, (name, mut events)) in logs.into_iter().enumerate() {
        events.sort_by_key(|event| (event.position(), event.recorded_at(), event.id()));
        let (mut latest, mut seen) = (DateTime::<Utc>::MIN_UTC, HashSet::new());
        for event in events {
            latest = latest.max(event.recorded_at());
            let position = event.position();
            if seen.insert((position, event.id())) {
                all.push(Placed { at: latest, log, position, event });
            }
        }
        names.push(name);
    }
    // The sort is stable, so that what is made up keeps some order, too.
    all.sort_by_key(|placed| (placed.at, placed.log, placed.position));
    let with_log = |placed: Placed| names.get(placed.log).map(|log| (log.clone(), placed.event));
    all.into_iter().filter_map(with_log).collect()
}

/// An event or a cause on its way into the tree.
struct Node {
    origin: Origin,
    /// The flow that it was first seen in.
    flow: Option<Uuid>,
    parent: Option<usize>,
    /// Where it stands among its siblings: as its event does, and a cause as the first event that it has led to with no other event
    /// between.
    rank: Option<usize>,
}

/// The nodes, the events before the causes and in their order.
struct Growth {
    causes: HashMap<Uuid, Told>,
    nodes: Vec<Node>,
    /// Where the first with this id is.
    places: HashMap<Uuid, usize>,
}

impl Growth {
    fn plant(&mut self, events: Vec<(Arc<str>, RecordedEvent)>) {
        for (rank, (log, event)) in events.into_iter().enumerate() {
            self.places.entry(event.id().as_uuid()).or_insert(rank);
            let flow = Some(super::find::flow_of(&event));
            let origin = Origin::Event { log, event };
            self.nodes.push(Node { origin, flow, parent: None, rank: Some(rank) });
        }
    }

    /// Finds the parent of each node, and makes nodes of the causes that are not there.
    fn ask_why(&mut self) {
        let mut next = 0;
        while let Some(node) = self.nodes.get(next) {
            let (id, flow) = (node.origin.id(), node.flow);
            let because = match &node.origin {
                Origin::Event { event, .. } => event.metadata().causation(),
                Origin::Cause { .. } => self.causes.get(&id).and_then(|told| told.because),
            };
            // Whose cause is not known is at least in a flow, and so below what began that. What has caused the beginning is not.
            let flow = flow.filter(|flow| *flow != id);
            let parent = because.filter(|cause| *cause != id).or(flow);
            let parent = parent.map(|cause| self.place(cause, flow));
            if let Some(node) = self.nodes.get_mut(next) {
                node.parent = parent;
            }
            next += 1;
        }
    }

    /// Where the node with this id is; it is made if there is none.
    fn place(&mut self, id: Uuid, flow: Option<Uuid>) -> usize {
        let (nodes, causes) = (&mut self.nodes, &self.causes);
        *self.places.entry(id).or_insert_with(|| {
            let name = causes.get(&id).map(|told| told.name.clone());
            let origin = Origin::Cause { id, name, begins: flow == Some(id) };
            nodes.push(Node { origin, flow, parent: None, rank: None });
            nodes.len() - 1
        })
    }

    /// Ids can be made up so that each of some has caused the next one, all the way round. The cause of the first of them is not
    /// believed.
    fn cut_circles(&mut self) {
        // In which walk each node was met.
        let mut met = vec![None; self.nodes.len()];
        for walk in 0..self.nodes.len() {
            let (mut at, mut way) = (Some(walk), Vec::new());
            while let Some(here) = at {
                let Some(seen) = met.get_mut(here) else { break };
                if let Some(before) = *seen {
                    let circle = way.iter().skip_while(|node| **node != here);
                    if let (true, Some(first)) = (before == walk, circle.min()) {
                        self.cut(*first);
                    }
                    break;
                }
                *seen = Some(walk);
                way.push(here);
                at = self.nodes.get(here).and_then(|node| node.parent);
            }
        }
    }

    fn cut(&mut self, place: usize) {
        if let Some(node) = self.nodes.get_mut(place) {
            node.parent = None;
        }
    }

    /// Each cause stands where the first event does that is below it with no other event between.
    fn rank(&mut self) {
        for event in 0..self.nodes.len() {
            let Some(Node { origin: Origin::Event { .. }, parent, .. }) = self.nodes.get(event)
            else {
                return;
            };
            let mut above = *parent;
            while let Some(node) = above.and_then(|place| self.nodes.get_mut(place)) {
                if node.rank.is_some() {
                    break;
                }
                node.rank = Some(event);
                above = node.parent;
            }
        }
    }

    fn grown(self) -> CausalTree {
        // A cause without a rank has led to no event.
        let mut ranked: Vec<_> = self.nodes.iter().enumerate().collect();
        ranked.retain(|(_, node)| node.rank.is_some());
        ranked.sort_by_key(|(_, node)| node.rank);
        let (mut below, mut roots) = (vec![Vec::new(); self.nodes.len()], Vec::new());
        for (place, node) in ranked {
            match node.parent.and_then(|parent| below.get_mut(parent)) {
                Some(siblings) => siblings.push(place),
                None => roots.push(place),
            }
        }
        let mut origins: Vec<_> = self.nodes.into_iter().map(|node| Some(node.origin)).collect();
        CausalTree::planted(roots, |place| {
            let origin = origins.get_mut(place)?.take()?;
            let below = below.get_mut(place).map(std::mem::take).unwrap_or_default();
            Some(Root { origin, below })
        })
    }
}

/// A name that cannot break the line it is in.
fn one_line(name: &str) -> Arc<str> {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
}
