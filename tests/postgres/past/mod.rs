//! The feed and the views of a schema as they were: `schema`, with what the tests of the other stores have.

mod schema;
#[path = "../../it/past/stories.rs"]
mod stories;
