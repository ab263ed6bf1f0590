//! The steps of a definition without their types, and how they hang together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::act::Act;
use super::adapt::Adapted;
use super::handle::{Handle, Value};
use super::json::Json;
use super::policy::Policy;
use super::shape::{Kind, Resolve, Shape, StepShape};
use super::step::Payload;

/// A definition that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The saga's name is malformed.
    #[error("a saga is named with 1 to 64 of a-z, 0-9 and _, not `{0}`")]
    Name(String),
    /// A step's name is malformed.
    #[error("a step is named with 1 to 64 of a-z, 0-9, _ and -, not `{0}`")]
    StepName(String),
    /// Two steps have one name.
    #[error("two steps are called `{0}`; give one another name with `named`")]
    StepTwice(String),
    /// A step needs a handle of another definition.
    #[error("`{0}` needs a handle of another definition")]
    Foreign(String),
    /// Two sagas have one name.
    #[error("two sagas are called `{0}`")]
    Twice(&'static str),
    /// A step of a version that is carried on cannot be [renamed](super::Saga::CONTINUES) so: its log could be misread.
    #[error("`{name}`, of version {version}, cannot be renamed so: {why}")]
    Renamed {
        /// Of which version.
        version: u32,
        /// The old name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// There are no steps.
    #[error("there are no steps")]
    Empty,
}

/// What a step does when it is its turn.
#[derive(Clone)]
pub(crate) enum Work {
    Call(Arc<dyn Act>),
    /// It waits.
    Delay(Duration),
    /// It waits for a signal of its name.
    Signal {
        within: Option<Duration>,
        decode: fn(&Json) -> Result<Arc<Value>, serde_json::Error>,
    },
}

impl Work {
    pub(crate) fn signal<T: Payload>(within: Option<Duration>) -> Self {
        let decode = |json: &Json| json.read::<T>().map(|out| Arc::new(out) as Arc<Value>);
        Self::Signal { within, decode }
    }

    /// Reads what the step has given back.
    pub(crate) fn decode(&self, json: &Json) -> Result<Arc<Value>, serde_json::Error> {
        match self {
            Self::Call(act) => act.decode(json),
            Self::Delay(_) => Ok(Arc::new(())),
            Self::Signal { decode, .. } => decode(json),
        }
    }
}

/// One step.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) policy: Policy,
    pub(crate) resolve: Resolve,
    pub(crate) is_local: bool,
    pub(crate) work: Work,
    /// The steps whose outputs it takes.
    pub(crate) needs: Vec<usize>,
    /// The steps behind which it stands, those among them.
    pub(crate) after: Vec<usize>,
    /// Of which saga within the saga it is.
    pub(crate) scope: usize,
}

impl Node {
    pub(crate) fn new<S: Adapted>(name: &str, kind: Kind, policy: Policy, work: Work) -> Self {
        Self {
            name: name.into(),
            kind,
            policy,
            resolve: S::RESOLVE,
            is_local: S::IS_LOCAL,
            work,
            needs: Vec::new(),
            after: Vec::new(),
            scope: 0,
        }
    }
}

impl Node {
    /// A step that waits.
    fn waiting(name: &str, kind: Kind, work: Work) -> Self {
        Self {
            name: name.into(),
            kind,
            policy: Policy::default(),
            resolve: Resolve::Redrive,
            is_local: false,
            work,
            needs: Vec::new(),
            after: Vec::new(),
            scope: 0,
        }
    }
}

/// Makes the input of a saga within a saga.
pub(crate) type MakeInput = Arc<dyn Fn(&Value, &[&Value]) -> Option<Arc<Value>> + Send + Sync>;

/// A saga within a saga; the first is the saga itself.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    /// How its input is made, of that of the saga around it; the outermost is given its own.
    pub(crate) make: Option<MakeInput>,
    pub(crate) around: usize,
    pub(crate) needs: Vec<usize>,
}

/// The steps of a saga, in the order in which they were said.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Tells its handles from others.
    of: usize,
    pub(crate) nodes: Vec<Node>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) fault: Option<Fault>,
    /// Whether the next step runs beside the last.
    pub(crate) is_beside: bool,
    /// What the next step is called.
    pub(crate) named: Option<&'static str>,
    /// The steps behind which the last one stands by its place alone.
    behind: Vec<usize>,
}

impl Plan {
    pub(crate) fn new(of: usize) -> Self {
        Self {
            of,
            nodes: Vec::new(),
            scopes: vec![Scope::default()],
            fault: None,
            is_beside: false,
            named: None,
            behind: Vec::new(),
        }
    }

    /// Adds a step, which needs the outputs of others.
    pub(crate) fn add<T>(&mut self, mut node: Node, needs: Vec<(usize, usize)>) -> Handle<T> {
        if let Some(name) = self.named.take() {
            node.name = name.into();
        }
        let is_word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let name = &node.name;
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_word) {
            self.fault.get_or_insert(Fault::StepName(name.to_string()));
        }
        node.needs = self.places(&node.name, needs);
        node.after = self.next_behind(node.kind == Kind::Pivot);
        node.after.extend(&node.needs);
        let is_pivot = node.kind == Kind::Pivot;
        let handle = self.push(node);
        if is_pivot {
            // What runs beside the pivot is behind it all the same.
            self.behind = vec![self.nodes.len() - 1];
        }
        handle
    }

    /// Adds a step that waits.
    pub(crate) fn wait<T>(&mut self, name: &'static str, kind: Kind, work: Work) -> Handle<T> {
        self.add(Node::waiting(name, kind, work), Vec::new())
    }

    /// Adds all steps of another saga, and a last one that has happened when they have.
    pub(crate) fn insert(
        &mut self,
        name: &'static str,
        inner: Self,
        needs: Vec<(usize, usize)>,
        make: &MakeInput,
    ) -> Handle<()> {
        if let Some(fault) = inner.fault {
            self.fault.get_or_insert(fault);
        }
        let name = self.named.take().unwrap_or(name);
        let needs = self.places(name, needs);
        let mut behind = self.next_behind(false);
        behind.extend(&needs);
        let (nodes, scopes) = (self.nodes.len(), self.scopes.len());
        let shift = |places: Vec<usize>| places.into_iter().map(|at| at + nodes).collect();
        for (n, scope) in inner.scopes.into_iter().enumerate() {
            self.scopes.push(match n {
                0 => Scope { make: Some(Arc::clone(make)), around: 0, needs: needs.clone() },
                _ => Scope { around: scope.around + scopes, needs: shift(scope.needs), ..scope },
            });
        }
        for mut node in inner.nodes {
            node.name = format!("{name}/{}", node.name).into();
            node.needs = shift(node.needs);
            node.after = shift(node.after);
            node.scope += scopes;
            if node.after.is_empty() {
                node.after.clone_from(&behind);
            }
            let _: Handle<()> = self.push(node);
        }
        // It stands behind the inner steps, and behind no other.
        let after = (nodes..self.nodes.len()).collect();
        let last = Node::waiting(name, Kind::ReadOnly, Work::Delay(Duration::ZERO));
        let handle = self.push(Node { after, ..last });
        self.behind = behind;
        handle
    }

    fn push<T>(&mut self, mut node: Node) -> Handle<T> {
        node.after.sort_unstable();
        node.after.dedup();
        if self.nodes.iter().any(|other| other.name == node.name) {
            self.fault.get_or_insert(Fault::StepTwice(node.name.to_string()));
        }
        self.nodes.push(node);
        Handle::new(self.nodes.len() - 1, self.of)
    }

    fn places(&mut self, name: &str, needs: Vec<(usize, usize)>) -> Vec<usize> {
        if needs.iter().any(|(place, of)| *of != self.of || *place >= self.nodes.len()) {
            self.fault.get_or_insert(Fault::Foreign(name.to_string()));
            return Vec::new();
        }
        needs.into_iter().map(|(place, _)| place).collect()
    }

    /// The steps behind which the next one stands by its place: all that nobody stands behind, or for one beside the last,
    /// those behind which the last stands. A pivot stands behind all.
    fn next_behind(&mut self, is_pivot: bool) -> Vec<usize> {
        let is_beside = std::mem::take(&mut self.is_beside) && !is_pivot;
        if !is_beside {
            let is_last = |at: &usize| !self.nodes.iter().any(|node| node.after.contains(at));
            self.behind = (0..self.nodes.len()).filter(is_last).collect();
        }
        self.behind.clone()
    }

    /// What the state machine goes by.
    pub(crate) fn shape(&self, undoes_in_parallel: bool) -> Shape {
        let steps = self.nodes.iter().map(|node| StepShape {
            name: Arc::clone(&node.name),
            kind: node.kind,
            after: node.after.clone(),
            resolve: node.resolve,
            dedupes: node.resolve == Resolve::Redrive,
            is_local: node.is_local,
            retries_max: node.policy.retry.retries_max,
            undo_retries_max: node.policy.undo_retry.retries_max,
        });
        Shape { steps: steps.collect(), undoes_in_parallel }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(|node| &node.name)).finish()
    }
}
