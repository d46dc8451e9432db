//! Shared by the tests and the benches.
