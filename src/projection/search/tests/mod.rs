//! The desk on a disk that fails at every write, one after the other.

mod disk;
mod faults;
