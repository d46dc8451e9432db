//! The one API: saving, indexing, searching and importing at the same time.
