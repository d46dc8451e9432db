//! Sentences of a note's body, by blocks of Markdown and by the rules of Unicode.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// What a full stop does not end a sentence after.
const ABBREVIATIONS: &str = " dr mr mrs ms prof st sr jr vs etc no nr ca approx inc ltd co corp vol \
    fig ed eds al cf resp bzw ggf evtl usw jan feb mar apr jun jul aug sep sept oct nov dec okt dez ";

/// The sentences of a part of a body, in order, as byte ranges of the body without the white space and the
/// list or heading marks around them. A line that begins with such a mark begins a sentence; a table row is one.
pub fn sentences(body: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut block: Option<Range<usize>> = None;
    let mut at = range.start;
    for line in body[range].split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let mark = mark_length(line);
        let is_blank = line.trim().is_empty();
        if is_blank || mark > 0 || is_whole(line) {
            found.extend(block.take().into_iter().flat_map(|block| split(body, block)));
        }
        if is_blank {
            continue;
        }
        match &mut block {
            Some(block) => block.end = end,
            None => block = Some(start + mark..end),
        }
        if is_whole(line) {
            found.extend(block.take().into_iter().flat_map(|block| split(body, block)));
        }
    }
    found.extend(block.into_iter().flat_map(|block| split(body, block)));
    found
}

/// A heading or a table row: never goes on in the next line.
fn is_whole(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('|') || line.starts_with('#')
}

/// Bytes of what marks a list item, a task, a heading or a quote before its text.
fn mark_length(line: &str) -> usize {
    let mut rest = line.trim_start();
    let strip = |rest: &mut &str| {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let marks: usize = match rest.as_bytes() {
            [b'-' | b'*' | b'+', b' ', ..] => 1,
            [b'>', ..] => 1,
            [b'#', ..] => rest.len() - rest.trim_start_matches('#').len(),
            _ if (1..4).contains(&digits)
                && (rest[digits..].starts_with(". ") || rest[digits..].starts_with(") ")) =>
            {
                digits + 1
            }
            [b'[', _, b']', b' ', ..] => 3,
            _ => 0,
        };
        *rest = rest[marks..].trim_start();
        marks > 0
    };
    let mut marked = false;
    while strip(&mut rest) {
        marked = true;
    }
    if marked { line.len() - rest.len() } else { 0 }
}

fn split(body: &str, block: Range<usize>) -> Vec<Range<usize>> {
    // A line's end within a block is only white space.
    let text = body[block.clone()].replace(['\n', '\r'], " ");
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut goes_on = false;
    for (at, part) in text.split_sentence_bound_indices() {
        let start = block.start + at;
        match found.last_mut() {
            Some(last) if goes_on => last.end = start + part.len(),
            _ => found.push(start..start + part.len()),
        }
        goes_on = ends_short(part);
    }
    found.into_iter().filter_map(|range| trimmed(body, range)).collect()
}

/// Whether a part ends with an abbreviation or an initial, so that its sentence goes on.
fn ends_short(part: &str) -> bool {
    let Some(words) = part.trim_end().strip_suffix('.') else { return false };
    let word = words.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let mut chars = word.chars();
    match (chars.next(), chars.next()) {
        (Some(initial), None) => initial.is_uppercase(),
        (Some(_), Some(_)) => ABBREVIATIONS.contains(&format!(" {} ", word.to_lowercase())),
        (None, _) => false,
    }
}

fn trimmed(body: &str, range: Range<usize>) -> Option<Range<usize>> {
    let text = &body[range.clone()];
    let start = range.start + text.len() - text.trim_start().len();
    let end = range.start + text.trim_end().len();
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_at_sentences_and_blocks() {
        for (body, expected) in [
            ("", vec![]),
            ("One. Two! Three?", vec!["One.", "Two!", "Three?"]),
            (
                "It cost 3.5 euros. Dr. A. B. Smith paid.",
                vec!["It cost 3.5 euros.", "Dr. A. B. Smith paid."],
            ),
            ("A line\nthat goes on. Next", vec!["A line\nthat goes on.", "Next"]),
            ("# Head\nText\n\nMore", vec!["Head", "Text", "More"]),
            (
                "- [ ] Call Ada\n- [x] Pay\n  rent\n1. First",
                vec!["Call Ada", "Pay\n  rent", "First"],
            ),
            ("> said. So\n| a | b |\n| c | d |", vec!["said.", "So", "| a | b |", "| c | d |"]),
            ("東京です。はい。", vec!["東京です。", "はい。"]),
        ] {
            let found: Vec<&str> =
                sentences(body, 0..body.len()).into_iter().map(|range| &body[range]).collect();
            assert_eq!(found, expected, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_ordered_ranges(body in "(\\PC|[-#>|. \\n]|1\\. |Dr\\. ){0,60}") {
            let mut end = 0;
            for range in sentences(&body, 0..body.len()) {
                prop_assert!(range.start >= end && range.start < range.end);
                prop_assert_eq!(body[range.clone()].trim(), &body[range.clone()]);
                end = range.end;
            }
        }
    }
}
