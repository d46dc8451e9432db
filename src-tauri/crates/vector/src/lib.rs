//! The vector index: usearch segments behind verified files.
