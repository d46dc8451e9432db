use unicode_normalization::UnicodeNormalization;

use crate::markdown::plain_text;

/// Longest title taken from a body, in characters.
const DERIVED_TITLE_CHARS: usize = 80;

/// The form in which names and tags are compared: NFKC, lower case, accents stripped.
/// Folding what is folded changes nothing.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut marked = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase).nfkd() {
        match c {
            // й is a letter of its own, not an и with an accent.
            '\u{306}' if marked.ends_with('и') => marked.push(c),
            '\u{300}'..='\u{36f}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}' => {}
            'ß' => marked.push_str("ss"),
            'æ' => marked.push_str("ae"),
            'œ' => marked.push_str("oe"),
            'ø' => marked.push('o'),
            'ł' => marked.push('l'),
            'đ' | 'ð' => marked.push('d'),
            'ı' => marked.push('i'),
            'ς' => marked.push('σ'),
            c => marked.push(c),
        }
    }
    marked.nfc().collect()
}

/// The title shown for a note: its own, or the first line of its text, or "Untitled".
pub fn display_title(title: &str, body: &str) -> String {
    let title = title.trim();
    if !title.is_empty() {
        return title.to_owned();
    }
    let text = plain_text(head(body, DERIVED_TITLE_CHARS * 64));
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => shorten(line, DERIVED_TITLE_CHARS),
        None => "Untitled".to_owned(),
    }
}

/// The beginning of a plain text as one line of at most `max_chars` characters.
pub fn excerpt(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > max_chars.saturating_mul(4) {
            break;
        }
    }
    shorten(&line, max_chars)
}

/// The first lines of a text, about `max` bytes of them. A first line that is longer (a picture's
/// data, say) is taken whole, since half of it would read as something else.
fn head(text: &str, max: usize) -> &str {
    const LONGEST_LINE: usize = 1 << 20;
    if text.len() <= max {
        return text;
    }
    let head = &text[..text.floor_char_boundary(max)];
    match head.rfind('\n') {
        Some(end) => &head[..end],
        None => {
            let end = text[head.len()..].find('\n').map_or(text.len(), |at| head.len() + at);
            &text[..text.floor_char_boundary(end.min(LONGEST_LINE))]
        }
    }
}

/// Cuts at a word if one ends in the second half, and says so with an ellipsis.
fn shorten(line: &str, max_chars: usize) -> String {
    if line.chars().nth(max_chars).is_none() {
        return line.to_owned();
    }
    let Some(room) = max_chars.checked_sub(1) else { return String::new() };
    let cut = line.char_indices().nth(room).map_or(line.len(), |(at, _)| at);
    let kept = &line[..cut];
    let kept = match kept.rfind(char::is_whitespace) {
        Some(space) if !line[cut..].starts_with(char::is_whitespace) && space * 2 > cut => {
            &kept[..space]
        }
        _ => kept,
    };
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folds_names() {
        for (text, folded) in [
            ("Über Größe", "uber grosse"),
            ("ＷＩＤＥ", "wide"),
            ("Crème Brûlée", "creme brulee"),
            ("がぎ", "がぎ"),
            ("한국어", "한국어"),
            ("Мой Ёж", "мой еж"),
            ("İstanbul", "istanbul"),
            ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
            ("Øresund/Łódź", "oresund/lodz"),
            ("ﬁle", "file"),
            ("हिन्दी", "हिन्दी"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn titles_come_from_the_body_if_there_is_none() {
        for (title, body, shown) in [
            (" Lease ", "x", "Lease"),
            ("", "\n\n# The *lease*\n\ntext", "The lease"),
            ("", "- [ ] call [[Anna|her]]", "call her"),
            ("", " \n", "Untitled"),
            ("", "---\n", "Untitled"),
        ] {
            assert_eq!(display_title(title, body), shown);
        }
        let long = display_title("", &"word ".repeat(100));
        assert!(long.chars().count() <= 80 && long.ends_with("word…"), "{long}");
    }

    #[test]
    fn excerpts_are_one_short_line() {
        assert_eq!(excerpt("A\nb c\n d", 200), "A b c d");
        assert_eq!(excerpt("abcdef", 3), "ab…");
        assert_eq!(excerpt("abc", 0), "");
        assert_eq!(excerpt("日本語日本語", 4), "日本語…");
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC*") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn excerpt_keeps_its_length(body in "\\PC{0,200}", max in 0usize..50) {
            prop_assert!(excerpt(&body, max).chars().count() <= max);
        }
    }
}
