//! `commonplace` on the command line.
fn main() {}
