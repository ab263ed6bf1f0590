//! F1–F3: events and their rows are one, all of them, and in order.

use std::collections::BTreeMap;

use tokio::task::{JoinSet, yield_now};

use super::InlineHarness;
use super::inline_kit::{FoldLog, SWEEP, one};
use super::kit::{all, append, event, rounds, stream, within};
use super::row_kit::{keys, texts_of};
use crate::types::{
    Commit,
    ExpectedVersion::{Any, NoStream},
    Filter, Position,
};

/// F1: a repetition is answered as one, and is not folded again.
pub async fn f01_a_repetition_folds_nothing(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "repeated", "notes").await;
    let commit = append(&stream("a"), NoStream, &["1", "2"]);
    log.events.commit(commit.clone()).await;
    let notes = log.notes("notes").await;
    let again = log.events.commit(commit).await;
    assert!(again.is_duplicate(), "a repetition passed for a new commit");
    assert_eq!(log.notes("notes").await, notes, "a repetition was folded");
    log.is_noted("notes").await;
}

/// F1: what is refused is not folded.
pub async fn f01_what_is_refused_folds_nothing(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "refused", "notes").await;
    log.events.commit(one("a", "1")).await;
    let wrong = append(&stream("b"), Any, &["2"]).check(&stream("a"), NoStream);
    log.events.refused(wrong, &[&stream("b")]).await;
    let twice = one("b", "3").and(one("b", "4"));
    log.events.refused(twice, &[&stream("b")]).await;
    assert_eq!(log.noted("notes").await, ["1"], "what was noted beside refusals");
    log.is_noted("notes").await;
}

/// F1: whoever sees an event of a commit sees its rows, and the other way round.
pub async fn f01_readers_never_see_events_without_their_rows(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "readers", "notes").await;
    let writer = log.clone();
    let commits = rounds(60, 1_000);
    let writing = tokio::spawn(async move {
        for n in 0..commits {
            writer.events.commit(one("a", &format!("{n}"))).await;
            yield_now().await;
        }
    });
    loop {
        let is_over = writing.is_finished();
        let before = log.tags().await.len();
        let noted = log.noted("notes").await.len();
        let after = log.tags().await.len();
        let range = before..=after;
        assert!(range.contains(&noted), "{noted} events were noted, and {range:?} recorded");
        if is_over {
            break;
        }
        yield_now().await;
    }
    within("the writer", writing).await.expect("the writer does not panic");
    log.is_noted("notes").await;
}

/// F2: what is in the log when a fold begins is folded first, and what a job of its name has folded is not folded again.
pub async fn f02_what_is_in_the_log_is_folded_first(h: &dyn InlineHarness) {
    let log = FoldLog::open(h, "earlier").await;
    log.events.commit(append(&stream("a"), Any, &["1", "2"])).await;
    let other = super::kit::stream_in("other", "a");
    log.events.commit(Commit::new().append(&other, Any, [event("beside")])).await;
    log.events.commit(one("b", "3")).await;
    log.fold("notes").await;
    assert_eq!(log.noted("notes").await, ["1", "2", "3"], "what was there before the fold");

    // A job of that name has folded the first two.
    let lease = log.rows.lease("job").await;
    log.rows.prepare("job").await;
    let identity = log.store.identity();
    let moved = super::kit::advance(&lease, 0, 2);
    let moved = super::row_kit::of_log(moved, identity);
    let done = super::kit::row("job", "all", r#"["1","2"]"#);
    log.rows.commit(Commit::new().rows([done]).advance(moved)).await;
    log.fold("job").await;
    assert_eq!(log.noted("job").await, ["1", "2", "3"], "what a job had folded before the fold");
}

/// F2: from then on every commit is folded, over several streams and events, by every handle that was given the fold.
pub async fn f02_every_commit_is_folded(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "every", "notes").await;
    let other = FoldLog::folding(h, "every", "notes").await;
    log.events.commit(append(&stream("a"), Any, &["1", "2"]).and(one("b", "3"))).await;
    other.events.commit(one("b", "4")).await;
    log.events.commit(one("a", "5")).await;
    let notes =
        [("a", r#"["1","2","5"]"#), ("all", r#"["1","2","3","4","5"]"#), ("b", r#"["3","4"]"#)];
    log.rows.holds("notes", &notes).await;
    log.is_noted("notes").await;
}

/// F2: several folds are folded side by side, and each is given once, however often it is asked for.
pub async fn f02_folds_stand_side_by_side(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "several", "notes").await;
    log.events.commit(one("a", "1")).await;
    log.fold("more").await;
    log.fold("notes").await;
    log.events.commit(one("a", "2")).await;
    log.is_noted("notes").await;
    log.is_noted("more").await;
}

/// F2: a fold that begins while others write misses nothing.
pub async fn f02_a_fold_that_begins_among_writers_misses_nothing(h: &dyn InlineHarness) {
    for round in 0..rounds(3, 30) {
        let name = format!("among_{round}");
        let log = FoldLog::open(h, &name).await;
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let log = log.clone();
            writers.spawn(async move {
                for n in 0..10 {
                    log.events.commit(one("a", &format!("{writer}.{n}"))).await;
                    yield_now().await;
                }
            });
        }
        yield_now().await;
        log.fold("notes").await;
        all("the writers", writers).await;
        log.is_noted("notes").await;
        log.events.commit(one("a", "last")).await;
        log.is_noted("notes").await;
    }
}

/// F3: commits that race for the same rows are folded in the order of the feed, and so is what touches all rows.
pub async fn f03_racing_commits_are_folded_in_the_order_of_the_feed(h: &dyn InlineHarness) {
    let log = FoldLog::folding(h, "racing", "notes").await;
    let other = FoldLog::folding(h, "racing", "notes").await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let log = if writer % 2 == 0 { log.clone() } else { other.clone() };
        writers.spawn(async move {
            for n in 0..rounds(8, 100) {
                let tag = format!("{}{writer}.{n}", if n % 4 == 3 { SWEEP } else { "" });
                log.events.commit(one(&format!("s{writer}"), &tag)).await;
            }
        });
    }
    all("the writers", writers).await;
    // The same, folded from the feed.
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut after, filter) = (Position::START, Filter::all());
    loop {
        let page = log.store.read_all(after, &filter, usize::MAX);
        let page = within("reading the feed", page).await.expect("the feed is readable");
        for event in &page.events {
            let text = String::from_utf8_lossy(event.data()).into_owned();
            let tag = text.split('"').nth(3).unwrap_or_default().to_owned();
            for key in ["all", event.stream().id()] {
                wanted.entry(key.to_owned()).or_default().push(tag.clone());
            }
            if tag.starts_with(SWEEP) {
                for row in wanted.values_mut() {
                    row.push("swept".to_owned());
                }
            }
        }
        after = page.upto;
        if !page.has_more {
            break;
        }
    }
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    let found = log.rows.page("notes", &keys(&names), None).await;
    for ((key, json), (wanted_key, tags)) in texts_of(&found).iter().zip(&wanted) {
        let noted: Vec<String> = serde_json::from_str(json).expect("lists of tags");
        assert_eq!((key, &noted), (wanted_key, tags), "the row folded by racing commits");
    }
    assert_eq!(found.rows.len(), wanted.len(), "the rows that were folded");
}
