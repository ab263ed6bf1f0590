//! From a commit here to an effect there, over real servers: nothing is lost, invented, out of order or done twice, whatever
//! happens in between.
//!
//! A service commits messages to its own file (`load`), a relay publishes them, and two consumers, each with one kind of marks,
//! write effects to files of their own (`world`). Each test does something to what lies in between, sees that it was really done
//! (`watched`), and at the end everything is counted (`verdict`). The service and the proxy are those of the tests on NATS.
//!
//! What is left to chance follows from one number, which a test that fails has printed: `RABBITMQ_SEED` draws it again.

mod cut;
mod down;
mod frozen;
mod killed;
#[path = "../../nats/end_to_end/load.rs"]
mod load;
mod other_language;
#[allow(dead_code, reason = "it can do more than is done here")]
#[path = "../../nats/proxy.rs"]
mod proxy;
mod refused;
mod verdict;
mod watched;
mod world;
