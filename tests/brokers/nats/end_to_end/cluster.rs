//! Three servers that keep one stream together: its leader is killed while messages go through it, and another leads.

use fastrand::Rng;
use freehold::backend::nats::async_nats::Client;
use freehold::backend::nats::async_nats::jetstream::{self, stream::ClusterInfo};
use freehold::backend::nats::{NatsBroker, NatsOptions};

use super::stream::{STREAM, Stream, options};
use crate::end_to_end::{Mortal, World, drawn, until_late};
use crate::messages::until;
use crate::nats::server::{Server, free_port};

const SERVERS: usize = 3;
const KILLS: usize = 2;

/// What a server is called by the others.
fn name(n: usize) -> String {
    format!("server-{n}")
}

struct Cluster {
    servers: Vec<Server>,
}

impl Cluster {
    fn start() -> Self {
        let ports: Vec<_> = (0..SERVERS).map(|_| free_port()).collect();
        let routes: Vec<_> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let routes = routes.join(", ");
        let configuration = |(n, port): (usize, &u16)| {
            format!(
                "server_name: {}\ncluster {{ name: suite, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}",
                name(n)
            )
        };
        let configurations = ports.iter().enumerate().map(configuration);
        Self { servers: configurations.map(|it| Server::start_with(&it)).collect() }
    }
}

/// How the servers share the stream, once one of them leads and this holds.
async fn until_led(client: &Client, holds: impl Fn(&str, &ClusterInfo) -> bool) -> String {
    let context = jetstream::new(client.clone());
    until("a leader", async || {
        let stream = context.get_stream(STREAM).await.ok()?;
        let info = stream.cached_info().cluster.clone()?;
        let leader = info.leader.clone().filter(|leader| !leader.is_empty())?;
        holds(&leader, &info).then_some(leader)
    })
    .await
}

/// Whether all have what the leader has.
fn is_whole(info: &ClusterInfo) -> bool {
    info.replicas.len() == SERVERS - 1
        && info.replicas.iter().all(|replica| replica.current && !replica.offline)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_leader_is_killed_delays_messages_and_loses_none() {
    let (seed, mut cluster) = (drawn(), Cluster::start());
    let world = World::new(seed, Stream::at_any_of(&cluster.servers).published_by(seed));
    let mut rng = Rng::with_seed(seed);
    let beside = world.medium.client().await;
    // The servers must have found each other first.
    let replicated = NatsOptions { replicas: SERVERS, ..options() };
    let open = async || NatsBroker::open(beside.clone(), replicated.clone()).await.ok();
    until("the stream", open).await;
    let (relay, answers) = world.relay().await;
    let _consumers = world.consumers().await;
    let load = world.load().await;
    for _ in 0..KILLS {
        world.more_effects(rng.usize(20..100)).await;
        let old = until_led(&beside, |_, info| is_whole(info)).await;
        let n = (0..SERVERS).find(|n| name(*n) == old).unwrap();
        let troubles = answers.troubles();
        cluster.servers[n].kill();
        until("the kill", async || (answers.troubles() > troubles).then_some(())).await;
        until_late(&relay).await;
        let new = until_led(&beside, |leader, _| leader != old).await;
        println!("{old} was killed, and {new} leads");
        let stored = answers.stored();
        until("the broker", async || (answers.stored() > stored).then_some(())).await;
        cluster.servers[n].start_again().await;
    }
    world.more_effects(50).await;
    let sent = load.end().await;
    world.judge(sent, &relay).await;
}
