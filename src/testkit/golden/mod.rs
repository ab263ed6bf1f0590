//! What others rely on, as files in a repository: the types of messages that services publish ([`Contracts`]), and the forms in
//! which events were ever stored ([`SchemaGuard`]). A test fails when today's code does not fit them any more.

mod contracts;
mod files;
mod form;
mod problems;
mod schema;
mod shapes;

pub use contracts::Contracts;
pub use problems::BrokenContracts;
pub use schema::SchemaGuard;
