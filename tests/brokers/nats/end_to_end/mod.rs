//! From a commit here to an effect there, over NATS: what is done to every medium (`alike`), and what is done to this one only.

mod alike;
mod cluster;
mod cut;
mod lost;
mod stream;
