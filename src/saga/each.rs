//! A step that is called for each of several items, all at once: to the saga it is one.
//!
//! It has happened when all have. If one is refused, nothing is said about the others: the step is uncertain, and each item is
//! compensated, or called again to learn what came of it.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use serde::{Deserialize, Serialize};

use super::act::{Act, Call, Inputs, Said, undone, unreadable};
use super::adapt::{Adapted, Fell, Ran};
use super::handle::{Deps, Value};
use super::id::Key;
use super::json::{Json, Out};
use super::outcome::{Again, Effect, told};
use super::run::{Outcome, Way};

/// What came of a step of which not all items have happened: of each what it gave back, or nothing.
#[derive(Serialize, Deserialize)]
struct Partly<O> {
    partly: Vec<Vec<O>>,
}

/// A step with items.
pub(crate) struct Each<S, I, D, F> {
    pub(crate) step: S,
    pub(crate) inputs: Inputs<I, D, F>,
}

impl<S, I, D, F> Act for Each<S, I, D, F>
where
    S: Adapted,
    I: Send + Sync + 'static,
    D: Deps,
    F: for<'a> Fn(&'a I, D::Values<'a>) -> Vec<S::In> + Send + Sync + 'static,
{
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Said> {
        async move {
            let (items, of) = match self.inputs.make(&call) {
                Ok(made) => made,
                Err(said) => return said,
            };
            match call.way {
                Way::Do => self.act(&call, &items, of).await,
                Way::Redrive => self.redrive(&call, &items, of).await,
                Way::Undo => self.undo(&call, &items, of).await,
            }
        }
        .boxed()
    }

    fn decode(&self, json: &Json) -> Result<Arc<Value>, serde_json::Error> {
        json.read::<Vec<S::Out>>().map(|outs| Arc::new(outs) as Arc<Value>)
    }
}

impl<S: Adapted, I, D, F> Each<S, I, D, F> {
    async fn all(&self, call: &Call, items: &[S::In]) -> Vec<Ran<S::Out>> {
        join_all((0..).zip(items).map(|(n, item)| async move {
            let key = Key::of_action(&call.saga, &call.step, n);
            self.step.run(&key, item).await
        }))
        .await
    }

    async fn act(&self, call: &Call, items: &[S::In], of: u64) -> Said {
        let (mut outs, mut worst) = (Vec::with_capacity(items.len()), None);
        let count = items.len();
        for ran in self.all(call, items).await {
            match ran {
                Ok((out, _)) => outs.push(out),
                Err(fell) => worst = Some(worse(worst, fell)),
            }
        }
        match worst {
            None => super::act::ran(Ok((outs, None)), of),
            // Those beside it may have happened.
            Some(Fell::Rejected(why)) if count > 1 => Said::ended(Outcome::RejectedInPart(why), of),
            Some(fell) => Said::fell(fell, of),
        }
    }

    /// Each again, to learn of each whether it has happened.
    async fn redrive(&self, call: &Call, items: &[S::In], of: u64) -> Said {
        let mut outs = Vec::with_capacity(items.len());
        for ran in self.all(call, items).await {
            match ran {
                Ok((out, _)) => outs.push(vec![out]),
                Err(Fell::Rejected(_)) => outs.push(Vec::new()),
                Err(fell) => return Said::fell(fell, of),
            }
        }
        match Json::of(&Partly { partly: outs }) {
            Ok(json) => Said::ended(Outcome::Ok(Out { of, json }), of),
            Err(error) => Said::broken(told(&error)),
        }
    }

    /// What is known of each item; `None` if it has not happened.
    fn effects(json: &Json) -> Result<Vec<Option<Effect<S::Out>>>, serde_json::Error> {
        if let Ok(Partly { partly }) = json.read::<Partly<S::Out>>() {
            return Ok(partly
                .into_iter()
                .map(|out| out.into_iter().next().map(Effect::Happened))
                .collect());
        }
        let outs = json.read::<Vec<S::Out>>()?;
        Ok(outs.into_iter().map(|out| Some(Effect::Happened(out))).collect())
    }

    async fn undo(&self, call: &Call, items: &[S::In], of: u64) -> Said {
        let effects = match &call.effect {
            Some(Effect::Happened(out)) => match Self::effects(&out.json) {
                Ok(effects) if effects.len() == items.len() => effects,
                Ok(_) => return Said::broken("it gave back another number of items".to_owned()),
                Err(error) => return Said::broken(unreadable(&error)),
            },
            _ => items.iter().map(|_| Some(Effect::Unknown)).collect(),
        };
        let all = join_all((0..).zip(items).zip(effects).map(|((n, item), effect)| async move {
            let Some(effect) = effect else { return Ok(None) };
            let action = Key::of_action(&call.saga, &call.step, n);
            let key = Key::of_compensation(&call.saga, &call.step, n);
            self.step.undo(&key, &action, item, effect).await
        }));
        let failed = all.await.into_iter().filter_map(Result::err);
        let worst = failed.reduce(|one, other| match (&one, &other) {
            (Again::Broken(_), _) | (_, Again::Transient(_)) => one,
            _ => other,
        });
        undone(worst.map_or(Ok(None), Err), of)
    }
}

/// Of two that failed, the one that says less about what has happened; but a refusal ends the others.
fn worse(one: Option<Fell>, other: Fell) -> Fell {
    let weight = |fell: &Fell| match fell {
        Fell::Transient(_) => 1,
        Fell::Unknown(_) => 2,
        Fell::Rejected(_) => 3,
        Fell::Broken(_) => 4,
    };
    match one {
        Some(one) if weight(&one) >= weight(&other) => one,
        _ => other,
    }
}
