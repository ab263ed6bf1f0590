//! Every fault at every moment of a saga, with every crash and every new owner: the explorer of the protocol in
//! [`saga`](crate::saga). It looks at every world that can come about, the nearest first, and shows the shortest way to one in
//! which a promise is broken.

mod check;
mod explore;
mod moves;
mod participant;
mod tests;
mod world;
