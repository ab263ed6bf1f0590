//! A step without its types: what calls it, and what it says.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::adapt::{Adapted, Fell, Ran, Undid};
use super::handle::{Deps, Value};
use super::id::{Key, SagaId};
use super::json::{Json, Out};
use super::outcome::{Effect, told};
use super::run::{Outcome, Way};
use crate::types::{Commit, DedupKey};

/// A call to be made.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) saga: SagaId,
    pub(crate) step: Arc<str>,
    pub(crate) way: Way,
    /// What the saga was given, or the part of it that the step is of.
    pub(crate) input: Arc<Value>,
    /// What the steps have given back that this one needs.
    pub(crate) deps: Vec<Arc<Value>>,
    pub(crate) effect: Option<Effect<Out>>,
    /// The digest of what the step was given before, if it was.
    pub(crate) known: Option<u64>,
}

/// What came of a call.
pub(crate) struct Said {
    pub(crate) outcome: Outcome,
    /// What must be committed with the record of it.
    pub(crate) commit: Option<Box<Commit>>,
    /// What it gave back.
    pub(crate) out: Option<Arc<Value>>,
    /// The digest of what it was given.
    pub(crate) of: Option<u64>,
    /// What went wrong, for those who watch.
    pub(crate) error: Option<String>,
}

impl Said {
    fn without_out(outcome: Outcome, error: Option<String>) -> Self {
        Self { outcome, commit: None, out: None, of: None, error }
    }

    pub(crate) fn unknown(why: &str) -> Self {
        Self::without_out(Outcome::Unknown, Some(why.to_owned()))
    }

    pub(crate) fn broken(why: String) -> Self {
        Self::without_out(Outcome::Broken(why), None)
    }

    pub(crate) fn rejected(why: Json) -> Self {
        Self::without_out(Outcome::Rejected(why), None)
    }

    /// A call with that input has ended so, and gave nothing back to others.
    pub(super) fn ended(outcome: Outcome, of: u64) -> Self {
        Self { of: Some(of), ..Self::without_out(outcome, None) }
    }

    pub(super) fn fell(fell: Fell, of: u64) -> Self {
        let (outcome, error) = match fell {
            Fell::Rejected(why) => (Outcome::Rejected(why), None),
            Fell::Transient(error) => (Outcome::Transient, Some(told(&*error))),
            Fell::Unknown(error) => (Outcome::Unknown, Some(told(&*error))),
            Fell::Broken(why) => (Outcome::Broken(why), None),
        };
        Self { error, ..Self::ended(outcome, of) }
    }
}

/// A step without its types.
pub(crate) trait Act: Send + Sync {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Said>;

    /// Reads what it has given back.
    fn decode(&self, json: &Json) -> Result<Arc<Value>, serde_json::Error>;
}

/// How the input of a step is made of what is there.
pub(crate) struct Inputs<I, D, F> {
    make: F,
    of: PhantomData<fn(I, D)>,
}

impl<I, D, F> Inputs<I, D, F> {
    pub(crate) const fn new(make: F) -> Self {
        Self { make, of: PhantomData }
    }

    /// The input, and its digest.
    pub(crate) fn make<T>(&self, call: &Call) -> Result<(T, u64), Said>
    where
        I: 'static,
        D: Deps,
        F: for<'a> Fn(&'a I, D::Values<'a>) -> T,
        T: serde::Serialize,
    {
        let broken = |why: &str| Said::broken(format!("what it is given {why}"));
        let outs: Vec<&Value> = call.deps.iter().map(|out| &**out).collect();
        let input = call.input.downcast_ref::<I>();
        let Some((input, values)) = input.zip(D::values(&outs)) else {
            return Err(broken("is of another type"));
        };
        let made = catch_unwind(AssertUnwindSafe(|| (self.make)(input, values)));
        let made = made.map_err(|_| broken("cannot be made: that panics"))?;
        let digest = Json::digest_of(&made);
        let digest = digest.map_err(|error| broken(&format!("is no JSON: {error}")))?;
        match call.known {
            Some(known) if known != digest => {
                Err(broken("is not what it was given before under the same key"))
            }
            _ => Ok((made, digest)),
        }
    }
}

/// A step that is called once.
pub(crate) struct One<S, I, D, F> {
    pub(crate) step: S,
    pub(crate) inputs: Inputs<I, D, F>,
}

impl<S, I, D, F> Act for One<S, I, D, F>
where
    S: Adapted,
    I: Send + Sync + 'static,
    D: Deps,
    F: for<'a> Fn(&'a I, D::Values<'a>) -> S::In + Send + Sync + 'static,
{
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Said> {
        async move {
            let (input, of) = match self.inputs.make(&call) {
                Ok(made) => made,
                Err(said) => return said,
            };
            let action = Key::of_action(&call.saga, &call.step, 0);
            if call.way != Way::Undo {
                return ran(self.step.run(&action, &input).await, of);
            }
            let effect = call.effect.unwrap_or(Effect::Unknown);
            let effect = match effect.try_map(|out| out.json.read()) {
                Ok(effect) => effect,
                Err(error) => return Said::broken(unreadable(&error)),
            };
            let key = Key::of_compensation(&call.saga, &call.step, 0);
            undone(self.step.undo(&key, &action, &input, effect).await, of)
        }
        .boxed()
    }

    fn decode(&self, json: &Json) -> Result<Arc<Value>, serde_json::Error> {
        json.read::<S::Out>().map(|out| Arc::new(out) as Arc<Value>)
    }
}

pub(super) fn unreadable(error: &serde_json::Error) -> String {
    format!("what it gave back cannot be read: {error}")
}

/// Such a commit is answered from memory the second time, and nothing that came with it is written.
const HANDLES: &str =
    "a local step's commit handles a message; the keys of sagas already tell a repetition";

fn handles_a_message(commit: &Commit) -> bool {
    commit.dedup_keys().any(|key| matches!(key, DedupKey::Inbox(_)))
}

/// What an action has said.
pub(super) fn ran<O: super::step::Payload>(ran: Ran<O>, of: u64) -> Said {
    let (out, commit) = match ran {
        Ok(done) => done,
        Err(fell) => return Said::fell(fell, of),
    };
    if commit.as_ref().is_some_and(handles_a_message) {
        return Said::broken(HANDLES.to_owned());
    }
    match Json::of(&out) {
        Ok(json) => Said {
            commit: commit.map(Box::new),
            out: Some(Arc::new(out)),
            ..Said::ended(Outcome::Ok(Out { of, json }), of)
        },
        Err(error) => Said::broken(format!("what it gave back is no JSON: {error}")),
    }
}

/// What a compensation has said.
pub(super) fn undone(undid: Undid, of: u64) -> Said {
    match undid {
        Ok(Some(commit)) if handles_a_message(&commit) => Said::broken(HANDLES.to_owned()),
        Ok(commit) => {
            let nothing = Json::of(&()).map(|json| Outcome::Ok(Out { of, json }));
            let said = Said::ended(nothing.unwrap_or(Outcome::Unknown), of);
            Said { commit: commit.map(Box::new), ..said }
        }
        Err(again) => Said::fell(again.into(), of),
    }
}
