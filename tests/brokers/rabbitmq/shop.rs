//! The shop's services over RabbitMQ, in one process.

use crate::rabbitmq::node;
use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_over_rabbitmq_that_is_killed_ends_with_the_same_figures() {
    Shop::new().is_killed_and_resumed(&node::shared().await.url()).await;
}
