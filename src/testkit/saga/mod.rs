//! Every fault at every moment of a saga, with every crash and every new owner: the explorer.

mod check;
mod explore;
mod moves;
mod participant;
#[cfg(test)]
mod tests;
mod world;
