//! RabbitMQ: set `FREEHOLD_RABBITMQ_SERVER` to the program `rabbitmq-server`, and `FREEHOLD_PYTHON` to a Python that has the packages
//! `pika` and `cloudevents`.
//!
//! A server takes seconds to start. Tests that do nothing to it share one, and those that kill or freeze it take turns with
//! another (`node`). Each has exchanges of its own.

mod conformance;
mod end_to_end;
mod fixture;
mod killed;
mod node;
mod opened;
mod refused;
mod shop;
mod silent;
