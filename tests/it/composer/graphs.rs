//! Random graphs of look-ups, against an oracle that knows the longest chain and the fewest calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use freehold::composer::{ComposeLimits, Lookup, LookupOptions, compose, within};
use freehold::source::{self, Answers, Call, Source};
use futures::future::{FutureExt, join_all};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

const SOURCES: usize = 4;

/// A look-up that needs the values of others first.
#[derive(Clone, Debug)]
struct Node {
    source: usize,
    key: u64,
    /// Earlier nodes.
    needs: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Graph {
    nodes: Vec<Node>,
    /// How long each source takes, in milliseconds.
    delays: [u64; SOURCES],
    keys_per_call_max: usize,
}

fn graph() -> impl Strategy<Value = Graph> {
    let node = (0..SOURCES, 0..12_u64, prop::collection::vec(any::<prop::sample::Index>(), 0..4));
    let nodes = prop::collection::vec(node, 1..40).prop_map(|nodes| {
        let needs = |nth: usize, needs: Vec<prop::sample::Index>| {
            if nth == 0 { Vec::new() } else { needs.iter().map(|at| at.index(nth)).collect() }
        };
        let node = |(nth, (source, key, from)): (usize, (usize, u64, Vec<_>))| Node {
            source,
            key,
            needs: needs(nth, from),
        };
        nodes.into_iter().enumerate().map(node).collect::<Vec<_>>()
    });
    let most = prop_oneof![3 => Just(1_000_usize), 1 => 1..4_usize];
    (nodes, prop::array::uniform4(1..20_u64), most)
        .prop_map(|(nodes, delays, keys_per_call_max)| Graph { nodes, delays, keys_per_call_max })
}

/// What is right: when all is there, and how many calls that takes.
#[derive(Debug, PartialEq, Eq)]
struct Right {
    sum: u64,
    millis: u64,
    calls: usize,
    keys: usize,
}

fn value(source: usize, key: u64) -> u64 {
    (source as u64 + 1) * 1_000 + key
}

/// Works out, for each node, when it can be asked for and when it is there. A key that several ask for is asked for when the
/// first of them can, and all others have it with that.
fn oracle(graph: &Graph) -> Right {
    let Graph { nodes, delays, keys_per_call_max } = graph;
    let mut there = vec![u64::MAX; nodes.len()];
    let mut asked: BTreeMap<(usize, u64), u64> = BTreeMap::new();
    loop {
        let ready: Vec<u64> = nodes
            .iter()
            .map(|node| node.needs.iter().map(|at| there[*at]).max().unwrap_or(0))
            .collect();
        for (node, ready) in nodes.iter().zip(&ready) {
            let first = asked.entry((node.source, node.key)).or_insert(u64::MAX);
            *first = (*first).min(*ready);
        }
        let next: Vec<u64> = nodes
            .iter()
            .zip(ready)
            .map(|(node, ready)| {
                let first = asked[&(node.source, node.key)];
                ready.max(first.saturating_add(delays[node.source]))
            })
            .collect();
        if next == there {
            break;
        }
        there = next;
    }
    let mut together: BTreeMap<(usize, u64), usize> = BTreeMap::new();
    for ((source, _), at) in &asked {
        *together.entry((*source, *at)).or_default() += 1;
    }
    Right {
        sum: nodes.iter().map(|node| value(node.source, node.key)).sum(),
        millis: there.iter().copied().max().unwrap_or(0),
        calls: together.values().map(|keys| keys.div_ceil(*keys_per_call_max)).sum(),
        keys: asked.len(),
    }
}

fn lookup(
    nth: usize,
    delay: u64,
    keys_per_call_max: usize,
) -> Lookup<impl Source<Key = u64, Value = u64>> {
    const NAMES: [&str; SOURCES] = ["a", "b", "c", "d"];
    let source = source::from_fn(NAMES[nth], move |keys: Vec<u64>, _: Call| async move {
        sleep(Duration::from_millis(delay)).await;
        Ok(Answers::aligned(keys.into_iter().map(|key| Some(value(nth, key))).collect()))
    });
    let options = LookupOptions { keys_per_call_max, ..LookupOptions::default() };
    Lookup::builder(source).options(options).build()
}

/// Composes the graph: each node is a future that waits for those it needs.
async fn composed(graph: &Graph) -> Right {
    let Graph { nodes, delays, keys_per_call_max } = graph;
    let lookups: Vec<_> =
        (0..SOURCES).map(|nth| lookup(nth, delays[nth], *keys_per_call_max)).collect();
    let limits = ComposeLimits { calls_max: 1_000, rounds_max: 1_000, ..ComposeLimits::default() };
    let begun = Instant::now();
    let done = compose(within(Duration::from_mins(1)).limits(limits), async |cx| {
        let mut there = Vec::new();
        for node in nodes {
            let needs: Vec<_> = node.needs.iter().map(|at| Clone::clone(&there[*at])).collect();
            let lookup = &lookups[node.source];
            let one = async move {
                join_all(needs).await;
                cx.get(lookup, node.key).await.map_or(0, |part| part.value)
            };
            there.push(one.boxed().shared());
        }
        Ok(join_all(there).await.into_iter().sum())
    });
    let done = done.await.unwrap();
    let names: BTreeSet<_> = done.plan.all_calls().iter().map(|call| call.source).collect();
    Right {
        sum: done.value,
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap(),
        calls: done.plan.all_calls().len(),
        keys: names.iter().map(|name| done.plan.keys(name)).sum(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Values, the time of the longest chain, and the fewest calls.
    #[test]
    fn a_graph_is_composed_in_the_time_of_its_longest_chain_with_the_fewest_calls(graph in graph()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        prop_assert_eq!(runtime.block_on(composed(&graph)), oracle(&graph));
    }
}
