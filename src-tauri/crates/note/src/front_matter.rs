use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use jiff::civil;
use saphyr_parser::{Event, Parser};

use crate::Timestamp;

/// What Commonplace reads of a note's YAML front matter. Unknown keys stay in the raw text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrontMatter {
    pub title: Option<String>,
    /// `tags`, `tag`, `keywords`: a list, or one string with commas or spaces; without `#`.
    pub tags: Vec<String>,
    pub aliases: Vec<String>,
    pub created: Option<Timestamp>,
    pub updated: Option<Timestamp>,
    pub pinned: bool,
    /// Notebook path as written by an export.
    pub notebook: Option<String>,
    /// Word of [`crate::Kind`] as written by an export.
    pub kind: Option<String>,
}

/// What a key of front matter is set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FrontValue<'a> {
    Text(&'a str),
    List(&'a [String]),
    Bool(bool),
}

/// More than this many bytes of YAML are kept, but not read.
const MAX_YAML: usize = 256 * 1024;

/// Nesting below this holds nothing that is read here.
const MAX_DEPTH: usize = 32;

/// The value of one top-level key, as far as it is of use.
#[derive(Clone, Debug)]
enum Value<'a> {
    Scalar(Cow<'a, str>),
    List(Vec<Cow<'a, str>>),
    /// Mappings, aliases and other things that mean nothing here.
    Other,
}

impl FrontMatter {
    /// Reads YAML; what is malformed is ignored, never an error: the raw text is kept anyway.
    pub fn parse(yaml: &str) -> FrontMatter {
        let mut front = FrontMatter::default();
        if yaml.trim().is_empty() || yaml.len() > MAX_YAML {
            return front;
        }
        let values = read_values(yaml);
        let get = |names: &[&str]| names.iter().find_map(|name| values.get(*name));
        let text = |names: &[&str]| match get(names) {
            Some(Value::Scalar(text)) => {
                Some(text.trim()).filter(|t| !t.is_empty() && *t != "~" && *t != "null")
            }
            _ => None,
        };
        let time = |names: &[&str]| text(names).and_then(read_time);
        front.title = text(&["title"]).map(str::to_owned);
        for name in ["tags", "tag", "keywords"] {
            let separators: &[char] = if name == "keywords" { &[','] } else { &[',', ' '] };
            for tag in values.get(name).map(|value| items(value, separators)).unwrap_or_default() {
                let tag = tag.trim_start_matches('#').trim_matches('/');
                if !tag.is_empty() && !front.tags.iter().any(|known| known == tag) {
                    front.tags.push(tag.to_owned());
                }
            }
        }
        for name in ["aliases", "alias"] {
            front
                .aliases
                .extend(values.get(name).map(|value| items(value, &[','])).unwrap_or_default());
        }
        front.created = time(&["created", "date", "created_at", "date created"]);
        front.updated = time(&["updated", "modified", "updated_at", "lastmod", "date modified"]);
        front.pinned = text(&["pinned"]).is_some_and(|word| {
            word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("yes")
        });
        front.notebook = text(&["notebook"]).map(str::to_owned);
        front.kind = text(&["kind"]).map(str::to_owned);
        front
    }
}

/// The items of a list, or of one string cut at the separators.
fn items(value: &Value<'_>, separators: &[char]) -> Vec<String> {
    let texts: Vec<&str> = match value {
        Value::Scalar(text) => text.split(separators).collect(),
        Value::List(list) => list.iter().map(AsRef::as_ref).collect(),
        Value::Other => Vec::new(),
    };
    texts.into_iter().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// An ISO date, with or without a time and a zone; without a zone it is taken as UTC.
fn read_time(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(moment.as_millisecond()));
    }
    let local = text
        .parse::<civil::DateTime>()
        .or_else(|_| text.parse::<civil::Date>().map(civil::DateTime::from))
        .ok()?;
    let moment = jiff::tz::Offset::UTC.to_timestamp(local).ok()?;
    Some(Timestamp(moment.as_millisecond()))
}

/// Keys in lower case with their values; the first of doubles. Where the YAML breaks off, the rest
/// is read key by key.
fn read_values(yaml: &str) -> HashMap<String, Value<'_>> {
    let mut whole = HashMap::new();
    if read_events(yaml, &mut whole) {
        return whole;
    }
    let mut values = HashMap::new();
    for entry in entries(yaml) {
        let mut one = HashMap::new();
        if !read_events(&yaml[entry.range.clone()], &mut one) {
            // As in `title: Lease: the end`, which is not YAML but is often written.
            let (_, rest) = yaml[entry.range.clone()].split_once(':').unwrap_or_default();
            let rest = rest.trim();
            one.clear();
            if !rest.is_empty()
                && !rest.contains('\n')
                && !rest.starts_with(['[', '{', '&', '*', '!'])
            {
                one.insert(entry.key.to_lowercase(), Value::Scalar(Cow::Borrowed(rest)));
            }
        }
        for (key, value) in one {
            values.entry(key).or_insert(value);
        }
    }
    for (key, value) in whole {
        values.entry(key).or_insert(value);
    }
    values
}

/// Reads the top-level mapping from the parser's events, so that no tree is ever built: aliases
/// cannot multiply and depth cannot overflow. False if the YAML is malformed.
fn read_events<'a>(yaml: &'a str, values: &mut HashMap<String, Value<'a>>) -> bool {
    let mut parser = Parser::new_from_str(yaml);
    let mut depth = 0usize;
    let mut key: Option<String> = None;
    let mut list: Option<Vec<Cow<'a, str>>> = None;
    // A key may be a list or a mapping itself: it is no word, so its value is of no use.
    let mut in_key = false;
    while let Some(event) = parser.next_event() {
        let Ok((event, _)) = event else { return false };
        let mut value = None;
        match event {
            Event::Scalar(text, ..) => match (depth, &mut list) {
                (1, _) if key.is_none() => key = Some(text.trim().to_lowercase()),
                (1, _) => value = Some(Value::Scalar(text)),
                (2, Some(list)) => list.push(text),
                _ => {}
            },
            Event::Alias(_) if depth == 1 => {
                if key.is_none() {
                    key = Some(String::new());
                } else {
                    value = Some(Value::Other);
                }
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if depth == 0 && matches!(event, Event::SequenceStart(..)) {
                    return true;
                }
                if depth == 1 {
                    in_key = key.is_none();
                    list = matches!(event, Event::SequenceStart(..)).then(Vec::new);
                }
                depth += 1;
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            Event::SequenceEnd | Event::MappingEnd => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    let items = list.take();
                    if std::mem::take(&mut in_key) {
                        key = Some(String::new());
                    } else {
                        value = Some(items.map_or(Value::Other, Value::List));
                    }
                }
            }
            _ => {}
        }
        if let Some(value) = value
            && let Some(key) = key.take()
        {
            values.entry(key).or_insert(value);
        }
    }
    true
}

struct Entry<'a> {
    key: &'a str,
    range: Range<usize>,
}

/// The lines of each top-level key: from its own line up to the next key's.
fn entries(yaml: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut at = 0;
    for line in yaml.split_inclusive('\n') {
        if let Some(key) = key_of(line) {
            if let Some(last) = entries.last_mut() {
                last.range.end = at;
            }
            entries.push(Entry { key, range: at..yaml.len() });
        }
        at += line.len();
    }
    entries
}

/// The key of a line `key: …` or `"key": …` that is not indented.
fn key_of(line: &str) -> Option<&str> {
    if line.starts_with([' ', '\t', '#', '-', '[', ']', '{', '}', '?']) {
        return None;
    }
    let colon = line
        .match_indices(':')
        .map(|(at, _)| at)
        .find(|at| line[at + 1..].chars().next().is_none_or(char::is_whitespace))?;
    let key = line[..colon].trim();
    let key =
        key.strip_prefix(['"', '\'']).and_then(|k| k.strip_suffix(['"', '\''])).unwrap_or(key);
    (!key.is_empty()).then_some(key)
}

/// Splits `---`-fenced YAML at the very start off a document: `(yaml, rest)`. A byte-order mark
/// before it is skipped; the fence may end in `...`; a fence that never closes is no front matter.
pub fn split_front_matter(text: &str) -> (Option<&str>, &str) {
    let start = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_fence = |line: &str, fence: &str| line.trim_end() == fence;
    let mut lines = start.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| is_fence(line, "---") && line.ends_with('\n'))
    else {
        return (None, text);
    };
    let mut at = first.len();
    for line in lines {
        if is_fence(line, "---") || is_fence(line, "...") {
            return (Some(&start[first.len()..at]), &start[at + line.len()..]);
        }
        at += line.len();
    }
    (None, text)
}

/// Sets keys in raw YAML (without its `---` lines), in place or at the end; every other line stays
/// byte for byte. Line breaks in values become spaces. A key with an empty text or list is taken out.
pub fn render_front_matter(existing_yaml: &str, set: &[(&str, FrontValue<'_>)]) -> String {
    let mut rendered = String::with_capacity(existing_yaml.len() + 64 * set.len());
    let entries = entries(existing_yaml);
    let mut written = vec![false; set.len()];
    let mut kept = 0;
    for entry in &entries {
        let Some(index) = set.iter().position(|(key, _)| key.eq_ignore_ascii_case(entry.key))
        else {
            continue;
        };
        rendered.push_str(&existing_yaml[kept..entry.range.start]);
        let old = &existing_yaml[entry.range.clone()];
        if !std::mem::replace(&mut written[index], true) {
            push_entry(&mut rendered, &set[index]);
        }
        // Comments and blank lines below the value are not part of it.
        kept = entry.range.start + value_end(old);
    }
    rendered.push_str(&existing_yaml[kept..]);
    for (entry, written) in set.iter().zip(written) {
        if !written {
            if !rendered.is_empty() && !rendered.ends_with('\n') {
                rendered.push('\n');
            }
            push_entry(&mut rendered, entry);
        }
    }
    rendered
}

/// Bytes of an entry up to the comments and blank lines at its end.
fn value_end(entry: &str) -> usize {
    let mut end = 0;
    let mut at = 0;
    for line in entry.split_inclusive('\n') {
        at += line.len();
        if end == 0 || !(line.trim().is_empty() || line.starts_with('#')) {
            end = at;
        }
    }
    end
}

fn push_entry(yaml: &mut String, (key, value): &(&str, FrontValue<'_>)) {
    match value {
        FrontValue::Text("") | FrontValue::List([]) => return,
        FrontValue::Text(text) => {
            yaml.push_str(key);
            yaml.push_str(": ");
            push_scalar(yaml, text);
        }
        FrontValue::Bool(set) => {
            yaml.push_str(key);
            yaml.push_str(if *set { ": true" } else { ": false" });
        }
        FrontValue::List(list) => {
            yaml.push_str(key);
            yaml.push(':');
            for item in *list {
                yaml.push_str("\n  - ");
                push_scalar(yaml, item);
            }
        }
    }
    yaml.push('\n');
}

/// Plain where that is safe beyond doubt, else in double quotes.
fn push_scalar(yaml: &mut String, text: &str) {
    let plain = text.starts_with(char::is_alphabetic)
        && !text.ends_with(char::is_whitespace)
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '/' | '.'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
        );
    if plain {
        yaml.push_str(text);
        return;
    }
    yaml.push('"');
    for c in text.chars() {
        match c {
            '"' => yaml.push_str("\\\""),
            '\\' => yaml.push_str("\\\\"),
            '\n' | '\r' => yaml.push(' '),
            '\t' => yaml.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                yaml.push_str(&format!("\\u{:04X}", c as u32))
            }
            c => yaml.push(c),
        }
    }
    yaml.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splits_the_fence() {
        for (text, yaml, rest) in [
            ("---\ntitle: a\n---\nbody", Some("title: a\n"), "body"),
            ("\u{feff}---\r\na: b\r\n---\r\nbody", Some("a: b\r\n"), "body"),
            ("---\n---\nbody", Some(""), "body"),
            ("---\na: b\n...\nbody", Some("a: b\n"), "body"),
            ("---\na: b\n---", Some("a: b\n"), ""),
            ("---\nnever closed", None, "---\nnever closed"),
            ("---", None, "---"),
            ("a\n---\nb\n---\n", None, "a\n---\nb\n---\n"),
            ("---- \na\n---\n", None, "---- \na\n---\n"),
            ("", None, ""),
        ] {
            assert_eq!(split_front_matter(text), (yaml, rest), "{text:?}");
        }
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn reads_what_it_knows() {
        let read = FrontMatter::parse(
            "title: 'The \"lease\"'\ntags:\n  - home\n  - '#lease/2024'\naliases: [Flat, \"Old, flat\"]\ncreated: 2026-03-01\nupdated: 2026-03-01T10:00:00+01:00\npinned: true\nnotebook: Work/Leases\nkind: pdf\nother: {deep: [1, 2]}\n",
        );
        assert_eq!(
            read,
            FrontMatter {
                title: Some("The \"lease\"".into()),
                tags: strings(&["home", "lease/2024"]),
                aliases: strings(&["Flat", "Old, flat"]),
                created: Some(Timestamp(1_772_323_200_000)),
                updated: Some(Timestamp(1_772_355_600_000)),
                pinned: true,
                notebook: Some("Work/Leases".into()),
                kind: Some("pdf".into()),
            }
        );
    }

    #[test]
    fn reads_the_forms_in_use() {
        for (yaml, tags) in [
            ("tags: a, b c", &["a", "b", "c"][..]),
            ("tag: '#a'", &["a"]),
            ("keywords: two words, b", &["two words", "b"]),
            ("tags: [2024, a]\nkeywords: a", &["2024", "a"]),
            ("Tags:\n- a\n- b", &["a", "b"]),
            ("tags:", &[]),
            ("tags: {a: b}", &[]),
            ("tags: [[a, b], c]", &["c"]),
        ] {
            assert_eq!(FrontMatter::parse(yaml).tags, tags, "{yaml}");
        }
        for (yaml, title) in [
            ("title: Lease: the end\ntags: [a]", Some("Lease: the end")),
            ("title: @home\n", Some("@home")),
            ("title: 2024", Some("2024")),
            ("title: |\n  two\n  lines\n", Some("two\nlines")),
            ("bad: [a\ntitle: b", Some("b")),
            ("x: \"open\ntitle: b", Some("b")),
            ("title: [a]", None),
            ("title:", None),
            ("title: ~", None),
            ("- title: a", None),
            ("just text", None),
            ("title: a\ntitle: b", Some("a")),
            ("a: &x foo\ntitle: *x", None),
            ("{title: a}", Some("a")),
            ("? [a]\n: b\ntitle: c", Some("c")),
        ] {
            assert_eq!(FrontMatter::parse(yaml).title.as_deref(), title, "{yaml}");
        }
        for (date, ms) in [
            ("2026-03-01 10:00", Some(1_772_359_200_000)),
            ("2026-03-01T10:00:00Z", Some(1_772_359_200_000)),
            ("2026-03-01T10:00:00.250Z", Some(1_772_359_200_250)),
            ("\"2026-03-01\"", Some(1_772_323_200_000)),
            ("2026-02-30", None),
            ("soon", None),
        ] {
            let read = FrontMatter::parse(&format!("date: {date}"));
            assert_eq!(read.created.map(|t| t.0), ms, "{date}");
        }
    }

    #[test]
    fn hostile_yaml_is_harmless() {
        let mut bomb = String::from("a0: &a0 [x, x]\n");
        for level in 1..40 {
            bomb.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1));
        }
        bomb.push_str("title: still here\n");
        assert_eq!(FrontMatter::parse(&bomb).title.as_deref(), Some("still here"));
        for part in [
            "[", "{", "- ", "? ", "a: ", "&a ", "*a\n", "!!", "\"", "a:\n ", "%", "---\n",
            "a: [\n", "- - ", "\t",
        ] {
            FrontMatter::parse(&part.repeat(20_000));
            render_front_matter(&part.repeat(20_000), &[("title", FrontValue::Text("x"))]);
        }
    }

    #[test]
    fn sets_keys_and_keeps_the_rest() {
        let list = strings(&["a", "b: c"]);
        for (yaml, set, rendered) in [
            ("", ("title", FrontValue::Text("A")), "title: A\n"),
            (
                "# why\nx: 1\ntitle: old\n\ny:   2 # z\n",
                ("title", FrontValue::Text("new: 1")),
                "# why\nx: 1\ntitle: \"new: 1\"\n\ny:   2 # z\n",
            ),
            (
                "tags:\n  - x\n- y\n# c\nz: 1",
                ("tags", FrontValue::List(&list)),
                "tags:\n  - a\n  - \"b: c\"\n# c\nz: 1",
            ),
            ("x: 1", ("pinned", FrontValue::Bool(true)), "x: 1\npinned: true\n"),
            ("title: a\nx: 1\n", ("title", FrontValue::Text("")), "x: 1\n"),
            ("Title: a\n", ("title", FrontValue::Text("b")), "title: b\n"),
        ] {
            assert_eq!(render_front_matter(yaml, &[set]), rendered, "{yaml:?}");
        }
    }

    fn awkward() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{1,30}",
            "[-:#'\"{}\\[\\],&*!|>%@` \\\\a~?]{1,12}",
            prop::sample::select(vec![
                "true",
                "null",
                "~",
                "2026-03-01",
                "1e3",
                "0x10",
                "- a",
                "a: b",
                "a #b",
                "'",
                "\\",
                "…"
            ])
            .prop_map(str::to_owned),
        ]
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("something to set", |text| !text.is_empty())
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_back(
            title in awkward(),
            notebook in awkward(),
            aliases in proptest::collection::vec(awkward(), 1..4),
            pinned: bool,
            yaml in "([a-z]{1,5}: [a-z0-9]{0,5}\n|# c\n|l:\n  - a\n|\n|title: 'x'\n|aliases:\n- y\n){0,6}",
        ) {
            prop_assume!(title != "~" && title != "null" && notebook != "~" && notebook != "null");
            let rendered = render_front_matter(&yaml, &[
                ("title", FrontValue::Text(&title)),
                ("notebook", FrontValue::Text(&notebook)),
                ("aliases", FrontValue::List(&aliases)),
                ("pinned", FrontValue::Bool(pinned)),
            ]);
            let read = FrontMatter::parse(&rendered);
            prop_assert_eq!(read.title.as_deref(), Some(title.as_str()), "{}", rendered);
            prop_assert_eq!(read.notebook.as_deref(), Some(notebook.as_str()));
            prop_assert_eq!(read.aliases, aliases);
            prop_assert_eq!(read.pinned, pinned);
        }

        #[test]
        fn any_yaml_is_read(yaml in "(\\PC|[\n:&*\\[{\"' -]|title: |tags:\n - ){0,40}") {
            FrontMatter::parse(&yaml);
            split_front_matter(&yaml);
            render_front_matter(&yaml, &[("title", FrontValue::Text("x"))]);
        }
    }
}
