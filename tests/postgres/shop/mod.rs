//! The shop on PostgreSQL, run as its user runs it: a database and a role for each service.
//!
//! `shops` are shops of a test's own, which go away; `program`, `oracle`, `expected`, `log`, `kept` and `kill` are those of the tests
//! on SQLite. The tests: `replay` (figures, and a second run), `crash` (`kill -9`, of the replay and of what is made
//! before it), `lock` (one process at a time), `choreography` (the same without a driver), `commands` (ship, history), `views`
//! (what is folded, and shown), `forget` (what is left of a customer), `rights` (what a service's role is
//! refused), and `refused` (what the program is refused).

mod choreography;
mod commands;
mod crash;
#[path = "../../it/shop/expected.rs"]
mod expected;
mod forget;
#[path = "../../it/shop/kept.rs"]
mod kept;
#[path = "../../it/shop/kill.rs"]
mod kill;
mod lock;
#[path = "../../it/shop/log.rs"]
mod log;
#[path = "../../it/shop/oracle.rs"]
mod oracle;
#[path = "../../it/shop/program.rs"]
mod program;
mod refused;
mod replay;
mod rights;
mod shops;
mod views;
