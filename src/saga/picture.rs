//! Sagas as pictures: a definition, and one saga with how far it has come, in Mermaid.

use std::fmt::Write;

use super::book::Registered;
use super::contract::Saga;
use super::error::OperateError;
use super::id::SagaId;
use super::instance::{Instance, Opened};
use super::node::Fault;
use super::sagas::Sagas;
use super::shape::{Kind, Shape};
use super::state::{Phase, State, StepState};

/// The definition of a saga as text, for a test that keeps a copy of it: the text changes when a step's name, kind, place or way
/// to resolve what is unknown does, and then [`Saga::VERSION`] must be counted up.
///
/// # Errors
/// [`Fault`] if the definition cannot be.
pub fn text<S: Saga>(saga: &S) -> Result<String, Fault> {
    Registered::of(saga).map(|registered| registered.text())
}

/// The definition of a saga as a Mermaid flow chart.
///
/// # Errors
/// [`Fault`] if the definition cannot be.
pub fn picture<S: Saga>(saga: &S) -> Result<String, Fault> {
    Registered::of(saga).map(|registered| draw(&registered.shape, None))
}

impl Sagas {
    /// A saga as a Mermaid flow chart: its definition, and what has become of each step.
    ///
    /// # Errors
    /// [`OperateError`] if the saga was never started, cannot be read, or is not known here.
    pub async fn picture(&self, id: &SagaId) -> Result<String, OperateError> {
        let opened = Instance::open(&*self.0.store, &self.0.book, id).await?;
        let (shape, state) = match &opened {
            Opened::Instance(saga) => (&saga.definition.shape, saga.run.state()),
            Opened::Over { drawn: Some((shape, state)), .. } => (shape, state),
            Opened::Nothing => return Err(OperateError::Missing(id.clone())),
            Opened::Over { ended, .. } => return Err(OperateError::Over(*ended)),
            Opened::Stuck(why) => return Err(OperateError::Unreadable(why.clone())),
        };
        Ok(draw(shape, Some(state)))
    }
}

fn draw(shape: &Shape, state: Option<&State>) -> String {
    let mut text = String::from("flowchart TD\n");
    for (n, step) in shape.steps.iter().enumerate() {
        let (open, close) = match step.kind {
            Kind::Compensable => ("[", "]"),
            Kind::ReadOnly => ("([", "])"),
            Kind::Pivot => ("{{", "}}"),
            Kind::Retriable => ("[[", "]]"),
        };
        let _ = write!(text, "    s{n}{open}\"{}\"{close}", step.name);
        if let Some(class) = state.and_then(|state| class(state, shape, n)) {
            let _ = write!(text, ":::{class}");
        }
        text.push('\n');
        for before in needed(shape, n) {
            let _ = writeln!(text, "    s{before} --> s{n}");
        }
    }
    if let Some(state) = state {
        let _ = writeln!(text, "    end0(\"{}\")", phase(state));
        for line in CLASSES {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// How the classes look.
const CLASSES: [&str; 4] = [
    "classDef done fill:#cfc,stroke:#393",
    "classDef open fill:#fff,stroke:#999,stroke-dasharray:3",
    "classDef unknown fill:#fe9,stroke:#b80",
    "classDef undone fill:#eee,stroke:#666",
];

fn class(state: &State, shape: &Shape, step: usize) -> Option<&'static str> {
    Some(match state.steps.get(step)? {
        StepState::Done(_) => "done",
        StepState::Uncertain => "unknown",
        StepState::Undone => "undone",
        StepState::Open if state.is_ready(shape, step) => "unknown",
        StepState::Open | StepState::Nothing => "open",
    })
}

fn phase(state: &State) -> &'static str {
    match state.phase {
        Phase::Completed => "completed",
        Phase::Compensated => "compensated",
        Phase::Abandoned => "abandoned",
        _ if state.is_suspended => "waits for an operator",
        Phase::Forward => "running",
        Phase::Backward => "compensating",
    }
}

/// The steps behind which a step stands, but for those behind which one of them stands anyway.
fn needed(shape: &Shape, step: usize) -> Vec<usize> {
    let after = shape.steps.get(step).map(|step| step.after.as_slice()).unwrap_or_default();
    let is_between = |before: usize| {
        after.iter().any(|other| *other != before && stands_behind(shape, *other, before))
    };
    after.iter().copied().filter(|before| !is_between(*before)).collect()
}

fn stands_behind(shape: &Shape, step: usize, before: usize) -> bool {
    let after = shape.steps.get(step).map(|step| step.after.as_slice()).unwrap_or_default();
    after.contains(&before) || after.iter().any(|other| stands_behind(shape, *other, before))
}
