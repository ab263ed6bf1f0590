//! Makes the calls, and holds each answer against the model.

use std::fmt::Debug;
use std::sync::Arc;

use super::calls::Call;
use super::expect::{Model, message};
use super::plan::Plan;
use super::verdict::Verdict;
use crate::ports::{CommitError, EventStore};
use crate::testkit::conformance::{Harness, within};
use crate::types::{Committed, DedupKey, Filter, Position, RecordedEvent, Token};

/// One run: a log, and what the model knows of it.
pub(super) struct Run<'a> {
    harness: &'a dyn Harness,
    log: &'a str,
    /// `None` for the moment of a reopening.
    store: Option<Arc<dyn EventStore>>,
    pub(super) model: Model,
}

/// What was not as it should be.
pub(super) type Check<T = ()> = Result<T, String>;

pub(super) fn same<T: PartialEq + Debug>(what: &str, got: &T, wanted: &T) -> Check {
    if got == wanted { Ok(()) } else { Err(format!("{what}: got {got:?}, expected {wanted:?}")) }
}

/// Makes `calls` on the log called `log`; in the end, all that can be read is read.
pub(super) async fn compare(harness: &dyn Harness, log: &str, calls: &[Call]) -> Check {
    let mut run = Run { harness, log, store: None, model: Model::default() };
    run.reopen().await;
    for (n, call) in calls.iter().enumerate() {
        run.call(call).await.map_err(|why| format!("call {n}, {call:?}: {why}"))?;
    }
    run.reopen().await;
    run.everything().await.map_err(|why| format!("after all calls: {why}"))
}

impl Run<'_> {
    pub(super) fn store(&self) -> &dyn EventStore {
        &**self.store.as_ref().expect("a run has a handle but for the moment of a reopening")
    }

    async fn reopen(&mut self) {
        self.store = None;
        self.store = Some(within("opening the log", self.harness.open(self.log)).await);
    }

    async fn call(&mut self, call: &Call) -> Check {
        let earlier = |model: &Model, index: &proptest::sample::Index| {
            (!model.plans.is_empty()).then(|| index.get(&model.plans).clone())
        };
        match call {
            Call::Commit(drawn) => {
                let plan = self.model.plan(drawn);
                self.commit(plan).await
            }
            Call::Again { earlier: index, expect } => match earlier(&self.model, index) {
                Some(plan) => {
                    let plan = match expect {
                        Some(expect) => self.model.expecting(plan, *expect),
                        None => plan,
                    };
                    self.commit(plan).await
                }
                None => Ok(()),
            },
            Call::Reuse { earlier: index, change } => match earlier(&self.model, index) {
                Some(plan) => {
                    let plan = self.model.changed(plan, *change);
                    self.commit(plan).await
                }
                None => Ok(()),
            },
            Call::ReadStream { stream, from, limit } => {
                self.read_stream(*stream, *from, *limit).await
            }
            Call::ReadAll { after, beyond, categories, limit } => {
                let after = self.position(after.index(self.model.feed.len() + 1)).get() + beyond;
                self.read_all(Position::new(after), categories.as_deref(), *limit).await.map(drop)
            }
            Call::OutcomeOfEvent { earlier: index, event } => match earlier(&self.model, index) {
                Some(plan) if !plan.appends.is_empty() => {
                    let ids: Vec<_> = plan.events().map(|(_, event)| event.id()).collect();
                    self.outcome(&DedupKey::Event(*event.get(&ids))).await
                }
                _ => Ok(()),
            },
            Call::OutcomeOfMessage(number) => {
                self.outcome(&DedupKey::Inbox(message(*number))).await
            }
            Call::Changed { after } => {
                let after = self.position(after.index(self.model.feed.len() + 1));
                self.changed(after).await
            }
            Call::Reopen => {
                self.reopen().await;
                self.head().await
            }
        }
    }

    /// The position of the `n`th event; that of none is the start.
    fn position(&self, n: usize) -> Position {
        n.checked_sub(1).map_or(Position::START, |n| self.model.feed[n].position())
    }

    async fn commit(&mut self, plan: Plan) -> Check {
        let verdicts = self.model.verdicts(&plan);
        let answer = within("a commit", self.store().commit(plan.commit())).await;
        let fits = match &answer {
            Ok(done) if !done.is_duplicate() => {
                if !verdicts.iter().any(|verdict| matches!(verdict, Verdict::Written)) {
                    return Err(format!("written, though {verdicts:?} was to happen"));
                }
                self.written(&plan, done).await?;
                true
            }
            Ok(done) => verdicts.iter().any(|verdict| match verdict {
                Verdict::Repeats(first) => done == first,
                Verdict::RepeatsInPart => true,
                Verdict::Written
                | Verdict::Reused
                | Verdict::Conflicts
                | Verdict::Closed
                | Verdict::Invalid(_) => false,
            }),
            Err(CommitError::Unknown(error)) => {
                return Err(format!("an unknown outcome: {error:?}"));
            }
            Err(error) => verdicts.iter().any(|verdict| self.model.fits(&plan, verdict, error)),
        };
        self.model.plans.push(plan);
        if !fits {
            return Err(format!("answered {answer:?}, though {verdicts:?} was to happen"));
        }
        self.head().await
    }

    /// Reads what a commit has written, and sees that it is what was planned and what was told.
    async fn written(&mut self, plan: &Plan, done: &Committed) -> Check {
        let mut written: Vec<RecordedEvent> = Vec::new();
        let mut after = self.model.head();
        loop {
            let page = self.feed_page(after, &Filter::all(), usize::MAX).await?;
            written.extend(page.events);
            if !page.has_more {
                break;
            }
            after = page.upto;
        }
        let planned: Vec<_> = plan.events().collect();
        same("events written", &written.len(), &planned.len())?;
        let mut versions = Vec::new();
        for (stream, _, events) in &plan.appends {
            versions.push((stream.clone(), self.model.version(stream).plus(events.len() as u64)));
        }
        same("versions", &done.versions(), &&versions[..])?;
        let mut before = self.model.head();
        let mut seen = Vec::new();
        for (recorded, (stream, event)) in written.iter().zip(planned) {
            seen.push(stream);
            let earlier = seen.iter().filter(|other| **other == stream).count() as u64;
            same("the stream of an event", &recorded.stream(), &stream)?;
            same("its version", &recorded.version(), &self.model.version(stream).plus(earlier))?;
            same("its content", &recorded.records(event), &true)?;
            same("its position beyond the one before", &(recorded.position() > before), &true)?;
            before = recorded.position();
        }
        let ends = written.first().zip(written.last()).map(|(a, b)| (a.position(), b.position()));
        let told = done.positions().map(|p| (*p.start(), *p.end()));
        same("positions", &told, &ends)?;
        same("the token", &done.token(), &Token::new(self.store().identity(), before))?;
        self.model.record(plan, written, done);
        Ok(())
    }
}
