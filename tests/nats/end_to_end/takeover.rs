//! Relays and consumers that are gone from one moment to the next, and others that go on.
