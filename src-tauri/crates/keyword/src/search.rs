//! Query → hits: walks the query tree over one snapshot, term by term. Every node gives a set of
//! documents; words and phrases that are asked for also add to the scores.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use note::{
    DayRange, Expr, Field, Filter, HasFlag, IsFlag, NoteId, NoteSet, Query, Sort, TimeRange,
    Timestamp, Word,
};
use rustc_hash::FxHashMap;

use crate::analysis::Shape;
use crate::document::{Facet, Origin, Pool, stem_term};
use crate::plan::{
    LONG_GROUP, PlannedWord, Planner, Slot, Source, Synonym, Unit, WEIGHTS, asked_for,
    wants_trashed, whole_text,
};
use crate::segment::{Positions, Segment, Spelling};
use crate::snapshot::{Bits, Snapshot};
use crate::{KeywordError, KeywordHit, KeywordHits, Matching};

/// BM25: how soon repetitions of a word stop counting, and how much long notes pay for them.
const K1: f32 = 1.2;
const B: f32 = 0.75;
/// Words of one group that are looked up; of more, the rarest. Bounds a pasted page.
const MAX_WORDS: usize = 40;
/// What a word that is being typed may cost: terms that begin so and are looked at, and how many
/// occurrences are read of the most frequent ones. Only the beginnings of words in very large
/// collections have more.
const PREFIX_TERMS: usize = 60_000;
const PREFIX_POSTINGS: usize = 400_000;
/// How much the words that only begin as typed count, against the word itself.
const PREFIX_WEIGHT: f32 = 0.4;
/// Terms that a misspelt word stands for, the nearest of them.
const MAX_SIMILAR: usize = 12;
/// Of these, as many as a person is told of.
const MAX_CORRECTED: usize = 3;
/// Misspelt words of one query that are forgiven; each costs a walk over the dictionary.
const MAX_FUZZY: u32 = 6;
/// A word that more notes have than this is taken to be spelt as meant.
const FEW_HITS: usize = 2;
/// Groups of up to this many words are short: notes with all of them come first.
const SHORT_GROUP: usize = 4;
/// Added to notes with all words of a short group, times what its words count: more than any
/// number of occurrences of some of them can be worth (K1 + 1 each).
const ALL_WORDS_WEIGHT: f32 = 2.5;
/// Hits that are looked at again for words standing together.
const RERANKED: usize = 200;
/// Neighbouring words in the query that stand together in the note add this much of what the
/// rarer of the two counts.
const PROXIMITY_WEIGHT: f32 = 0.3;
/// Pairs of neighbours that are looked at.
const MAX_PAIRS: usize = 24;
/// Days on which tasks are due that are looked at.
const MAX_DAYS: usize = 100_000;
/// Notes with more words than this, stop words apart, are scored by their best passage as well.
const LONG_NOTE: u16 = 300;
/// Words of a passage, stop words included, and how many of them are none.
const PASSAGE: u32 = 160;
const PASSAGE_LENGTH: f32 = 100.0;
/// How much of what a passage is worth, were it a note of its own, a long note gets.
const PASSAGE_WEIGHT: f32 = 0.8;
/// Words of a query that passages are searched for; of more, those that fewest notes have.
const PASSAGE_WORDS: usize = 16;
/// Words of a query of which it is kept which notes have them.
const MAX_ASKED: usize = 16;
/// Farther apart than this many words, two words do not belong together.
const NEAR: u32 = 8;

/// What scoring needs to know of two neighbouring words.
struct Pair {
    first: Unit,
    second: Unit,
    gap: u32,
    weight: f32,
}

/// Takes documents in blocks, with how often something stands in each, and what each time counts.
type Add<'a> = dyn FnMut(&[u32], &[u32], f32) + 'a;

/// A scored word as the passages of long notes are searched for it.
struct PassageWord {
    text: String,
    idf: f32,
}

/// A short group as a phrase, and what it adds where it stands as one.
struct ShortPhrase {
    slots: Vec<Slot>,
    field: Option<Field>,
    bonus: f32,
}

pub(crate) struct Evaluation<'a> {
    snapshot: &'a Snapshot,
    planner: &'a mut Planner,
    cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Documents that can be found at all.
    scope: Bits,
    /// By document; nothing is scored in it when nothing is to be.
    scores: Vec<f32>,
    /// Weighted counts of what was gathered last, by document; zero between words.
    counts: Vec<f32>,
    /// Nothing that matches was left out.
    complete: bool,
    pairs: Vec<Pair>,
    phrases: Vec<ShortPhrase>,
    /// The words that passages of long notes are searched for.
    passage_words: Vec<PassageWord>,
    /// Of the words that were scored, which notes have them, and how rare they are.
    asked: Vec<(Bits, f32)>,
    fuzzy_left: u32,
    /// Words that were forgiven: as typed, and the words that they stand for.
    corrected: Vec<(String, Vec<String>)>,
    average_length: f32,
    /// The document to explain, and the explanation.
    trace: Option<(u32, Vec<String>)>,
}

impl<'a> Evaluation<'a> {
    fn new(
        snapshot: &'a Snapshot,
        planner: &'a mut Planner,
        expr: &Expr,
        cancelled: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        let mut scope = snapshot.live.clone();
        if !wants_trashed(expr) {
            scope.and_not(&snapshot.trashed);
        }
        let span = snapshot.span as usize;
        let zeroed = |numbers: &mut Vec<f32>| {
            let mut numbers = std::mem::take(numbers);
            numbers.clear();
            numbers.resize(span, 0.0);
            numbers
        };
        Evaluation {
            snapshot,
            scores: zeroed(&mut planner.scores),
            counts: zeroed(&mut planner.counts),
            planner,
            cancelled,
            scope,
            complete: true,
            pairs: Vec::new(),
            phrases: Vec::new(),
            passage_words: Vec::new(),
            asked: Vec::new(),
            fuzzy_left: MAX_FUZZY,
            corrected: Vec::new(),
            average_length: (snapshot.length as f32 / snapshot.notes.max(1) as f32).max(1.0),
            trace: None,
        }
    }

    fn poll(&self) -> Result<(), KeywordError> {
        if (self.cancelled)() { Err(KeywordError::Cancelled) } else { Ok(()) }
    }

    fn none(&self) -> Bits {
        Bits::new(self.snapshot.span as usize)
    }

    fn eval(&mut self, expr: &Expr, scored: bool) -> Result<Bits, KeywordError> {
        self.poll()?;
        match expr {
            Expr::All => Ok(self.scope.clone()),
            Expr::Words(words) => self.words(words, scored),
            Expr::Phrase { text, slop, field } => self.phrase(text, *slop, *field, scored),
            Expr::Filter(filter) => self.filter(filter),
            Expr::And(parts) => {
                let mut bits = self.scope.clone();
                for part in parts {
                    bits.and(&self.eval(part, scored)?);
                }
                Ok(bits)
            }
            Expr::Or(parts) => {
                let mut bits = self.none();
                for part in parts {
                    bits.or(&self.eval(part, scored)?);
                }
                Ok(bits)
            }
            Expr::Not(part) => {
                let mut bits = self.scope.clone();
                bits.and_not(&self.eval(part, false)?);
                Ok(bits)
            }
        }
    }

    /// Runs `visit` over the parts: gives what it visits, and leaves the weighted counts in `counts`.
    fn gather(
        &mut self,
        mut visit: impl FnMut(&Segment, &mut Add<'_>) -> Result<(), KeywordError>,
    ) -> Result<Bits, KeywordError> {
        let mut bits = self.none();
        for part in &self.snapshot.parts {
            if (self.cancelled)() {
                return Err(KeywordError::Cancelled);
            }
            let (scope, counts) = (&self.scope, &mut self.counts);
            visit(&part.segment, &mut |docs, occurrences, weight| {
                for (&doc, &count) in docs.iter().zip(occurrences) {
                    let at = part.base + doc;
                    if scope.contains(at) {
                        bits.insert(at);
                        counts[at as usize] += count as f32 * weight;
                    }
                }
            })?;
        }
        Ok(bits)
    }

    /// Empties the counts of what was gathered.
    fn forget(&mut self, bits: &Bits) {
        for at in bits.iter() {
            self.counts[at as usize] = 0.0;
        }
    }

    fn gather_sources(&mut self, sources: &[Source]) -> Result<Bits, KeywordError> {
        self.gather(|segment, add| {
            for source in sources {
                segment.each(source.pool, &source.term, &mut |docs, counts| {
                    add(docs, counts, source.weight);
                })?;
            }
            Ok(())
        })
    }

    /// Adds the notes with a unit's synonyms to `found`; gives the synonyms that the note to explain has.
    fn gather_synonyms(
        &mut self,
        unit: &Unit,
        found: &mut Bits,
    ) -> Result<Vec<String>, KeywordError> {
        let mut used = Vec::new();
        for Synonym { text, sources, slots, weight } in &unit.synonyms {
            let had = self.traced_count();
            found.or(&self.gather_sources(sources)?);
            if !slots.is_empty() {
                found.or(&self.gather_phrase(slots, 0, unit.field, *weight)?);
            }
            if self.traced_count() > had {
                used.push(text.clone());
            }
        }
        Ok(used)
    }

    /// What was gathered so far in the note to explain.
    fn traced_count(&self) -> f32 {
        self.trace.as_ref().map_or(0.0, |(at, _)| self.counts[*at as usize])
    }

    fn gather_prefix(&mut self, unit: &Unit) -> Result<Bits, KeywordError> {
        let cancelled = self.cancelled;
        let span = self.snapshot.span.max(1) as usize;
        let mut complete = true;
        let title = unit.field != Some(Field::Body);
        let body = unit.field != Some(Field::Title);
        let label = stem_term(Origin::Label, "", &unit.text);
        let begun = self.gather(|segment, add| {
            // Each part may cost its share.
            let share = |of: usize| of * segment.max_doc() as usize / span + 1_000;
            let mut pools = Vec::new();
            if body {
                pools.push((Pool::Text, &unit.text, 1.0));
            }
            if title {
                pools.push((Pool::Title, &unit.text, WEIGHTS.title));
            }
            if body && title {
                pools.push((Pool::Stem, &label, WEIGHTS.label));
            }
            for (pool, prefix, weight) in pools {
                complete &= segment.each_prefixed(
                    pool,
                    prefix,
                    (share(PREFIX_TERMS), share(PREFIX_POSTINGS)),
                    &mut || !cancelled(),
                    &mut |docs, counts| add(docs, counts, weight),
                )?;
            }
            if cancelled() { Err(KeywordError::Cancelled) } else { Ok(()) }
        })?;
        self.complete &= complete;
        Ok(begun)
    }

    /// The indexed words within a spelling's reach, with how many documents have them.
    fn spelt_like(
        &self,
        spelling: &Spelling<'_>,
        unit: &Unit,
    ) -> Result<FxHashMap<String, u32>, KeywordError> {
        let mut similar: FxHashMap<String, u32> = FxHashMap::default();
        for (pool, _) in searched_pools(unit.field) {
            for part in &self.snapshot.parts {
                self.poll()?;
                part.segment.similar(
                    pool,
                    spelling,
                    &mut |term, count| match similar.get_mut(term) {
                        Some(known) => *known += count,
                        None => {
                            similar.insert(term.to_owned(), count);
                        }
                    },
                )?;
            }
        }
        Ok(similar)
    }

    /// The indexed words that are spelt nearly like the unit, with their distance from it, the
    /// nearest first; none if it is too short to tell.
    fn similar(&mut self, unit: &Unit) -> Result<Vec<(usize, String)>, KeywordError> {
        let chars = unit.text.chars().count();
        let distance: u8 = match chars {
            0..4 => return Ok(Vec::new()),
            4..8 => 1,
            _ => 2,
        };
        if unit.shape != Shape::Word
            || self.fuzzy_left == 0
            || unit.text.bytes().any(|b| b.is_ascii_digit())
        {
            return Ok(Vec::new());
        }
        self.fuzzy_left -= 1;
        let mut spelling = Spelling::new(&unit.text, distance, unit.prefix)?;
        let mut similar = self.spelt_like(&spelling, unit)?;
        if similar.is_empty() && distance > 1 {
            // Its first letter may be the wrong one.
            spelling = Spelling::new(&unit.text, 1, unit.prefix)?;
            similar = self.spelt_like(&spelling, unit)?;
        }
        let first = unit.text.chars().next();
        let mut ranked: Vec<(usize, Reverse<u32>, String)> = similar
            .into_iter()
            .map(|(term, count)| {
                // A wrong first letter is the rarest of slips.
                let edits = spelling.edits(&term) * 2 + usize::from(term.chars().next() != first);
                (edits, Reverse(count), term)
            })
            .collect();
        ranked.sort_unstable();
        ranked.truncate(MAX_SIMILAR);
        Ok(ranked.into_iter().map(|(edits, _, term)| (edits, term)).collect())
    }

    /// The notes with words spelt nearly like the unit. `told`: the person is told of it.
    fn gather_similar(&mut self, unit: &Unit, told: bool) -> Result<Bits, KeywordError> {
        let similar = self.similar(unit)?;
        let others = similar.iter().map(|(_, term)| term).filter(|term| **term != unit.text);
        let others: Vec<String> = others.take(MAX_CORRECTED).cloned().collect();
        if told && !others.is_empty() && !unit.prefix {
            self.corrected.push((unit.text.clone(), others));
        }
        let sources: Vec<Source> = similar
            .into_iter()
            .flat_map(|(edits, term)| {
                let weight = 1.0 / (1.0 + edits as f32 * 0.5);
                let mut sources = Vec::new();
                if unit.field != Some(Field::Title) {
                    sources.push(Source { pool: Pool::Text, term: term.clone(), weight });
                }
                if unit.field != Some(Field::Body) {
                    let weight = weight * WEIGHTS.title;
                    sources.push(Source { pool: Pool::Title, term, weight });
                }
                sources
            })
            .collect();
        self.gather_sources(&sources)
    }

    /// Inverse document frequency as Lucene has it.
    fn idf(&self, df: usize) -> f32 {
        let (n, df) = (self.snapshot.notes.max(df) as f32, df as f32);
        (1.0 + (n - df + 0.5) / (df + 0.5)).ln()
    }

    /// Adds the BM25 score of what was gathered, taken as the occurrences of one word.
    fn score(&mut self, gathered: &Bits, weight: f32, label: &dyn Fn() -> String) {
        let df = gathered.len();
        let idf = self.idf(df);
        let (flat, steep) = (K1 * (1.0 - B), K1 * B / self.average_length);
        let most = weight * idf * (K1 + 1.0);
        for part in &self.snapshot.parts {
            let length = part.segment.lengths();
            for at in gathered.iter_between(part.base, part.base + part.segment.max_doc()) {
                let count = std::mem::take(&mut self.counts[at as usize]);
                let length = f32::from(length.of(at - part.base));
                let score = most * count / (count + flat + steep * length);
                self.scores[at as usize] += score;
                if let Some((traced, lines)) = &mut self.trace
                    && *traced == at
                {
                    lines.push(format!(
                        "{score:.3} = {}: count {count:.2}, in {df} notes (idf {idf:.2}), {length} words long{}",
                        label(),
                        if weight == 1.0 { String::new() } else { format!(", weight {weight:.2}") },
                    ));
                }
            }
        }
    }

    /// Everything that matches one unit; scores it.
    fn unit(&mut self, unit: &Unit, scored: bool) -> Result<(Bits, f32), KeywordError> {
        let mut found = self.gather_sources(&unit.sources)?;
        let used = self.gather_synonyms(unit, &mut found)?;
        let mut idf = self.idf(found.len());
        self.take_up(&found, scored, 1.0, &|| match used.as_slice() {
            [] => unit.text.clone(),
            used => format!("{} (with synonyms: {})", unit.text, used.join(", ")),
        });
        if unit.prefix {
            let begun = self.gather_prefix(unit)?;
            let weight = if unit.shape == Shape::Last { 1.0 } else { PREFIX_WEIGHT };
            self.take_up(&begun, scored, weight, &|| format!("{}*", unit.text));
            if !begun.is_empty() {
                idf = self.idf(begun.len());
            }
            found.or(&begun);
        }
        let mut forgiven = false;
        if found.len() <= FEW_HITS {
            let similar = self.gather_similar(unit, found.is_empty())?;
            self.take_up(&similar, scored, 0.5, &|| format!("like {}", unit.text));
            found.or(&similar);
            forgiven = !similar.is_empty();
        }
        if scored && self.asked.len() < MAX_ASKED {
            self.asked.push((found.clone(), idf));
        }
        Ok((found, if forgiven { 0.0 } else { idf }))
    }

    /// Scores what was gathered, or empties its counts.
    fn take_up(&mut self, gathered: &Bits, scored: bool, weight: f32, label: &dyn Fn() -> String) {
        if scored {
            self.score(gathered, weight, label);
        } else {
            self.forget(gathered);
        }
    }

    fn words(&mut self, words: &[Word], scored: bool) -> Result<Bits, KeywordError> {
        let planned = self.planner.words(words, self.snapshot.languages);
        let mut planned: Vec<PlannedWord> = planned.into_iter().filter(|word| !word.stop).collect();
        if planned.len() > MAX_WORDS {
            planned = self.rarest(planned)?;
        }
        // In a long text a word more or less makes no difference.
        if planned.len() > LONG_GROUP {
            self.fuzzy_left = 0;
        }
        let mut group = self.none();
        let short = scored && (2..=SHORT_GROUP).contains(&planned.len());
        let mut all = short.then(|| self.scope.clone());
        let mut most = 0.0;
        let mut previous: Option<(Unit, f32)> = None;
        let mut slots: Vec<Slot> = Vec::new();
        let mut field = None;
        for word in planned {
            let mut sets = Vec::with_capacity(word.units.len());
            let dense = word.units.iter().all(|unit| unit.shape != Shape::Word);
            let mut best = 0.0f32;
            for unit in word.units {
                let (found, idf) = self.unit(&unit, scored)?;
                sets.push(found);
                best += idf;
                if short {
                    field = unit.field;
                    slots.push((unit.position, unit.text.clone(), false));
                }
                if scored {
                    // Passages are measured in words, which characters of scripts without spaces are not.
                    if unit.field != Some(Field::Title) && unit.shape == Shape::Word {
                        self.passage_words.push(PassageWord { text: unit.text.clone(), idf });
                    }
                    if let Some((first, first_idf)) = previous.take()
                        && self.pairs.len() < MAX_PAIRS
                        && first.field == unit.field
                    {
                        self.pairs.push(Pair {
                            gap: unit.position - first.position,
                            first,
                            second: unit.clone(),
                            weight: first_idf.min(idf) * PROXIMITY_WEIGHT,
                        });
                    }
                    previous = Some((unit, idf));
                }
            }
            let mut found = self.none();
            for alternative in &word.alternatives {
                let mut both = self.scope.clone();
                for &unit in alternative {
                    both.and(&sets[unit]);
                }
                found.or(&both);
            }
            // A run without spaces that no note has whole: a part of it is better than nothing.
            if found.is_empty() && dense {
                sets.iter().for_each(|set| found.or(set));
            }
            if let Some(all) = &mut all {
                all.and(&found);
                most += best;
            }
            group.or(&found);
        }
        if let Some(all) = all {
            let bonus = most * ALL_WORDS_WEIGHT;
            for at in all.iter() {
                self.scores[at as usize] += bonus;
            }
            if let Some((traced, lines)) = &mut self.trace
                && all.contains(*traced)
            {
                lines.push(format!("{bonus:.3} = all words"));
            }
            self.phrases.push(ShortPhrase { slots, field, bonus });
        }
        Ok(group)
    }

    /// The words that fewest notes have, in their order.
    fn rarest(&self, planned: Vec<PlannedWord>) -> Result<Vec<PlannedWord>, KeywordError> {
        let mut counted = Vec::with_capacity(planned.len());
        for (index, word) in planned.into_iter().enumerate() {
            self.poll()?;
            let mut count = 0u64;
            for unit in &word.units {
                for part in &self.snapshot.parts {
                    count += u64::from(part.segment.count(Pool::Text, &unit.text)?);
                }
            }
            // Words that are nowhere come last: they find nothing.
            counted.push((count == 0, count, index, word));
        }
        counted.sort_by_key(|(nowhere, count, index, _)| (*nowhere, *count, *index));
        counted.truncate(MAX_WORDS);
        counted.sort_by_key(|(_, _, index, _)| *index);
        Ok(counted.into_iter().map(|(_, _, _, word)| word).collect())
    }

    fn phrase(
        &mut self,
        text: &str,
        slop: u32,
        field: Option<Field>,
        scored: bool,
    ) -> Result<Bits, KeywordError> {
        let slots = self.planner.phrase(text);
        if slots.is_empty() {
            return Ok(self.none());
        }
        let found = self.gather_phrase(&slots, slop, field, 1.0)?;
        self.take_up(&found, scored, slots.len() as f32, &|| format!("\"{text}\""));
        Ok(found)
    }

    fn gather_phrase(
        &mut self,
        slots: &[Slot],
        slop: u32,
        field: Option<Field>,
        factor: f32,
    ) -> Result<Bits, KeywordError> {
        let pools = searched_pools(field);
        let cancelled = self.cancelled;
        self.gather(|segment, add| {
            for &(pool, weight) in &pools {
                phrase_in_segment(segment, pool, slots, slop, cancelled, &mut |doc, count| {
                    add(&[doc], &[count], weight * factor);
                })?;
            }
            Ok(())
        })
    }

    fn facet(&mut self, facet: &Facet<'_>) -> Result<Bits, KeywordError> {
        let term = facet.term();
        let mut bits = self.none();
        for part in &self.snapshot.parts {
            part.segment
                .each(Pool::Filter, &term, &mut |docs, _| bits.insert_all(part.base, docs))?;
        }
        bits.and(&self.scope);
        Ok(bits)
    }

    fn filter(&mut self, filter: &Filter) -> Result<Bits, KeywordError> {
        match filter {
            Filter::Tag(tag) => self.facet(&Facet::Tag(note::fold(tag).trim_matches('/'))),
            Filter::Notebook(path) => {
                self.facet(&Facet::Notebook(note::fold(path).trim_matches('/')))
            }
            Filter::Kind(kind) => self.facet(&Facet::Kind(*kind)),
            Filter::Created(range) => Ok(self.within(range, true)),
            Filter::Updated(range) => Ok(self.within(range, false)),
            Filter::Is(IsFlag::Todo) => self.facet(&Facet::OpenTask),
            Filter::Is(IsFlag::Done) => {
                let mut bits = self.facet(&Facet::Task)?;
                bits.and_not(&self.facet(&Facet::OpenTask)?);
                Ok(bits)
            }
            Filter::Is(IsFlag::Pinned) => self.facet(&Facet::Pinned),
            Filter::Is(IsFlag::Trashed) => self.facet(&Facet::Trashed),
            Filter::Has(HasFlag::Task) => self.facet(&Facet::Task),
            Filter::Has(HasFlag::Link) => self.facet(&Facet::Link),
            Filter::Has(HasFlag::Attachment) => self.facet(&Facet::Attachment),
            Filter::Has(HasFlag::Image) => self.facet(&Facet::Image),
            Filter::LinksTo(name) => self.facet(&Facet::LinksTo(name)),
            Filter::Due(days) => self.due(days),
        }
    }

    fn due(&self, days: &DayRange) -> Result<Bits, KeywordError> {
        let prefix = Facet::Due("").term();
        let mut bits = self.none();
        for part in &self.snapshot.parts {
            for term in part.segment.terms_prefixed(Pool::Filter, &prefix, MAX_DAYS)? {
                if days.contains(&term[prefix.len()..]) {
                    part.segment.each(Pool::Filter, &term, &mut |docs, _| {
                        bits.insert_all(part.base, docs);
                    })?;
                }
            }
        }
        bits.and(&self.scope);
        Ok(bits)
    }

    fn within(&self, range: &TimeRange, created: bool) -> Bits {
        let from = range.from.map_or(i64::MIN, |from| from.0);
        let until = range.until.map_or(i64::MAX, |until| until.0.saturating_sub(1));
        let mut bits = self.none();
        if from <= until {
            for part in &self.snapshot.parts {
                part.segment.within(created, from..=until, &mut |doc| bits.insert(part.base + doc));
            }
        }
        bits.and(&self.scope);
        bits
    }

    /// Notes whose title is the whole query.
    fn exact_titles(&mut self, expr: &Expr) -> Result<Bits, KeywordError> {
        let Some(texts) = whole_text(expr) else { return Ok(self.none()) };
        let words = self.planner.joined(texts.into_iter());
        if words.is_empty() {
            return Ok(self.none());
        }
        self.facet(&Facet::Title(&words))
    }

    /// Adds to the scores of `ats` for query neighbours that stand together there.
    fn score_neighbours(&mut self, ats: &[u32]) -> Result<(), KeywordError> {
        let pairs = std::mem::take(&mut self.pairs);
        let phrases = std::mem::take(&mut self.phrases);
        if pairs.is_empty() {
            return Ok(());
        }
        let mut sorted = ats.to_vec();
        sorted.sort_unstable();
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        for part in &self.snapshot.parts {
            let end = part.base + part.segment.max_doc();
            let from = sorted.partition_point(|&at| at < part.base);
            let until = sorted.partition_point(|&at| at < end);
            if from == until {
                continue;
            }
            for phrase in &phrases {
                let mut together: Vec<u32> = Vec::new();
                for (pool, _) in searched_pools(phrase.field) {
                    let docs = sorted[from..until].iter().map(|at| at - part.base);
                    let mut visit = |doc, _| together.push(part.base + doc);
                    phrase_in(
                        &part.segment,
                        pool,
                        &phrase.slots,
                        0,
                        docs,
                        self.cancelled,
                        &mut visit,
                    )?;
                }
                together.sort_unstable();
                together.dedup();
                for at in together {
                    self.scores[at as usize] += phrase.bonus;
                    if let Some((traced, lines)) = &mut self.trace
                        && *traced == at
                    {
                        lines.push(format!("{:.3} = as a phrase", phrase.bonus));
                    }
                }
            }
            for pair in &pairs {
                self.poll()?;
                for pool in [Pool::Text, Pool::Title] {
                    let Some(mut first) = part.segment.positions(pool, &pair.first.text)? else {
                        continue;
                    };
                    let Some(mut second) = part.segment.positions(pool, &pair.second.text)? else {
                        continue;
                    };
                    for &at in &sorted[from..until] {
                        firsts.clear();
                        seconds.clear();
                        first.read(at - part.base, &mut firsts);
                        if firsts.is_empty() {
                            continue;
                        }
                        second.read(at - part.base, &mut seconds);
                        let near = nearness(&firsts, &seconds, pair.gap);
                        let bonus = near * pair.weight;
                        self.scores[at as usize] += bonus;
                        if let Some((traced, lines)) = &mut self.trace
                            && *traced == at
                            && bonus > 0.0
                        {
                            lines.push(format!(
                                "{bonus:.3} = {} near {}",
                                pair.first.text, pair.second.text
                            ));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Evaluation<'_> {
    /// Adds to the scores of those of `ats` that are long: what their best passage would have as a
    /// note of its own beyond what the whole has. A long note that deals with the matter in one place
    /// is so as good as a short one.
    fn score_passages(&mut self, ats: &[u32]) -> Result<(), KeywordError> {
        let mut words = std::mem::take(&mut self.passage_words);
        words.sort_by(|a, b| b.idf.total_cmp(&a.idf));
        words.truncate(PASSAGE_WORDS);
        let mut sorted = ats.to_vec();
        sorted.sort_unstable();
        let (flat, steep) = (K1 * (1.0 - B), K1 * B / self.average_length);
        for part in &self.snapshot.parts {
            let end = part.base + part.segment.max_doc();
            let from = sorted.partition_point(|&at| at < part.base);
            let until = sorted.partition_point(|&at| at < end);
            let length = part.segment.lengths();
            let docs = sorted[from..until].iter().map(|at| at - part.base);
            let long: Vec<u32> = docs.filter(|&doc| length.of(doc) > LONG_NOTE).collect();
            if long.is_empty() {
                continue;
            }
            // Of each note, where the words stand: position and word.
            let mut places: Vec<Vec<(u32, usize)>> = vec![Vec::new(); long.len()];
            let mut positions = Vec::new();
            for (index, word) in words.iter().enumerate() {
                self.poll()?;
                let Some(mut reader) = part.segment.positions(Pool::Text, &word.text)? else {
                    continue;
                };
                for (&doc, places) in long.iter().zip(&mut places) {
                    positions.clear();
                    reader.read(doc, &mut positions);
                    places.extend(positions.iter().map(|&position| (position, index)));
                }
            }
            for (&doc, places) in long.iter().zip(&mut places) {
                places.sort_unstable();
                let worth = |word: usize, count: u32, length: f32| {
                    let count = count as f32;
                    words[word].idf * (K1 + 1.0) * count / (count + flat + steep * length)
                };
                let mut counts = vec![0; words.len()];
                places.iter().for_each(|&(_, word)| counts[word] += 1);
                let length = f32::from(length.of(doc));
                let whole: f32 = counts
                    .iter()
                    .enumerate()
                    .map(|(word, &count)| worth(word, count, length))
                    .sum();
                let best = best_passage(places, words.len(), |word, count| {
                    worth(word, count, PASSAGE_LENGTH)
                });
                let bonus = (best - whole).max(0.0) * PASSAGE_WEIGHT;
                let at = part.base + doc;
                self.scores[at as usize] += bonus;
                if let Some((traced, lines)) = &mut self.trace
                    && *traced == at
                    && bonus > 0.0
                {
                    lines.push(format!("{bonus:.3} = its best passage"));
                }
            }
        }
        Ok(())
    }
}

/// The most that the counts of `words` words are worth together in any [`PASSAGE`] of the ascending
/// places.
fn best_passage(places: &[(u32, usize)], words: usize, worth: impl Fn(usize, u32) -> f32) -> f32 {
    let mut counts = vec![0; words];
    let (mut from, mut sum, mut best) = (0, 0.0f32, 0.0f32);
    for &(position, word) in places {
        sum += worth(word, counts[word] + 1) - worth(word, counts[word]);
        counts[word] += 1;
        while places[from].0 + PASSAGE <= position {
            let word = places[from].1;
            sum -= worth(word, counts[word]) - worth(word, counts[word] - 1);
            counts[word] -= 1;
            from += 1;
        }
        best = best.max(sum);
    }
    best
}

/// 1 for two words that stand as in the query, less the farther apart, 0 beyond [`NEAR`].
fn nearness(firsts: &[u32], seconds: &[u32], gap: u32) -> f32 {
    let mut best = 0.0f32;
    let mut from = 0;
    for &first in firsts {
        while from < seconds.len() && seconds[from] + NEAR < first {
            from += 1;
        }
        for &second in &seconds[from..] {
            if second > first + NEAR + gap {
                break;
            }
            let near = if second == first + gap {
                1.0
            } else {
                let off = (second as f32 - first as f32 - gap as f32).abs();
                0.5 / (1.0 + off)
            };
            best = best.max(near);
        }
        if best == 1.0 {
            break;
        }
    }
    best
}

/// Where the words of a field stand, and their weights.
fn searched_pools(field: Option<Field>) -> Vec<(Pool, f32)> {
    let mut pools = Vec::new();
    if field != Some(Field::Title) {
        pools.push((Pool::Text, 1.0));
    }
    if field != Some(Field::Body) {
        pools.push((Pool::Title, WEIGHTS.title));
    }
    pools
}

/// The terms that may stand at each slot.
fn slot_terms(
    segment: &Segment,
    pool: Pool,
    slots: &[Slot],
) -> Result<Vec<Vec<String>>, KeywordError> {
    /// Words that a single character may begin.
    const ALTERNATIVES: usize = 256;
    let mut terms: Vec<Vec<String>> = Vec::with_capacity(slots.len());
    for (_, text, open) in slots {
        terms.push(if *open {
            segment.terms_prefixed(pool, text, ALTERNATIVES)?
        } else {
            vec![text.clone()]
        });
    }
    Ok(terms)
}

/// Visits the documents in which the slots' words follow each other, with how often they do.
fn phrase_in_segment(
    segment: &Segment,
    pool: Pool,
    slots: &[Slot],
    slop: u32,
    cancelled: &(dyn Fn() -> bool + Sync),
    visit: &mut dyn FnMut(u32, u32),
) -> Result<(), KeywordError> {
    let terms = slot_terms(segment, pool, slots)?;
    // Documents with all of the words, by the rarest first.
    let mut order: Vec<(u64, usize)> = Vec::with_capacity(slots.len());
    for (index, alternatives) in terms.iter().enumerate() {
        let mut count = 0;
        for term in alternatives {
            count += u64::from(segment.count(pool, term)?);
        }
        if count == 0 {
            return Ok(());
        }
        order.push((count, index));
    }
    order.sort_unstable();
    let mut candidates: Option<Bits> = None;
    for &(_, index) in &order {
        if cancelled() {
            return Err(KeywordError::Cancelled);
        }
        let mut bits = Bits::new(segment.max_doc() as usize);
        for term in &terms[index] {
            segment.each(pool, term, &mut |docs, _| bits.insert_all(0, docs))?;
        }
        match &mut candidates {
            Some(candidates) => candidates.and(&bits),
            None => candidates = Some(bits),
        }
        if candidates.as_ref().is_some_and(Bits::is_empty) {
            return Ok(());
        }
    }
    let Some(candidates) = candidates else { return Ok(()) };
    phrase_in(segment, pool, slots, slop, candidates.iter(), cancelled, visit)
}

/// As [`phrase_in_segment`], among some documents, which must ascend.
fn phrase_in(
    segment: &Segment,
    pool: Pool,
    slots: &[Slot],
    slop: u32,
    docs: impl Iterator<Item = u32>,
    cancelled: &(dyn Fn() -> bool + Sync),
    visit: &mut dyn FnMut(u32, u32),
) -> Result<(), KeywordError> {
    let mut readers: Vec<Vec<Positions<'_>>> = Vec::with_capacity(slots.len());
    for alternatives in slot_terms(segment, pool, slots)? {
        let mut row = Vec::with_capacity(alternatives.len());
        for term in &alternatives {
            row.extend(segment.positions(pool, term)?);
        }
        if row.is_empty() {
            return Ok(());
        }
        readers.push(row);
    }
    let mut places: Vec<Vec<u32>> = vec![Vec::new(); slots.len()];
    for (number, doc) in docs.enumerate() {
        if number % 256 == 255 && cancelled() {
            return Err(KeywordError::Cancelled);
        }
        for (row, places) in readers.iter_mut().zip(&mut places) {
            places.clear();
            for reader in row.iter_mut() {
                reader.read(doc, places);
            }
            if row.len() > 1 {
                places.sort_unstable();
            }
            if places.is_empty() {
                break;
            }
        }
        if places.iter().any(Vec::is_empty) {
            places.iter_mut().for_each(Vec::clear);
            continue;
        }
        let count = occurrences(&places, slots, slop);
        if count > 0 {
            visit(doc, count);
        }
    }
    Ok(())
}

/// How many first words are followed by the others in order, with at most `slop` words between.
fn occurrences(places: &[Vec<u32>], slots: &[Slot], slop: u32) -> u32 {
    let mut from = vec![0usize; places.len()];
    let mut count = 0;
    'starts: for &start in &places[0] {
        let mut at = start;
        let mut left = slop;
        for (index, (row, from)) in places.iter().zip(&mut from).enumerate().skip(1) {
            let least = at + (slots[index].0 - slots[index - 1].0);
            while *from < row.len() && row[*from] < least {
                *from += 1;
            }
            let Some(&next) = row.get(*from) else { break 'starts };
            let Some(rest) = left.checked_sub(next - least) else { continue 'starts };
            (left, at) = (rest, next);
        }
        count += 1;
    }
    count
}

/// What to find, and which part of the hits to return.
pub(crate) struct Request<'a> {
    pub(crate) query: &'a Query,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

fn is_scored(expr: &Expr) -> bool {
    let mut scored = false;
    asked_for(expr, &mut |_| scored = true);
    scored
}

pub(crate) fn search(
    snapshot: &Arc<Snapshot>,
    planner: &mut Planner,
    request: &Request<'_>,
) -> Result<KeywordHits, KeywordError> {
    let expr = &request.query.expr;
    let by_score = is_scored(expr) && request.query.sort == Sort::Relevance;
    let scored = is_scored(expr);
    let mut evaluation = Evaluation::new(snapshot, planner, expr, request.cancelled);
    let found = evaluation.eval(expr, scored)?;
    evaluation.poll()?;
    let titles = if scored { evaluation.exact_titles(expr)? } else { evaluation.none() };
    let wanted = request.offset.saturating_add(request.limit);
    let (total, complete) = (found.len(), evaluation.complete);
    let ranked: Vec<u32> = if by_score {
        evaluation.by_score(&found, &titles, wanted)?
    } else {
        by_column(snapshot, &found, request.query.sort, wanted)?
    };
    let hits = ranked
        .iter()
        .skip(request.offset)
        .take(request.limit)
        .map(|&at| {
            let (segment, doc) = snapshot.place(at);
            KeywordHit {
                note: segment.id(doc),
                score: evaluation.scores[at as usize],
                title_exact: titles.contains(at),
                updated: Timestamp(segment.updated(doc)),
            }
        })
        .collect();
    let corrected = std::mem::take(&mut evaluation.corrected);
    let coverage = ranked.first().map_or(0.0, |&at| evaluation.coverage(at));
    evaluation.finish();
    let matching = Matching { snapshot: Arc::clone(snapshot), bits: found };
    Ok(KeywordHits { hits, total, complete, corrected, coverage, matching })
}

impl Evaluation<'_> {
    /// The best `wanted` of `found`: exact titles, then by score, then by note.
    fn by_score(
        &mut self,
        found: &Bits,
        titles: &Bits,
        wanted: usize,
    ) -> Result<Vec<u32>, KeywordError> {
        let keep = wanted.max(RERANKED);
        let mut ranked: Vec<u32> = Vec::with_capacity(2 * keep);
        // What is below the worst of `keep` found so far is passed over at the cost of a look.
        let mut floor = f32::NEG_INFINITY;
        for at in found.iter() {
            if self.scores[at as usize] < floor && !titles.contains(at) {
                continue;
            }
            ranked.push(at);
            if ranked.len() >= 2 * keep {
                ranked.select_nth_unstable_by(keep - 1, |a, b| self.order(titles, *a, *b));
                ranked.truncate(keep);
                let worst = ranked[keep - 1];
                if !titles.contains(worst) {
                    floor = self.scores[worst as usize];
                }
            }
        }
        self.rank(&mut ranked, titles, keep);
        let reranked = ranked.len().min(RERANKED);
        self.score_neighbours(&ranked[..reranked])?;
        self.score_passages(&ranked[..reranked])?;
        let mut first = ranked[..reranked].to_vec();
        self.rank(&mut first, titles, reranked);
        ranked[..reranked].copy_from_slice(&first);
        Ok(ranked)
    }

    /// The share of the words asked for, weighed by how rare they are, that a document has; 1 where
    /// only phrases were asked for.
    fn coverage(&self, at: u32) -> f32 {
        let (mut all, mut held) = (0.0, 0.0);
        for (found, idf) in &self.asked {
            all += idf;
            held += if found.contains(at) { *idf } else { 0.0 };
        }
        if all > 0.0 { held / all } else { 1.0 }
    }

    /// Sorts and keeps the best `keep`.
    fn rank(&self, ats: &mut Vec<u32>, titles: &Bits, keep: usize) {
        if ats.len() > keep && keep > 0 {
            ats.select_nth_unstable_by(keep - 1, |a, b| self.order(titles, *a, *b));
            ats.truncate(keep);
        }
        ats.sort_unstable_by(|a, b| self.order(titles, *a, *b));
    }

    fn order(&self, titles: &Bits, a: u32, b: u32) -> Ordering {
        titles
            .contains(b)
            .cmp(&titles.contains(a))
            .then_with(|| self.scores[b as usize].total_cmp(&self.scores[a as usize]))
            .then_with(|| self.snapshot.id(a).cmp(&self.snapshot.id(b)))
    }

    /// Gives the room for numbers back, for the next evaluation.
    fn finish(self) {
        self.planner.scores = self.scores;
        self.planner.counts = self.counts;
    }
}

/// The first `wanted` of `found` in the order of a column, then by note.
fn by_column(
    snapshot: &Snapshot,
    found: &Bits,
    sort: Sort,
    wanted: usize,
) -> Result<Vec<u32>, KeywordError> {
    fn first<K: Ord>(mut keyed: Vec<(K, NoteId, u32)>, wanted: usize) -> Vec<(K, NoteId, u32)> {
        if keyed.len() > wanted && wanted > 0 {
            keyed.select_nth_unstable(wanted - 1);
        }
        keyed.truncate(wanted);
        keyed.sort_unstable();
        keyed
    }
    let strip =
        |keyed: Vec<(Reverse<i64>, NoteId, u32)>| keyed.into_iter().map(|(_, _, at)| at).collect();
    match sort {
        Sort::Title => {
            // Within a segment ranks say the order; between segments only the titles do.
            let mut titled: Vec<(String, NoteId, u32)> = Vec::new();
            for part in &snapshot.parts {
                let mut ranked = Vec::new();
                for doc in 0..part.segment.max_doc() {
                    if found.contains(part.base + doc) {
                        let rank = part.segment.title_rank(doc).map_or(0, |rank| rank + 1);
                        ranked.push((rank, part.segment.id(doc), doc));
                    }
                }
                let in_memory = matches!(&*part.segment, Segment::Fresh(_));
                let ranked = if in_memory { ranked } else { first(ranked, wanted) };
                for (_, id, doc) in ranked {
                    titled.push((part.segment.sort_title(doc)?, id, part.base + doc));
                }
            }
            Ok(first(titled, wanted).into_iter().map(|(_, _, at)| at).collect())
        }
        sort => {
            let keyed = found
                .iter()
                .map(|at| {
                    let (segment, doc) = snapshot.place(at);
                    let time = match sort {
                        Sort::Created => segment.created(doc),
                        _ => segment.updated(doc),
                    };
                    (Reverse(time), segment.id(doc), at)
                })
                .collect();
            Ok(strip(first(keyed, wanted)))
        }
    }
}

/// The documents that match, without scoring.
pub(crate) fn matches(
    snapshot: &Snapshot,
    planner: &mut Planner,
    expr: &Expr,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Bits, KeywordError> {
    let mut evaluation = Evaluation::new(snapshot, planner, expr, cancelled);
    let found = evaluation.eval(expr, false)?;
    evaluation.finish();
    Ok(found)
}

/// The notes that match, without scoring.
pub(crate) fn matching(
    snapshot: &Snapshot,
    planner: &mut Planner,
    expr: &Expr,
) -> Result<NoteSet, KeywordError> {
    let found = matches(snapshot, planner, expr, &|| false)?;
    let mut notes = NoteSet::default();
    for part in &snapshot.parts {
        for at in found.iter_between(part.base, part.base + part.segment.max_doc()) {
            notes.insert(part.segment.id(at - part.base));
        }
    }
    Ok(notes)
}

/// The words asked for, in quotes or not, that no note has, each with the nearest word that one has.
pub(crate) fn misspelt(
    snapshot: &Snapshot,
    planner: &mut Planner,
    query: &Query,
) -> Result<Vec<(String, String)>, KeywordError> {
    let mut asked: Vec<Word> = Vec::new();
    asked_for(&query.expr, &mut |expr| match expr {
        Expr::Words(words) => asked.extend(words.iter().cloned()),
        Expr::Phrase { text, field, .. } => {
            let words = text.split_whitespace();
            asked.extend(words.map(|word| Word {
                text: word.to_owned(),
                prefix: false,
                field: *field,
            }));
        }
        _ => {}
    });
    let mut evaluation = Evaluation::new(snapshot, planner, &query.expr, &|| false);
    let planned = evaluation.planner.words(&asked, snapshot.languages);
    let mut found = Vec::new();
    for unit in planned.into_iter().flat_map(|word| word.units) {
        let there = evaluation.gather_sources(&unit.sources)?;
        evaluation.forget(&there);
        if there.is_empty()
            && let Some((_, nearest)) = evaluation.similar(&unit)?.into_iter().next()
        {
            found.push((unit.text, nearest));
        }
    }
    evaluation.finish();
    Ok(found)
}

/// How a note's score came about; `None` if it is no hit.
pub(crate) fn explain(
    snapshot: &Snapshot,
    planner: &mut Planner,
    query: &Query,
    note: NoteId,
) -> Result<Option<String>, KeywordError> {
    let Some(at) = snapshot.find(note)? else { return Ok(None) };
    let mut evaluation = Evaluation::new(snapshot, planner, &query.expr, &|| false);
    evaluation.trace = Some((at, Vec::new()));
    let found = evaluation.eval(&query.expr, true)?;
    if !found.contains(at) {
        return Ok(None);
    }
    evaluation.score_neighbours(&[at])?;
    evaluation.score_passages(&[at])?;
    let titles = evaluation.exact_titles(&query.expr)?;
    let mut lines = vec![format!("{:.3} by words", evaluation.scores[at as usize])];
    if titles.contains(at) {
        lines.push("first: its title is the query".to_owned());
    }
    if let Some((_, parts)) = evaluation.trace {
        lines.extend(parts);
    }
    Ok(Some(lines.join("\n")))
}
