//! Text to vectors on this machine: the Embedder trait, the fastembed one, and a fake for tests.
