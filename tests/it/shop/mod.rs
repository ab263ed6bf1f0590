//! The shop, run as its user runs it, against a second and much simpler opinion on the rules.
//!
//! `program` runs the built example; `oracle` is the second opinion, on maps in memory, and `expected` says the same of
//! the views; `invoices` makes up files by a seed; `log` reads what the services have written, `stores` the databases of
//! a folder, `conserved` what must add up in them, and `kept` what is in the views; `mailbox` reads letters; `http` speaks to the gateway; `kill` kills the program; `parts` are the program's own modules. The tests:
//! `replay` (figures), `crowd` (many at a time), `bad_input`, `resume` (a second run), `crash` (`kill -9`), `commands`
//! (ship, history), `fail` (steps that go wrong on purpose), `operate` (who looks after sagas), `barrier` (calls that come late,
//! doubled or out of order), `rules` and `introduced` (the domain's decisions, given, when, then), `projections` (given, then),
//! `views` (what people see of them), `search` (what they find), `put_away` (what is done), `details` (a query that spans services), `forget` (a customer is
//! forgotten, in every file), `choreography` (the same without a driver), `older` (a folder of an earlier program), and `contracts` (what the services tell each other). On PostgreSQL the same program is tested in
//! `tests/postgres/shop`, with the same helpers.

mod bad_input;
mod barrier;
mod choreography;
mod commands;
mod conserved;
mod contracts;
mod crash;
mod crowd;
mod details;
mod expected;
mod fail;
mod forget;
mod http;
mod introduced;
mod invoices;
mod kept;
mod kill;
mod log;
mod mailbox;
mod older;
mod operate;
mod oracle;
mod parts;
mod program;
mod projections;
mod put_away;
mod replay;
mod resume;
mod rules;
mod search;
mod stored;
mod stores;
mod views;
