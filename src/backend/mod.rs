//! Where commits are kept, and messages published. Each backend implements the ports with types of its own, has the same file
//! names inside, and knows no pattern and no sibling.

pub mod memory;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "sqlite")]
pub mod sqlite;
