use std::ops::Range;

use pulldown_cmark::{Event, Tag, TagEnd};
use unicode_segmentation::UnicodeSegmentation;

use crate::fold::fold;
use crate::markdown::{PlainText, one_line, parser};

/// A span of one note that is embedded as one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Byte range of the body.
    pub range: Range<usize>,
    /// The headings above the span, outermost first.
    pub heading_path: Vec<String>,
    /// What the model sees: title, heading path and the span's plain text.
    pub text: String,
}

/// Title and heading path may take this part of the budget.
const PREFIX_SHARE: usize = 3;

/// Bytes of a heading that stand in a path; a longer one also stays in the text.
const MAX_HEADING: usize = 240;

/// A chunk with less than this part of the budget is joined to its neighbour if both fit.
const TINY_SHARE: usize = 8;

/// Cuts a note's body by its structure (headings, paragraphs, list items, code, table rows) into
/// chunks of at most `budget` tokens as `measure` counts them, in order. Every byte that is not
/// white space is in exactly one of them. A note with any text, be it only a title, has at least
/// one chunk. A chunk is over the budget only if a single character is.
///
/// `measure` is called once or twice for each block, not for each word.
pub fn chunk(
    title: &str,
    body: &str,
    budget: usize,
    measure: &dyn Fn(&str) -> usize,
) -> Vec<Chunk> {
    let mut note = Outline::read(body);
    if note.text.trim().is_empty() && title.trim().is_empty() {
        return Vec::new();
    }
    if note.blocks.is_empty() {
        note.blocks.push(Block { range: 0..0, text: 0..0, section: 0, heading: false, cost: 0 });
    }
    let mut cutter = Cutter::new(title, body, note, budget.max(1), measure);
    let blocks = cutter.cut_long_blocks();
    let groups = cutter.pack(&blocks);
    let groups = cutter.join_tiny(&blocks, &groups);
    let mut chunks = Vec::with_capacity(groups.len());
    let mut waiting: Vec<Vec<Block>> =
        groups.into_iter().rev().map(|group| blocks[group].to_vec()).collect();
    while let Some(group) = waiting.pop() {
        let (made, fits) = cutter.assemble(&group);
        if fits {
            chunks.push(made);
        } else if let Some((left, right)) = cutter.halve(group) {
            waiting.push(right);
            waiting.push(left);
        } else {
            chunks.push(made);
        }
    }
    chunks
}

/// A block of the body, or a piece of one that was too long.
#[derive(Clone, Debug)]
struct Block {
    /// Of the body; begins where its line begins, ends where the next block begins.
    range: Range<usize>,
    /// Of [`Outline::text`].
    text: Range<usize>,
    /// Index into [`Outline::sections`].
    section: usize,
    heading: bool,
    cost: usize,
}

/// The body as blocks with their plain text.
struct Outline {
    blocks: Vec<Block>,
    /// Heading paths; the first is that of the text before any heading.
    sections: Vec<Vec<String>>,
    text: String,
    /// Where in the body the text comes from, ascending.
    sources: Vec<Source>,
}

/// A run of plain text and the part of the body that it was read from.
struct Source {
    text: Range<usize>,
    body: Range<usize>,
}

impl Outline {
    fn read(body: &str) -> Outline {
        let mut blocks: Vec<Block> = Vec::new();
        let mut sections = vec![Vec::new()];
        let mut sources = Vec::new();
        let mut plain = PlainText::default();
        let mut lines = LineStarts { body, line: 0, seen: 0 };
        let mut open_headings: Vec<(u8, String)> = Vec::new();
        let mut heading_text: Option<PlainText> = None;

        for (event, range) in parser(body).into_offset_iter() {
            let begins = match &event {
                Event::Start(tag) => matches!(
                    tag,
                    Tag::Paragraph
                        | Tag::Heading { .. }
                        | Tag::CodeBlock(_)
                        | Tag::HtmlBlock
                        | Tag::Item
                        | Tag::Table(_)
                        | Tag::TableRow
                        | Tag::FootnoteDefinition(_)
                ),
                Event::Rule => true,
                _ => false,
            };
            if begins {
                let start = if blocks.is_empty() { 0 } else { lines.start_of(range.start) };
                let is_heading = matches!(event, Event::Start(Tag::Heading { .. }));
                if blocks.last().is_none_or(|last| start > last.range.start) {
                    if let Some(last) = blocks.last_mut() {
                        plain.end_line();
                        last.range.end = start;
                        last.text.end = plain.text.len();
                    }
                    blocks.push(Block {
                        range: start..body.len(),
                        text: plain.text.len()..plain.text.len(),
                        section: sections.len() - 1,
                        heading: is_heading,
                        cost: 0,
                    });
                }
            }
            if let Some(heading) = &mut heading_text {
                heading.take(&event);
            }
            match &event {
                Event::Start(Tag::Heading { .. }) => heading_text = Some(PlainText::default()),
                Event::End(TagEnd::Heading(level)) => {
                    let level = *level as u8;
                    let text = heading_text.take().unwrap_or_default().finish();
                    let mut text = one_line(&text);
                    open_headings.retain(|(open, _)| *open < level);
                    if text.len() > MAX_HEADING {
                        text.truncate(text.floor_char_boundary(MAX_HEADING));
                        if let Some(block) = blocks.last_mut() {
                            block.heading = false;
                        }
                    }
                    if !text.is_empty() {
                        open_headings.push((level, text));
                    }
                    sections.push(open_headings.iter().map(|(_, text)| text.clone()).collect());
                    if let Some(block) = blocks.last_mut() {
                        block.section = sections.len() - 1;
                    }
                }
                _ => {}
            }
            let before = plain.text.len();
            plain.take(&event);
            if plain.text.len() > before
                && matches!(event, Event::Text(_) | Event::Code(_) | Event::Html(_))
            {
                sources.push(Source { text: before..plain.text.len(), body: range });
            }
        }
        let text = plain.finish();
        for block in &mut blocks {
            block.text.end = block.text.end.min(text.len());
            block.text.start = block.text.start.min(block.text.end);
        }
        if let Some(last) = blocks.last_mut() {
            last.text.end = text.len();
        } else if !body.trim().is_empty() {
            // Nothing but link definitions and the like.
            let range = 0..body.len();
            blocks.push(Block { range, text: 0..0, section: 0, heading: false, cost: 0 });
        }
        Outline { blocks, sections, text, sources }
    }

    /// Where in the body the text at `offset` begins, as near as can be told, inside `within`.
    fn source_of(&self, body: &str, offset: usize, within: &Range<usize>) -> usize {
        let index = self.sources.partition_point(|source| source.text.start <= offset);
        let Some(source) = index.checked_sub(1).map(|index| &self.sources[index]) else {
            return within.start;
        };
        let into = offset - source.text.start;
        let at = if into >= source.text.len() {
            source.body.end
        } else if source.text.len() == source.body.len() {
            source.body.start + into
        } else {
            // Not word for word (entities, tags): a like share of it.
            source.body.start + source.body.len() * into / source.text.len()
        };
        body.floor_char_boundary(at).clamp(within.start, within.end)
    }
}

/// Finds line starts while going forward only.
struct LineStarts<'a> {
    body: &'a str,
    line: usize,
    seen: usize,
}

impl LineStarts<'_> {
    fn start_of(&mut self, offset: usize) -> usize {
        if offset > self.seen {
            if let Some(newline) =
                self.body.as_bytes()[self.seen..offset].iter().rposition(|&b| b == b'\n')
            {
                self.line = self.seen + newline + 1;
            }
            self.seen = offset;
        }
        self.line
    }
}

struct Cutter<'a> {
    title: &'a str,
    body: &'a str,
    note: Outline,
    budget: usize,
    measure: &'a dyn Fn(&str) -> usize,
    /// What an empty text costs: the model's own marks.
    base: usize,
    /// What title and heading path cost, for each section.
    prefix_costs: Vec<Option<usize>>,
}

impl<'a> Cutter<'a> {
    fn new(
        title: &'a str,
        body: &'a str,
        note: Outline,
        budget: usize,
        measure: &'a dyn Fn(&str) -> usize,
    ) -> Self {
        let prefix_costs = vec![None; note.sections.len()];
        Cutter { title: title.trim(), body, note, budget, measure, base: measure(""), prefix_costs }
    }

    fn cost(&self, text: &str) -> usize {
        match text.trim() {
            "" => 0,
            text => (self.measure)(text).saturating_sub(self.base),
        }
    }

    /// Title and heading path as the model sees them, shortened if they take too much of the budget.
    fn prefix(&self, path: &[String]) -> String {
        let title_again = path.first().is_some_and(|first| fold(first) == fold(self.title));
        let path = if title_again { &path[1..] } else { path };
        let room = self.budget / PREFIX_SHARE;
        let joined = |title: &str, path: &[String]| match (title, path) {
            ("", path) => path.join(" › "),
            (title, []) => title.to_owned(),
            (title, path) => format!("{title}\n{}", path.join(" › ")),
        };
        let full = joined(self.title, path);
        if self.cost(&full) <= room {
            return full;
        }
        // The nearest heading says most of what the span is about.
        let nearest = path.len().saturating_sub(1)..;
        let title = self.fitting(self.title, room / 2);
        self.fitting(&joined(&title, &path[nearest]), room)
    }

    /// The longest beginning that costs at most `room`, by halving, cut at a word.
    fn fitting(&self, text: &str, room: usize) -> String {
        let mut text = text;
        loop {
            let cost = self.cost(text);
            if cost <= room {
                return text.to_owned();
            }
            let share = text.len() as u128 * room as u128 / cost as u128;
            let end = text.floor_char_boundary((share as usize).min(text.len() - 1));
            let end = match text[..end].rfind(char::is_whitespace) {
                Some(space) if space * 2 > end => space,
                _ => end,
            };
            text = text[..end].trim_end();
        }
    }

    /// What is left of the budget for the text of a section.
    fn room(&mut self, section: usize) -> usize {
        let prefix = match self.prefix_costs[section] {
            Some(cost) => cost,
            None => {
                let cost = self.cost(&self.prefix(&self.note.sections[section]));
                self.prefix_costs[section] = Some(cost);
                cost
            }
        };
        // One for the line break between them.
        self.budget.saturating_sub(self.base + prefix + usize::from(prefix > 0)).max(1)
    }

    fn cut_long_blocks(&mut self) -> Vec<Block> {
        let blocks = std::mem::take(&mut self.note.blocks);
        let mut fitting = Vec::with_capacity(blocks.len());
        for mut block in blocks {
            let room = self.room(block.section);
            block.cost = self.cost(&self.note.text[block.text.clone()]);
            // A heading that the prefix has to shorten must stay in the text.
            block.heading &= block.cost <= self.budget / (2 * PREFIX_SHARE);
            if block.cost <= room {
                fitting.push(block);
                continue;
            }
            // Pieces of about the same length, none longer than what fits if all of it is alike.
            let most =
                (block.text.len() as u128 * room as u128 / block.cost as u128).max(1) as usize;
            let mut rest = block;
            while rest.text.len() > most {
                let target = rest.text.len() / rest.text.len().div_ceil(most);
                let Some((mut piece, after)) = self.split(&rest, target, most) else { break };
                piece.cost = self.cost(&self.note.text[piece.text.clone()]);
                fitting.push(piece);
                rest = after;
            }
            rest.cost = self.cost(&self.note.text[rest.text.clone()]);
            fitting.push(rest);
        }
        fitting
    }

    /// Cuts after about `target` bytes of text, at most after `most`: where a sentence ends, else a
    /// word, else a character.
    fn split(&self, block: &Block, target: usize, most: usize) -> Option<(Block, Block)> {
        let text = &self.note.text[block.text.clone()];
        let first = text.chars().next()?.len_utf8();
        let reach = text.floor_char_boundary((target + target / 8).min(most)).max(first);
        if reach >= text.len() {
            return None;
        }
        let window = &text[..reach];
        let enough = target / 2;
        let at = window
            .split_sentence_bound_indices()
            .map(|(at, _)| at)
            .filter(|at| *at > enough)
            .last()
            .or_else(|| {
                let space = window.rfind(char::is_whitespace)?;
                let next = space + window[space..].chars().next()?.len_utf8();
                (next > enough).then_some(next)
            })
            .unwrap_or(reach);
        let text_at = block.text.start + at;
        let least = block.range.start + self.body[block.range.start..].chars().next()?.len_utf8();
        let body_at = self.note.source_of(self.body, text_at, &block.range).max(least);
        if body_at >= block.range.end {
            return None;
        }
        let left = Block {
            range: block.range.start..body_at,
            text: block.text.start..text_at,
            cost: 0,
            ..block.clone()
        };
        let right = Block {
            range: body_at..block.range.end,
            text: text_at..block.text.end,
            heading: false,
            cost: 0,
            ..block.clone()
        };
        Some((left, right))
    }

    /// Groups neighbouring blocks of one section until the budget is reached.
    fn pack(&mut self, blocks: &[Block]) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        while start < blocks.len() {
            let section = blocks[start].section;
            let room = self.room(section);
            let end = start + blocks[start..].iter().take_while(|b| b.section == section).count();
            let first_group = groups.len();
            let (mut from, mut filled) = (start, 0);
            for (at, block) in blocks.iter().enumerate().take(end).skip(start) {
                // Its heading is in the prefix already.
                let cost = if block.heading { 0 } else { block.cost };
                if filled + cost > room && at > from && filled > 0 {
                    groups.push(from..at);
                    (from, filled) = (at, 0);
                }
                filled += cost;
            }
            groups.push(from..end);
            if groups.len() - first_group > 1 {
                balance(blocks, &mut groups);
            }
            start = end;
        }
        groups
    }

    /// Joins what is too short to be found for itself to the text beside it.
    fn join_tiny(&mut self, blocks: &[Block], groups: &[Range<usize>]) -> Vec<Range<usize>> {
        let tiny = self.budget / TINY_SHARE;
        let cost =
            |group: &Range<usize>| blocks[group.clone()].iter().map(|b| b.cost).sum::<usize>();
        let only_headings =
            |group: &Range<usize>| blocks[group.clone()].iter().all(|block| block.heading);
        let mut joined: Vec<(Range<usize>, usize)> = Vec::with_capacity(groups.len());
        for (index, group) in groups.iter().enumerate() {
            let own = cost(group);
            let section = blocks[group.start].section;
            let room = self.room(section);
            if let Some((last, total)) = joined.last_mut() {
                let last_section = blocks[last.start].section;
                let fits = *total + own <= room.min(self.room(last_section));
                let waits = *total < tiny || only_headings(last);
                let joins = (own < tiny || only_headings(group))
                    && !groups.get(index + 1).is_some_and(|next| {
                        // It goes with what follows instead, if it belongs there rather.
                        let next_section = blocks[next.start].section;
                        own + cost(next) <= room.min(self.room(next_section))
                            && (only_headings(group)
                                || self.shared(section, next_section)
                                    > self.shared(section, last_section))
                    });
                if fits && (waits || joins) {
                    last.end = group.end;
                    *total += own;
                    continue;
                }
            }
            joined.push((group.clone(), own));
        }
        joined.into_iter().map(|(group, _)| group).collect()
    }

    /// How many headings two sections have in common.
    fn shared(&self, a: usize, b: usize) -> usize {
        let (a, b) = (&self.note.sections[a], &self.note.sections[b]);
        a.iter().zip(b).take_while(|(a, b)| a == b).count()
    }

    /// The chunk of some blocks, and whether it keeps the budget.
    fn assemble(&self, group: &[Block]) -> (Chunk, bool) {
        let sections = &self.note.sections;
        // A heading alone does not say where the text stands.
        let content = || group.iter().filter(|block| !block.heading);
        let first = &sections[content().next().unwrap_or(&group[0]).section];
        let shared = content().fold(first.len(), |shared, block| {
            let path = &sections[block.section];
            first[..shared].iter().zip(path).take_while(|(a, b)| a == b).count()
        });
        let path = &first[..shared];
        let prefix = self.prefix(path);
        let mut text = prefix;
        for block in group {
            // A heading that is in the path is not said twice.
            if block.heading && path.starts_with(&sections[block.section]) {
                continue;
            }
            let block_text = self.note.text[block.text.clone()].trim();
            if !block_text.is_empty() {
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(block_text);
            }
        }
        let whole = group[0].range.start..group[group.len() - 1].range.end;
        let span = &self.body[whole.clone()];
        let start = whole.start + (span.len() - span.trim_start().len());
        let end = whole.start + span.trim_end().len();
        let fits = (self.measure)(&text) <= self.budget;
        (Chunk { range: start..end.max(start), heading_path: path.to_vec(), text }, fits)
    }

    /// Two halves of what was too much; `None` if it cannot be divided.
    fn halve(&self, mut group: Vec<Block>) -> Option<(Vec<Block>, Vec<Block>)> {
        if group.len() > 1 {
            let right = group.split_off(group.len() / 2);
            return Some((group, right));
        }
        let block = group.pop()?;
        let target = block.text.len() / 2;
        let (left, right) = self.split(&block, target, target)?;
        Some((vec![left], vec![right]))
    }
}

/// Moves blocks from the last group but one to the last one, until they are about equal.
fn balance(blocks: &[Block], groups: &mut [Range<usize>]) {
    let [.., before, last] = groups else { return };
    let cost = |group: &Range<usize>| blocks[group.clone()].iter().map(|b| b.cost).sum::<usize>();
    let (mut left, mut right) = (cost(before), cost(last));
    while before.len() > 1 {
        let moved = blocks[before.end - 1].cost;
        if right + moved > left - moved {
            break;
        }
        before.end -= 1;
        last.start -= 1;
        left -= moved;
        right += moved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn chars(text: &str) -> usize {
        text.chars().count() + 2
    }

    /// Spans ascend, do not overlap, and hold all that is not white space.
    fn check_cover(body: &str, chunks: &[Chunk]) -> Result<(), String> {
        let mut end = 0;
        for chunk in chunks {
            let gap = body.get(end..chunk.range.start).ok_or("not ascending")?;
            if !gap.trim().is_empty() {
                return Err(format!("not covered: {gap:?}"));
            }
            body.get(chunk.range.clone()).ok_or("no whole characters")?;
            end = chunk.range.end;
        }
        let rest = body[end..].trim();
        if rest.is_empty() { Ok(()) } else { Err(format!("not covered: {rest:?}")) }
    }

    fn check(title: &str, body: &str, budget: usize, texts: &[&str]) {
        let chunks = chunk(title, body, budget, &words);
        check_cover(body, &chunks).unwrap();
        let found: Vec<_> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        assert_eq!(found, texts, "{body:?}");
    }

    #[test]
    fn a_short_note_is_one_chunk() {
        check("", "", 10, &[]);
        check(" ", "\n \n", 10, &[]);
        check("T", "", 10, &["T"]);
        check("", "a", 10, &["a"]);
        check("T", "a *b*\n\n- c\n- d", 10, &["T\na b\nc\nd"]);
        check("T", "# H\n\na", 10, &["T\nH\na"]);
        check("T", "# A\n\n## B\n\na", 20, &["T\nA › B\na"]);
        check("T", "# A\n\n# B\n\na", 10, &["T\nB\nA\na"]);
        check("T", "# A\n\n# B", 10, &["T\nA\nB"]);
        check("Lease", "# Lease\n\na", 10, &["Lease\na"]);
        assert_eq!(chunk("", "---\n\n[r]: x\n", 10, &words), []);
    }

    #[test]
    fn sections_are_cut_apart_if_both_are_long_enough() {
        let text = "one two three four five six seven eight nine ten";
        let body = format!("# A\n\n{text}\n\n## B\n\n{text}\n\n# C\n\n{text}");
        let chunks = chunk("T", &body, 20, &words);
        check_cover(&body, &chunks).unwrap();
        let paths: Vec<_> = chunks.iter().map(|c| c.heading_path.join("/")).collect();
        assert_eq!(paths, ["A", "A/B", "C"]);
        assert_eq!(chunks[1].text, format!("T\nA › B\n{text}"));
    }

    #[test]
    fn small_sections_are_joined() {
        let body = "# Log\n\n## Mon\n\na\n\n## Tue\n\nb\n\n## Wed\n\nc";
        check("T", body, 60, &["T\nLog\nMon\na\nTue\nb\nWed\nc"]);
    }

    #[test]
    fn a_heading_goes_with_what_follows_it() {
        let text = "one two three four five six seven eight nine ten";
        let body = format!("# A\n\n{text}\n\n# B\n\n## C\n\n{text}");
        let chunks = chunk("", &body, 40, &words);
        check_cover(&body, &chunks).unwrap();
        let paths: Vec<_> = chunks.iter().map(|c| c.heading_path.join("/")).collect();
        assert_eq!(paths, ["A", "B/C"]);
        assert!(body[chunks[1].range.clone()].starts_with("# B"));
    }

    #[test]
    fn long_blocks_are_cut_at_sentences() {
        let body =
            "One two three four. Five six seven eight. Nine ten eleven twelve. End of it all.";
        let chunks = chunk("", body, 9, &words);
        check_cover(body, &chunks).unwrap();
        assert!(chunks.len() == 2 && chunks.iter().all(|c| c.text.ends_with('.')), "{chunks:?}");
        let body = "- [ ] ".to_owned() + &"wörd ".repeat(100);
        let chunks = chunk("t", &body, 16, &words);
        check_cover(&body, &chunks).unwrap();
        assert!(chunks.iter().all(|c| !c.text.contains("w ") && words(&c.text) <= 16));
        let body = "日本語".repeat(200);
        let chunks = chunk("題", &body, 50, &chars);
        check_cover(&body, &chunks).unwrap();
        assert!(chunks.iter().all(|c| chars(&c.text) <= 50) && chunks.len() < 20);
    }

    #[test]
    fn chunks_are_reasonably_full() {
        let body = "A short paragraph of eight words is here.\n\n".repeat(100);
        let chunks = chunk("Title", &body, 100, &words);
        check_cover(&body, &chunks).unwrap();
        assert!(chunks.len() <= 10, "{}", chunks.len());
        assert!(chunks.iter().all(|c| words(&c.text) >= 40), "{chunks:?}");
    }

    #[test]
    fn measures_each_block_about_once() {
        let calls = Cell::new(0usize);
        let counting = |text: &str| {
            calls.set(calls.get() + 1);
            words(text)
        };
        let body = format!("{}{}", "para graph\n\n".repeat(1000), "word ".repeat(20_000));
        let chunks = chunk("T", &body, 100, &counting);
        assert!(calls.get() <= 1000 + 3 * chunks.len() + 20, "{} calls", calls.get());
    }

    #[test]
    fn large_and_hostile_bodies_end() {
        let many = 100_000;
        for part in [
            "a", "a ", "# a\n", "- a\n", "> ", "- ", "| a ", "[", "é", "a.\n\n", "<p>", "&amp;",
            "`a` ", "\n", "```\n",
        ] {
            let body = part.repeat(many);
            let chunks = chunk("t", &body, 256, &chars);
            check_cover(&body, &chunks).unwrap();
        }
        let headings =
            format!("# {}\n{}", "h".repeat(many), "###### b\n\ntext\n\n".repeat(many / 10));
        check_cover(&headings, &chunk(&"t".repeat(many), &headings, 256, &chars)).unwrap();
    }

    #[test]
    fn notes_of_real_vaults_are_covered() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data/vaults");
        let mut folders = vec![std::path::PathBuf::from(root)];
        if !folders[0].is_dir() {
            println!("skipped: no vaults in ../shared/data");
            return;
        }
        let mut notes = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ext| ext == "md") {
                    let body = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                    let chunks = chunk("A title", &body, 120, &words);
                    assert_eq!(check_cover(&body, &chunks), Ok(()), "{}", path.display());
                    assert!(chunks.iter().all(|c| words(&c.text) <= 120), "{}", path.display());
                    notes += 1;
                }
            }
        }
        assert!(notes > 0);
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_chunk_within_the_budget(
            title in "[a-zé ]{0,20}",
            body in "(\\PC{1,8}|[a-z]{1,9} |# [a-z]{1,8}\n|\n\n|- |> |```\n|\\| a |<b>|&lt;|\\*\\*|1\\. |[a-z]+\\. ){0,60}",
            budget in 6usize..60,
            by_words: bool,
        ) {
            let measure: &dyn Fn(&str) -> usize = if by_words { &words } else { &chars };
            let chunks = chunk(&title, &body, budget, measure);
            if !chunks.is_empty() {
                prop_assert_eq!(check_cover(&body, &chunks), Ok(()));
            } else {
                prop_assert!(title.trim().is_empty());
            }
            for chunk in &chunks {
                prop_assert!(measure(&chunk.text) <= budget, "{:?}", chunk);
            }
        }
    }
}
