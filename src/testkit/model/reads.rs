//! What a reader gets, beside what the model holds.

use std::pin::pin;

use futures::poll;

use super::calls::{CATEGORIES, MESSAGES, STREAMS, Start};
use super::compare::{Check, Run, same};
use super::expect::{message, stream};
use crate::testkit::conformance::within;
use crate::types::{DedupKey, FeedPage, Filter, Position, ReadFrom, RecordedEvent, StreamVersion};

impl Run<'_> {
    pub(super) async fn head(&self) -> Check {
        let head = within("asking for the head", self.store().head()).await;
        same("the head", &head.map_err(|e| format!("no head: {e:?}"))?, &self.model.head())
    }

    pub(super) async fn changed(&self, after: Position) -> Check {
        let mut changed = pin!(self.store().changed(after));
        if after < self.model.head() {
            let woken = within("a wait behind the head", changed).await;
            return woken.map_err(|e| format!("cannot wait: {e:?}"));
        }
        same("a wait at the head that is over", &poll!(changed.as_mut()).is_ready(), &false)
    }

    pub(super) async fn read_stream(&self, index: usize, start: Start, limit: usize) -> Check {
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

    pub(super) async fn feed_page(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Check<FeedPage> {
        let page = within("reading the feed", self.store().read_all(after, filter, limit)).await;
        page.map_err(|e| format!("cannot read the feed: {e:?}"))
    }

    /// A page may be shorter than asked for, but not pass over what is wanted, nor stand still.
    pub(super) async fn read_all(
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

    pub(super) async fn outcome(&self, of: &DedupKey) -> Check {
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

    pub(super) async fn everything(&self) -> Check {
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
