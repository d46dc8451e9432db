//! What the notes of a query have in common: how many there are of each type, tag, notebook and year.

use std::cmp::Reverse;
use std::sync::Arc;

use note::{Kind, Query, Timestamp};

use crate::KeywordError;
use crate::document::{Facet, Pool};
use crate::plan::Planner;
use crate::search::matches;
use crate::snapshot::{Bits, Snapshot};

/// Tags, or notebooks, of one part of the index that are looked at.
const MAX_TERMS: usize = 20_000;

/// How many of the notes that a query finds there are of each sort; the most frequent first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FacetCounts {
    /// All notes that match.
    pub total: usize,
    pub kinds: Vec<(Kind, usize)>,
    /// Folded, with those above them.
    pub tags: Vec<(String, usize)>,
    /// Folded paths, with those above them.
    pub notebooks: Vec<(String, usize)>,
    /// Notes created from each of the given moments until the next, in their order.
    pub periods: Vec<usize>,
}

/// Counts the notes of `query`. `limit`: of each sort the most frequent; `starts`: ascending.
pub(crate) fn facets(
    snapshot: &Arc<Snapshot>,
    planner: &mut Planner,
    query: &Query,
    limit: usize,
    starts: &[Timestamp],
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<FacetCounts, KeywordError> {
    let found = matches(snapshot, planner, &query.expr, cancelled)?;
    let counting = Counting { snapshot, found: &found, cancelled };
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        kinds.push((kind, counting.count(&Facet::Kind(kind).term())?));
    }
    let mut periods = vec![0; starts.len()];
    for at in found.iter() {
        let (segment, doc) = snapshot.place(at);
        let created = Timestamp(segment.created(doc));
        if let Some(period) = starts.partition_point(|start| *start <= created).checked_sub(1) {
            periods[period] += 1;
        }
    }
    Ok(FacetCounts {
        total: found.len(),
        kinds: most(kinds, limit),
        tags: most(counting.all(&Facet::Tag(""))?, limit),
        notebooks: most(counting.all(&Facet::Notebook(""))?, limit),
        periods,
    })
}

/// The `limit` most frequent, equals in their order; those that are nowhere left out.
fn most<T>(mut counts: Vec<(T, usize)>, limit: usize) -> Vec<(T, usize)> {
    counts.retain(|(_, count)| *count > 0);
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.truncate(limit);
    counts
}

struct Counting<'a> {
    snapshot: &'a Snapshot,
    found: &'a Bits,
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl Counting<'_> {
    /// How many of the notes have a term of [`Pool::Filter`].
    fn count(&self, term: &str) -> Result<usize, KeywordError> {
        if (self.cancelled)() {
            return Err(KeywordError::Cancelled);
        }
        let mut count = 0;
        for part in &self.snapshot.parts {
            part.segment.each(Pool::Filter, term, &mut |docs, _| {
                count += docs.iter().filter(|doc| self.found.contains(part.base + **doc)).count();
            })?;
        }
        Ok(count)
    }

    /// Every value of a facet, `empty` being the facet of none, with its count.
    fn all(&self, empty: &Facet<'_>) -> Result<Vec<(String, usize)>, KeywordError> {
        let prefix = empty.term();
        let mut terms = Vec::new();
        for part in &self.snapshot.parts {
            terms.extend(part.segment.terms_prefixed(Pool::Filter, &prefix, MAX_TERMS)?);
        }
        terms.sort_unstable();
        terms.dedup();
        let mut counts = Vec::with_capacity(terms.len());
        for term in terms {
            let count = self.count(&term)?;
            counts.push((term[prefix.len()..].to_owned(), count));
        }
        Ok(counts)
    }
}
