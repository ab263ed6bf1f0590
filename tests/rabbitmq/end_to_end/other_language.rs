//! A client of another language reads what a relay has published, and finds CloudEvents.

use std::process::Command;

use chrono::{DateTime, Utc};
use freehold::{Commit, Envelope, Metadata, Store, TraceContext};
use serde_json::Value;
use uuid::Uuid;

use super::load::envelope;
use super::world::{JUDGE, World};
use crate::node::shared;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// # Panics
/// If nobody says where it is: a test that needs it must not pass without it.
fn python() -> std::ffi::OsString {
    std::env::var_os("FREEHOLD_RABBITMQ_PYTHON").expect(
        "this test needs Python with the packages pika and cloudevents: run scripts/test, or set FREEHOLD_RABBITMQ_PYTHON to its program",
    )
}

/// What Python has found in the queue: a value for each message.
fn read_by_python(port: u16, queue: &str, messages: usize) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rabbitmq/cloud_events.py");
    let output = Command::new(python())
        .args([script, &port.to_string(), queue, &messages.to_string()])
        .output()
        .expect("the program that FREEHOLD_RABBITMQ_PYTHON names can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Python has found something wrong: {said}");
    let found = String::from_utf8(output.stdout).unwrap();
    found.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A message with all that it can have.
fn full() -> Envelope {
    let time: DateTime<Utc> = "2026-02-03T04:05:06.789Z".parse().unwrap();
    let metadata = Metadata::new()
        .with_correlation(Uuid::from_u128(1))
        .with_causation(Uuid::from_u128(2))
        .with_actor("Zoë \"the\" 100%")
        .unwrap()
        .with_tenant("größer")
        .unwrap()
        .with_trace(TraceContext::new(PARENT).unwrap().with_state("a=1,b=2").unwrap())
        .with_entry("X-Channel", "web: 100%25\r\nof two lines")
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_another_language_reads_cloud_events() {
    let world = World::new(shared().await.port()).await;
    let (relay, _) = world.relay(world.port).await;
    let sent = [envelope("a-0001"), full(), plain()];
    let commit = sent.iter().fold(Commit::new(), Commit::send);
    world.sender().await.commit(commit).await.unwrap();
    relay.drained().await.unwrap();
    let (port, queue) = (world.port, format!("{}.{JUDGE}", world.exchange));
    let reading = tokio::task::spawn_blocking(move || read_by_python(port, &queue, 3));
    let found = reading.await.unwrap();
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
    assert_eq!(found[1]["own"]["X-Channel"], "web: 100%25\r\nof two lines");
    let time: DateTime<Utc> = found[1]["time"].as_str().unwrap().parse().unwrap();
    assert_eq!(Some(time), sent[1].time());
}
