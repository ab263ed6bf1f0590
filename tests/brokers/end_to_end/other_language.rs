//! A client of another language reads what a relay has published, and finds CloudEvents.

use std::process::Command;

use chrono::{DateTime, Utc};
use freehold::{Commit, Envelope, Metadata, Store, TraceContext};
use serde_json::Value;
use uuid::Uuid;

use super::load::envelope;
use super::medium::Medium;
use super::world::World;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What is read by a script in Python, which is called with what it has to know: a value for each message.
///
/// # Panics
/// If nobody says where Python is: a test that needs it must not pass without it.
pub(crate) fn read_by_python(script: &str, arguments: &[&str]) -> Vec<Value> {
    let python = std::env::var_os("FREEHOLD_PYTHON").expect(
        "this test needs Python with a client of the broker and cloudevents: run scripts/test, or set FREEHOLD_PYTHON to its program",
    );
    let script = format!("{}/tests/brokers/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .arg(script)
        .args(arguments)
        .output()
        .expect("the program that FREEHOLD_PYTHON names can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Python has found something wrong: {said}");
    let found = String::from_utf8(output.stdout).unwrap();
    found.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A message with all that it can have, and this in a header of its sender's own.
fn full(own: &str) -> Envelope {
    let time: DateTime<Utc> = "2026-02-03T04:05:06.789Z".parse().unwrap();
    let metadata = Metadata::new()
        .with_correlation(Uuid::from_u128(1))
        .with_causation(Uuid::from_u128(2))
        .with_actor("Zoë \"the\" 100%")
        .unwrap()
        .with_tenant("größer")
        .unwrap()
        .with_trace(TraceContext::new(PARENT).unwrap().with_state("a=1,b=2").unwrap())
        .with_entry("X-Channel", own)
        .unwrap();
    envelope("a-0002")
        .with_subject("order 7")
        .unwrap()
        .with_schema("https://example.org/said.json")
        .unwrap()
        .with_time(time)
        .with_expiry_at("2999-01-01T00:00:00Z".parse().unwrap())
        .with_metadata(metadata)
}

/// Data that are no JSON.
fn plain() -> Envelope {
    let like = envelope("a-0003");
    Envelope::new(like.id(), like.kind().clone(), like.key().clone(), "just text")
        .with_content_type("text/plain; charset=utf-8")
        .unwrap()
}

/// `read` reads three messages as another language does. `own` is a header of a service's own, as the other language names it, and its
/// value.
pub(crate) async fn reads_cloud_events<M: Medium>(
    world: &World<M>,
    read: impl FnOnce() -> Vec<Value> + Send + 'static,
    own: (&str, &str),
) {
    let (relay, _) = world.relay().await;
    let sent = [envelope("a-0001"), full(own.1), plain()];
    let commit = sent.iter().fold(Commit::new(), Commit::send);
    world.sender().await.commit(commit).await.unwrap();
    relay.drained().await.unwrap();
    let found = tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!(found.len(), sent.len());
    for (at, (found, sent)) in (1..).zip(found.iter().zip(&sent)) {
        let attribute = |name: &str| found["attributes"][name].as_str().unwrap_or_default();
        assert_eq!(attribute("id"), sent.id().to_string());
        assert_eq!(attribute("source"), "/suite");
        assert_eq!(attribute("type"), "suite.said.v1");
        assert_eq!(attribute("partitionkey"), "a");
        assert_eq!(attribute("datacontenttype"), sent.content_type());
        assert_eq!(attribute("sequence"), format!("{at:020}"));
        let data = match &found["data"] {
            Value::String(text) if at == 3 => text.clone(),
            other => other.to_string(),
        };
        assert_eq!(data.as_bytes(), &sent.data()[..]);
    }
    let attribute = |name: &str| found[1]["attributes"][name].as_str().unwrap_or_default();
    for (name, wanted) in [
        ("prevsequence", "00000000000000000001"),
        ("subject", "order 7"),
        ("dataschema", "https://example.org/said.json"),
        ("correlationid", "00000000-0000-0000-0000-000000000001"),
        ("causationid", "00000000-0000-0000-0000-000000000002"),
        ("actor", "Zoë \"the\" 100%"),
        ("tenant", "größer"),
        ("traceparent", PARENT),
        ("tracestate", "a=1,b=2"),
        ("destination", "said"),
    ] {
        assert_eq!(attribute(name), wanted, "{name}");
    }
    assert_eq!(found[1]["own"][own.0], own.1);
    let time: DateTime<Utc> = found[1]["time"].as_str().unwrap().parse().unwrap();
    assert_eq!(Some(time), sent[1].time());
}
