//! Projections and their reads, on the store in memory and on the paused clock.
