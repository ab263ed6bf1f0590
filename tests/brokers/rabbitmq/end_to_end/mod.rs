//! From a commit here to an effect there, over RabbitMQ: what is done to every medium (`alike`), and what is done to this one only.

mod alike;
mod cut;
mod exchange;
