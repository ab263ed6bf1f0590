//! Makes the calls, and holds each answer against the model.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;

use futures::poll;

use super::calls::{CATEGORIES, Call, MESSAGES, STREAMS, Start};
use super::expect::{Model, Plan, Verdict, message, stream};
use crate::ports::{CommitError, EventStore};
use crate::testkit::conformance::{Harness, within};
use crate::types::{
    Committed, DedupKey, FeedPage, Filter, Position, ReadFrom, RecordedEvent, StreamVersion, Token,
};

/// One run: a log, and what the model knows of it.
pub(super) struct Run<'a> {
    harness: &'a dyn Harness,
    log: &'a str,
    /// `None` for the moment of a reopening.
    store: Option<Arc<dyn EventStore>>,
    model: Model,
}

/// What was not as it should be.
type Check<T = ()> = Result<T, String>;

fn same<T: PartialEq + Debug>(what: &str, got: &T, wanted: &T) -> Check {
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
    fn store(&self) -> &dyn EventStore {
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
                Verdict::Written | Verdict::Reused | Verdict::Conflicts | Verdict::Empty => false,
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

    async fn head(&self) -> Check {
        let head = within("asking for the head", self.store().head()).await;
        same("the head", &head.map_err(|e| format!("no head: {e:?}"))?, &self.model.head())
    }

    async fn changed(&self, after: Position) -> Check {
        let mut changed = pin!(self.store().changed(after));
        if after < self.model.head() {
            let woken = within("a wait behind the head", changed).await;
            return woken.map_err(|e| format!("cannot wait: {e:?}"));
        }
        same("a wait at the head that is over", &poll!(changed.as_mut()).is_ready(), &false)
    }

    async fn read_stream(&self, index: usize, start: Start, limit: usize) -> Check {
        let stream = stream(index);
        let from = match start {
            Start::After(version) => ReadFrom::After(StreamVersion::new(version)),
            Start::Before(version) => ReadFrom::Before(StreamVersion::new(version)),
            Start::End => ReadFrom::End,
        };
        let mut wanted: Vec<_> = self.model.stream(&stream).cloned().collect();
        match from {
            ReadFrom::After(version) => wanted.retain(|event| event.version() > version),
            ReadFrom::Before(version) => wanted.retain(|event| event.version() < version),
            ReadFrom::End => {}
        }
        if !matches!(from, ReadFrom::After(_)) {
            wanted.reverse();
        }
        let page = within("reading a stream", self.store().read_stream(&stream, from, limit)).await;
        let page = page.map_err(|e| format!("cannot read: {e:?}"))?;
        let fits = self.store().limits().page(limit);
        same("more of the stream", &page.has_more, &(wanted.len() > fits))?;
        wanted.truncate(fits);
        same("a page of the stream", &page.events, &wanted)
    }

    async fn feed_page(&self, after: Position, filter: &Filter, limit: usize) -> Check<FeedPage> {
        let page = within("reading the feed", self.store().read_all(after, filter, limit)).await;
        page.map_err(|e| format!("cannot read the feed: {e:?}"))
    }

    /// A page may be shorter than asked for, but not pass over what is wanted, nor stand still.
    async fn read_all(
        &self,
        after: Position,
        categories: Option<&[usize]>,
        limit: usize,
    ) -> Check<FeedPage> {
        let wanted = categories.map(|c| c.iter().map(|n| CATEGORIES[*n]).collect::<Vec<_>>());
        let filter = match &wanted {
            Some(wanted) => {
                Filter::categories(wanted.iter().copied()).map_err(|e| e.to_string())?
            }
            None => Filter::all(),
        };
        let page = self.feed_page(after, &filter, limit).await?;
        let reached =
            |event: &&RecordedEvent| event.position() > after && event.position() <= page.upto;
        let admitted = |event: &&RecordedEvent| {
            wanted.as_ref().is_none_or(|wanted| wanted.contains(&event.stream().category()))
        };
        let events: Vec<_> =
            self.model.feed.iter().filter(reached).filter(admitted).cloned().collect();
        same("the events of the feed up to `upto`", &page.events, &events)?;
        same(
            "a page within its limit",
            &(page.events.len() <= self.store().limits().page(limit)),
            &true,
        )?;
        same("`upto` not before `after`", &(page.upto >= after), &true)?;
        same("more of the feed", &page.has_more, &(page.upto < self.model.head()))?;
        same("`upto` moves if there is more", &(page.upto > after || !page.has_more), &true)?;
        Ok(page)
    }

    async fn outcome(&self, of: &DedupKey) -> Check {
        let known = within("asking for an outcome", self.store().outcome(of)).await;
        let known = known.map_err(|e| format!("no outcome: {e:?}"))?;
        let known = known
            .map(|known| (known.versions().to_vec(), known.positions().cloned(), known.token()));
        match of {
            DedupKey::Event(id) => {
                let place = self.model.recorded(*id).map(|event| {
                    let at = event.position();
                    (vec![(event.stream().clone(), event.version())], Some(at..=at))
                });
                let found = known.map(|(versions, positions, _)| (versions, positions));
                same("the place of an event", &found, &place)
            }
            DedupKey::Inbox(key) => {
                let answer = self.model.inbox.get(key);
                let answer =
                    answer.map(|a| (a.versions().to_vec(), a.positions().cloned(), a.token()));
                same("the answer to a message", &known, &answer)
            }
        }
    }

    async fn everything(&self) -> Check {
        self.head().await?;
        let mut after = Position::START;
        loop {
            let page = self.read_all(after, None, usize::MAX).await?;
            if !page.has_more {
                break;
            }
            after = page.upto;
        }
        for index in 0..STREAMS.len() {
            self.read_stream(index, Start::After(0), usize::MAX).await?;
            self.read_stream(index, Start::End, 1).await?;
        }
        for plan in &self.model.plans {
            for (_, event) in plan.events() {
                self.outcome(&DedupKey::Event(event.id())).await?;
            }
        }
        for number in 0..MESSAGES {
            self.outcome(&DedupKey::Inbox(message(number))).await?;
        }
        Ok(())
    }
}
