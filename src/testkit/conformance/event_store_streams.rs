//! E1 and E2: what is in a stream, and how to read it.

use uuid::Uuid;

use super::Harness;
use super::kit::{Log, event, events, id, name, stream, stream_in, versions, within};
use crate::types::{
    Commit,
    ExpectedVersion::{Any, NoStream},
    Metadata, NewEvent, ReadFrom, RecordedEvent, StreamId, StreamPage, StreamVersion, TraceContext,
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Metadata with every field, and with as many and as long entries as there may be.
fn full_metadata() -> Metadata {
    let full = || {
        let trace = TraceContext::new(PARENT).ok()?.with_state("vendor=1,other=x y").ok()?;
        let mut metadata = Metadata::new()
            .with_correlation(Uuid::from_u128(u128::MAX))
            .with_causation(Uuid::nil())
            .with_actor("zoë \"quoted\" 'or' 1=1; --")
            .ok()?
            .with_tenant(&"é".repeat(95))
            .ok()?
            .with_trace(trace)
            .with_entry("empty", "")
            .ok()?;
        for n in 1..32 {
            metadata =
                metadata.with_entry(&format!("k{n}"), &"\u{0}\n\u{1F980}".repeat(170)).ok()?;
        }
        Some(metadata)
    };
    full().expect("the suite's metadata is within bounds")
}

/// Events that a store may be tempted to change.
fn tempting_events() -> Vec<NewEvent> {
    let long = "N".repeat(190);
    [
        ("Plain", &b"{}"[..], Metadata::new()),
        ("Spaced", b" { \"b\" : 1.0 , \"a\" : 1e2, \"a\" : 2 }\n", Metadata::new()),
        ("Empty", b"", full_metadata()),
        ("NotJson", b"{\"open", Metadata::new()),
        ("Binary", &[0, 0xff, 0xfe, 0x00, b'\\', b'x', 0xc3, 0x28], Metadata::new()),
        (
            "Zero.v2 'quoted\" \u{1F980} \u{65e5}\u{672c}",
            "\u{feff}\"\u{1F980}\"".as_bytes(),
            full_metadata(),
        ),
        (&long, b"null", Metadata::new().with_correlation(Uuid::nil())),
        (
            "Traced",
            b"1",
            Metadata::new().with_trace(TraceContext::new(PARENT).expect("a good header")),
        ),
    ]
    .into_iter()
    .map(|(called, data, metadata)| {
        NewEvent::new(id(called), name(called), data.to_vec()).with_metadata(metadata)
    })
    .collect()
}

/// E1: an event comes back as it went in: id, name, metadata with every field, and payloads that are no
/// JSON, no UTF-8, or nothing at all; by stream in both directions, and in the feed.
pub async fn e01_an_event_comes_back_as_it_was_appended(h: &dyn Harness) {
    let log = Log::open(h, "e01_faithful").await;
    let [one, each] = ["one", "each"].map(stream);
    let appended = tempting_events();
    log.commit(Commit::new().append(&one, NoStream, appended.clone())).await;
    for event in tempting_events() {
        let again = id(&format!("{} again", event.name()));
        let fresh = NewEvent::new(again, event.name().clone(), event.data().clone());
        log.commit(Commit::new().append(
            &each,
            Any,
            [fresh.with_metadata(event.metadata().clone())],
        ))
        .await;
    }
    let mut backward = page(&log, &one, ReadFrom::End, 100).await.events;
    backward.reverse();
    let feed = log.feed().await;
    for recorded in [&log.stream(&one).await, &backward, &feed[..appended.len()].to_vec()] {
        assert_eq!(recorded.len(), appended.len(), "events that came back");
        for (recorded, appended) in recorded.iter().zip(&appended) {
            same(recorded, appended);
        }
    }
    for (recorded, event) in log.stream(&each).await.iter().zip(&appended) {
        assert_eq!(
            (recorded.name(), recorded.data()),
            (event.name(), event.data()),
            "appended alone"
        );
        assert_eq!(recorded.metadata(), event.metadata(), "the metadata of {}", event.name());
    }
}

fn same(recorded: &RecordedEvent, appended: &NewEvent) {
    let name = appended.name();
    assert_eq!(recorded.id(), appended.id(), "the id of {name}");
    assert_eq!(recorded.name(), name, "the name");
    assert_eq!(recorded.data(), appended.data(), "the payload of {name}");
    assert_eq!(recorded.metadata().trace(), appended.metadata().trace(), "the trace of {name}");
    let entries = |metadata: &Metadata| {
        metadata.entries().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(entries(recorded.metadata()), entries(appended.metadata()), "the entries of {name}");
    assert!(recorded.records(appended), "the metadata of {name}");
}

/// E1: streams are told apart byte for byte, also where they look alike, differ in case, or hold what a
/// query language would take for a wildcard.
pub async fn e01_streams_are_told_apart_byte_for_byte(h: &dyn Harness) {
    let log = Log::open(h, "e01_apart").await;
    let [longest, as_long] = ["1", "2"].map(|end| format!("{}{end}", "x".repeat(189)));
    let ids = [
        "a",
        "A",
        "a ",
        " a",
        "\u{e4}",
        "a\u{308}",
        "%",
        "_",
        "a%",
        "a-b",
        "a--b",
        "'",
        "\"; --",
        "\\",
        "0",
        "00",
        "\u{65e5}\u{672c}",
        "\u{1F980}",
        "\u{200b}",
        "-",
        "/",
        "..",
        &longest,
        &as_long,
    ];
    let alike =
        ids.iter().flat_map(|id| ["test", "tes", "test_", "t_st"].map(|c| stream_in(c, id)));
    let alike: Vec<StreamId> = alike.collect();
    for stream in &alike {
        log.commit(Commit::new().append(stream, NoStream, [event(&format!("in {stream}"))])).await;
    }
    for stream in &alike {
        log.holds(stream, &[&format!("in {stream}")]).await;
        let [recorded] = &log.stream(stream).await[..] else { panic!("one event in {stream}") };
        assert_eq!(recorded.stream(), stream, "the stream of the event");
    }
    let feed: Vec<_> = log.feed().await.iter().map(|event| event.stream().clone()).collect();
    assert_eq!(feed, alike, "the streams in the feed");
}

/// E1: the events of a stream are at versions 1, 2, 3 and so on, however they were cut into commits.
pub async fn e01_versions_count_from_one(h: &dyn Harness) {
    let log = Log::open(h, "e01_versions").await;
    let [a, b] = ["a", "b"].map(stream);
    let mut appended = Vec::new();
    for (n, count) in [1, 3, 1, 7, 2].into_iter().enumerate() {
        let new = events(&format!("cut {n}"), count);
        appended.extend(new.iter().map(NewEvent::id));
        let other = events(&format!("other {n}"), 2);
        log.commit(Commit::new().append(&b, Any, other).append(&a, Any, new)).await;
    }
    let recorded = log.stream(&a).await;
    assert_eq!(recorded.iter().map(RecordedEvent::id).collect::<Vec<_>>(), appended, "in order");
    let at: Vec<_> = recorded.iter().map(RecordedEvent::version).collect();
    assert_eq!(at, versions(appended.len()), "the versions");
}

pub(super) async fn page(log: &Log, stream: &StreamId, from: ReadFrom, limit: usize) -> StreamPage {
    within("reading a stream", log.0.read_stream(stream, from, limit))
        .await
        .expect("it is readable")
}

/// E2: from after, and from before, every version there is and some that are not, a page of any size
/// holds just the events that follow in its direction.
pub async fn e02_a_stream_reads_both_ways_from_any_version(h: &dyn Harness) {
    let log = Log::open(h, "e02_ways").await;
    let (read, other) = (stream("read"), stream("other"));
    let count = 6;
    for n in 0..count {
        let new = Commit::new().append(&read, Any, events(&format!("{n}"), 1));
        log.commit(new.append(&other, Any, events(&format!("other {n}"), 2))).await;
    }
    let whole: Vec<_> = log.stream(&read).await;
    assert_eq!(whole.len() as u64, count, "events in the stream");
    let at = |event: &&RecordedEvent, from: ReadFrom| match from {
        ReadFrom::After(version) => event.version() > version,
        ReadFrom::Before(version) => event.version() < version,
        ReadFrom::End => true,
    };
    let edges = (0..=count + 2).chain([1 << 62, u64::MAX]).map(StreamVersion::new);
    let edges =
        edges.flat_map(|v| [ReadFrom::After(v), ReadFrom::Before(v)]).chain([ReadFrom::End]);
    for from in edges {
        let mut wanted: Vec<_> = whole.iter().filter(|event| at(event, from)).cloned().collect();
        if !matches!(from, ReadFrom::After(_)) {
            wanted.reverse();
        }
        for limit in 1..=whole.len() + 1 {
            let page = page(&log, &read, from, limit).await;
            let asked = limit.min(log.0.limits().events_per_page_max.max(1));
            let head = &wanted[..wanted.len().min(asked)];
            assert_eq!(page.events, head, "{from:?}, at most {limit}");
            assert_eq!(page.has_more, wanted.len() > head.len(), "more, {from:?}, at most {limit}");
        }
    }
}

/// E2: a stream that nobody has written to is an empty page in both directions, and asking does not make
/// it.
pub async fn e02_a_stream_without_events_is_an_empty_page(h: &dyn Harness) {
    let log = Log::open(h, "e02_empty").await;
    for written in [false, true] {
        if written {
            log.commit(Commit::new().append(&stream("other"), NoStream, [event("other")])).await;
        }
        for version in [0, 1, 7, u64::MAX].map(StreamVersion::new) {
            for from in [ReadFrom::After(version), ReadFrom::Before(version), ReadFrom::End] {
                let page = page(&log, &stream("absent"), from, 10).await;
                assert_eq!(page, StreamPage::default(), "{from:?} of a stream without events");
            }
        }
    }
    log.commit(Commit::new().append(&stream("absent"), NoStream, [event("absent")])).await;
}
