//! The tree, walked and drawn.

use std::fmt;
use std::sync::Arc;

use chrono::SecondsFormat;
use uuid::Uuid;

use super::evidence::Evidence;
use crate::types::RecordedEvent;

/// How many levels of a tree are drawn: of a branch that is deeper, the innermost.
const LEVELS_DRAWN_MAX: usize = 48;

/// Events below what has caused them.
///
/// Every event that was given is in it once. An event is below the event that it names as its [cause]; if it names a command or
/// a message, it is below that, with all others of the same cause; and if its cause is not known, it is below what began its
/// flow. So a flow is one tree. Side by side, they stand by when they were recorded, and those of one log in its order. Nothing
/// that is written in events can break that: of ids that lead in a circle, the first event's cause is not believed.
///
/// Its [`Display`](fmt::Display) draws it, an event a line: when, in which log, where, what, and by whom. Payloads are not shown.
///
/// [cause]: crate::Metadata::causation
#[derive(Clone, Debug, Default)]
pub struct CausalTree {
    /// Each one before those below it, and these together.
    branches: Vec<Grown>,
}

#[derive(Clone, Debug)]
struct Grown {
    origin: Origin,
    parent: Option<usize>,
    depth: usize,
    is_last: bool,
}

/// What is at a place in the tree.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Origin {
    /// Something has happened.
    #[non_exhaustive]
    Event {
        /// What its log was called; empty if there was no need to.
        log: Arc<str>,
        /// What has happened.
        event: RecordedEvent,
    },
    /// Something has led to events, and is none itself: a command, a message, the request that began the flow, or an event that
    /// was not given.
    #[non_exhaustive]
    Cause {
        /// Its id.
        id: Uuid,
        /// What it is, if that was told.
        name: Option<Arc<str>>,
        /// Whether it is what began its flow.
        begins: bool,
    },
}

impl Origin {
    /// The id of the event, or of the cause.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        match self {
            Self::Event { event, .. } => event.id().as_uuid(),
            Self::Cause { id, .. } => *id,
        }
    }

    /// The event, if it is one.
    #[must_use]
    pub const fn event(&self) -> Option<&RecordedEvent> {
        match self {
            Self::Event { event, .. } => Some(event),
            Self::Cause { .. } => None,
        }
    }
}

/// What is at a place, and the places below it.
pub(super) struct Root {
    pub(super) origin: Origin,
    pub(super) below: Vec<usize>,
}

impl CausalTree {
    /// The tree of the events of one log, in whatever order they are given. For more, there is [`Evidence`].
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = RecordedEvent>) -> Self {
        Evidence::new().events("", events).tree()
    }

    /// Walks down from `roots`, and takes each place once.
    pub(super) fn planted(roots: Vec<usize>, mut take: impl FnMut(usize) -> Option<Root>) -> Self {
        let mut branches = Vec::new();
        // A list and no recursion: a flow may be deeper than a stack.
        let mut waiting = side_by_side(roots, None, 0);
        while let Some((place, parent, depth, is_last)) = waiting.pop() {
            let Some(Root { origin, below }) = take(place) else { continue };
            waiting.extend(side_by_side(below, Some(branches.len()), depth + 1));
            branches.push(Grown { origin, parent, depth, is_last });
        }
        Self { branches }
    }

    /// All that is in it, each cause before what it has led to.
    #[must_use]
    pub fn branches(&self) -> impl ExactSizeIterator<Item = Branch<'_>> {
        self.branches.iter().map(|grown| Branch { tree: self, grown })
    }

    /// The events, each behind those that led to it.
    pub fn events(&self) -> impl Iterator<Item = &RecordedEvent> {
        self.branches.iter().filter_map(|branch| branch.origin.event())
    }
}

/// The last one first, as they are taken from the end.
fn side_by_side(
    places: Vec<usize>,
    parent: Option<usize>,
    depth: usize,
) -> Vec<(usize, Option<usize>, usize, bool)> {
    let reversed = places.into_iter().rev().enumerate();
    reversed.map(|(nth, place)| (place, parent, depth, nth == 0)).collect()
}

/// A place in a tree.
///
/// Its [`Display`](fmt::Display) is its line without the [stem](Self::stem).
#[derive(Clone, Copy)]
pub struct Branch<'a> {
    tree: &'a CausalTree,
    grown: &'a Grown,
}

impl<'a> Branch<'a> {
    /// What is there.
    #[must_use]
    pub const fn origin(self) -> &'a Origin {
        &self.grown.origin
    }

    /// What it is below.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let grown = self.tree.branches.get(self.grown.parent?)?;
        Some(Self { grown, ..self })
    }

    /// How many causes are above it.
    #[must_use]
    pub const fn depth(self) -> usize {
        self.grown.depth
    }

    /// The lines that lead to it, to be written before it: empty at the top, and otherwise like `│  └─ `. Of more than 48 levels the
    /// outer ones are left out.
    #[must_use]
    pub fn stem(self) -> String {
        let (mut pieces, mut at) = (Vec::new(), self);
        while let Some(parent) = at.parent() {
            if pieces.len() == LEVELS_DRAWN_MAX {
                pieces.push("⋯  ");
                break;
            }
            pieces.push(match (pieces.is_empty(), at.grown.is_last) {
                (true, true) => "└─ ",
                (true, false) => "├─ ",
                (false, true) => "   ",
                (false, false) => "│  ",
            });
            at = parent;
        }
        pieces.iter().rev().copied().collect()
    }
}

impl fmt::Display for Branch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin() {
            Origin::Event { log, event } => {
                let when = event.recorded_at().to_rfc3339_opts(SecondsFormat::Micros, true);
                write!(f, "{when} ")?;
                if !log.is_empty() {
                    write!(f, "{log} ")?;
                }
                write!(f, "{}@{} {}", event.stream(), event.version(), event.name())?;
                event.metadata().actor().map_or(Ok(()), |actor| write!(f, " by {actor}"))
            }
            Origin::Cause { id, name: Some(name), .. } => write!(f, "{name} {id}"),
            Origin::Cause { id, begins: true, .. } => write!(f, "flow {id}"),
            Origin::Cause { id, .. } => write!(f, "cause {id}"),
        }
    }
}

impl fmt::Debug for Branch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch").field("origin", &self.origin()).finish_non_exhaustive()
    }
}

impl fmt::Display for CausalTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.branches().try_for_each(|branch| writeln!(f, "{}{branch}", branch.stem()))
    }
}
