//! The keyword index: tantivy behind the domain's words.
