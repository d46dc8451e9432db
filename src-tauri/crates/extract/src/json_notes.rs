//! JSON that holds many notes: Roam's export, and a line of JSON for each note as scripts write it.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use crate::container::{Sink, notebook_name, path_of};
use crate::{Extracted, Failure, date, links, one_line, tag, text, yaml};

/// Blocks below this are set at this level: indentation would outgrow the text.
const MAX_LEVEL: usize = 32;
/// A longer line is no note's.
const MAX_LINE: u64 = 64 << 20;

/// Whether JSON that starts so is Roam's: a list of pages with blocks.
pub(crate) fn is_roam(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    head.starts_with('[')
        && (head.contains("\"string\"") || head.contains("\"title\""))
        && ["\"create-time\"", "\"edit-time\"", "\":create/user\"", "\"uid\""]
            .iter()
            .any(|key| head.contains(key))
}

pub(crate) fn roam(bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Failure> {
    let source = text::decode(bytes, None).0;
    let damaged = |error: serde_json::Error| Failure::Damaged(error.to_string());
    let pages: Vec<Value> = serde_json::from_str(&source).map_err(damaged)?;
    drop(source);
    let mut blocks = HashMap::new();
    for page in &pages {
        let title = page["title"].as_str().unwrap_or_default();
        find_blocks(page, title, 0, &mut blocks);
    }
    for page in &pages {
        let Some(title) = page["title"].as_str().and_then(one_line) else { continue };
        let mut body = String::new();
        for block in page["children"].as_array().into_iter().flatten() {
            set(block, 0, &blocks, &mut body);
        }
        let time = |key: &str| page[key].as_i64().filter(|time| *time > 0);
        let (created_ms, updated_ms) = (time("create-time"), time("edit-time"));
        let path = path_of(&title);
        let document = Extracted {
            title: Some(title),
            body,
            kind: "roam",
            created_ms: created_ms.or_else(|| first_time(page)),
            updated_ms,
            ..Extracted::default()
        };
        if !sink.document(&path, "", document) {
            break;
        }
    }
    Ok(())
}

fn first_time(page: &Value) -> Option<i64> {
    let children = page["children"].as_array()?;
    children.iter().filter_map(|block| block["create-time"].as_i64()).min()
}

fn find_blocks<'a>(
    parent: &'a Value,
    page: &'a str,
    level: usize,
    blocks: &mut HashMap<&'a str, (&'a str, &'a str)>,
) {
    for block in parent["children"].as_array().into_iter().flatten() {
        if let (Some(id), Some(words)) = (block["uid"].as_str(), block["string"].as_str()) {
            blocks.insert(id, (page, words));
        }
        if level < 512 {
            find_blocks(block, page, level + 1, blocks);
        }
    }
}

/// One block and those below it, as items of a list.
fn set(block: &Value, level: usize, blocks: &HashMap<&str, (&str, &str)>, out: &mut String) {
    let words = text::tidy(block["string"].as_str().unwrap_or_default());
    let words = markdown(&words, blocks);
    let indent = "  ".repeat(level.min(MAX_LEVEL));
    let heading = block["heading"].as_u64().filter(|n| (1..=6).contains(n));
    let heading = heading.map(|n| format!("{} ", "#".repeat(n as usize))).unwrap_or_default();
    let words = words.trim_end().replace('\n', &format!("\n{indent}  "));
    out.push_str(&format!("{indent}- {heading}{words}\n"));
    if level < 512 {
        for child in block["children"].as_array().into_iter().flatten() {
            set(child, level + 1, blocks, out);
        }
    }
}

/// Roam's marks as Markdown's.
fn markdown(words: &str, blocks: &HashMap<&str, (&str, &str)>) -> String {
    let mut text = words.to_owned();
    for (mark, set) in [
        ("{{[[TODO]]}}", "[ ] "),
        ("{{[[DONE]]}}", "[x] "),
        ("{{TODO}}", "[ ] "),
        ("{{DONE}}", "[x] "),
    ] {
        if let Some(rest) = text.trim_start().strip_prefix(mark) {
            text = format!("{set}{}", rest.trim_start());
        }
    }
    if text.trim_start().starts_with("```") {
        // Its code ends where its last line does, without a line break.
        let body = text.trim_end();
        if let Some(body) =
            body.strip_suffix("```").filter(|body| body.len() > 3 && !body.ends_with('\n'))
        {
            return format!("{body}\n```");
        }
        return text;
    }
    text = in_pairs(&text, "^^", "==");
    text = in_pairs(&text, "__", "*");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("((") {
        let id = rest[at + 2..].split("))").next().unwrap_or_default();
        let closed = rest[at + 2 + id.len()..].starts_with("))");
        let known = blocks.get(id).filter(|_| closed);
        let Some((page, words)) = known else {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        let mut before = &rest[..at];
        rest = &rest[at + 2 + id.len() + 2..];
        for embed in ["{{embed:", "{{[[embed]]:"] {
            if let Some(head) = before.trim_end().strip_suffix(embed) {
                before = head;
                rest = rest.trim_start().strip_prefix("}}").unwrap_or(rest);
            }
        }
        out.push_str(before);
        let shown: String =
            words.chars().filter(|c| !matches!(c, '[' | ']' | '|' | '{' | '}')).take(160).collect();
        out.push_str(&links::to_note(page, None, &shown));
    }
    out.push_str(rest);
    out
}

/// Marks that stand in pairs, as others.
fn in_pairs(text: &str, mark: &str, set: &str) -> String {
    let parts: Vec<&str> = text.split(mark).collect();
    if parts.len() < 3 || parts.len().is_multiple_of(2) {
        return text.to_owned();
    }
    parts.join(set)
}

/// A note of a script.
#[derive(Deserialize)]
struct Line {
    title: Option<String>,
    #[serde(alias = "content", alias = "text")]
    body: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    notebook: Option<String>,
    source: Option<String>,
    author: Option<String>,
    #[serde(alias = "date")]
    created: Option<Value>,
    updated: Option<Value>,
    #[serde(default)]
    pinned: bool,
}

/// Whether lines of JSON are notes: the first has a text, and under these names.
pub(crate) fn are_notes(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let first = head.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty());
    let Some(first) = first.map(str::trim) else { return false };
    if !first.starts_with('{') {
        return false;
    }
    match serde_json::from_str::<Value>(first) {
        Ok(value) => {
            let has = |key: &str| value[key].is_string();
            has("body") || (has("title") && (has("content") || has("text")))
        }
        // Longer than what was looked at.
        Err(error) => error.is_eof() && first.contains("\"body\""),
    }
}

/// A note for each line.
pub(crate) fn lines(source: &mut dyn BufRead, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let mut line = Vec::new();
    let mut number = 0;
    while !sink.stopped() {
        line.clear();
        let read = std::io::Read::take(&mut *source, MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| Failure::Damaged(error.to_string()))? == 0 {
            break;
        }
        number += 1;
        let source = text::decode(&line, None).0;
        let source = source.trim_start_matches('\u{feff}').trim();
        if source.is_empty() {
            continue;
        }
        let note: Line = match serde_json::from_str(source) {
            Ok(note) => note,
            Err(error) => {
                sink.failed(&format!("line {number}"), format!("not a note: {error}"));
                continue;
            }
        };
        let title = note.title.as_deref().and_then(one_line);
        let path = path_of(title.as_deref().unwrap_or(&format!("line {number}")));
        let time = |value: &Option<Value>| {
            let value = value.as_ref()?;
            value.as_str().and_then(date::parse_written).or_else(|| {
                // Seconds, or milliseconds where seconds would be in the far future.
                let number = value.as_f64()?;
                Some(if number.abs() < 1e11 { (number * 1000.0) as i64 } else { number as i64 })
            })
        };
        let notebook = note.notebook.as_deref().unwrap_or_default().split('/').map(notebook_name);
        let notebook = notebook.collect::<Vec<_>>().join("/");
        let mut front_matter =
            yaml(&[("source", note.source.as_deref()), ("author", note.author.as_deref())]);
        if note.pinned {
            front_matter.push_str("pinned: true\n");
        }
        let document = Extracted {
            title,
            body: text::tidy(note.body.as_deref().unwrap_or_default()),
            front_matter,
            tags: note.tags.iter().filter_map(|name| tag(name)).collect(),
            kind: "markdown",
            created_ms: time(&note.created),
            updated_ms: time(&note.updated),
            ..Extracted::default()
        };
        sink.document(&path, &notebook, document);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;
    use crate::container::{Item, Outcome, is_container, read_container};

    fn documents(name: &str, source: &str) -> (Vec<Item>, Vec<Extracted>) {
        assert!(is_container(name, source.as_bytes()), "{source}");
        let mut items = Vec::new();
        read_container(name, &mut Cursor::new(source), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })
        .expect("notes");
        let documents = items.iter().filter_map(|item| match &item.outcome {
            Outcome::Document(read) => Some((**read).clone()),
            _ => None,
        });
        let documents = documents.collect();
        (items, documents)
    }

    #[test]
    fn pages_of_roam() {
        let source = r#"[{"title":"A","create-time":1000,"edit-time":2000,"uid":"p","children":[{"string":"{{[[TODO]]}} do ^^this^^","uid":"abc","children":[{"string":"__deep__ [[B]]","uid":"x"}]},{"string":"Head","heading":2,"uid":"y"}]},{"title":"B","children":[{"string":"see ((abc)) {{embed: ((x))}}","uid":"z"}]}]"#;
        let (_, pages) = documents("r.json", source);
        assert_eq!(pages[0].body, "- [ ] do ==this==\n  - *deep* [[B]]\n- ## Head\n");
        assert_eq!((pages[0].created_ms, pages[0].updated_ms), (Some(1000), Some(2000)));
        assert!(
            pages[1].body.starts_with("- see [") && pages[1].body.contains("[[A|__deep__ B]]"),
            "{}",
            pages[1].body
        );
    }

    #[test]
    fn notes_of_scripts() {
        let source = "{\"title\":\"T\",\"body\":\"a\\nb\",\"tags\":[\"x y\"],\"notebook\":\"N/M\",\"created\":\"1970-01-01T00:00:01Z\",\"updated\":2,\"source\":\"https://x\"}\n\n{\"body\":\"only\"}\n{broken\n";
        let (items, notes) = documents("n.jsonl", source);
        assert_eq!((items.len(), notes.len()), (3, 2));
        assert_eq!((notes[0].title.as_deref(), notes[0].body.as_str()), (Some("T"), "a\nb"));
        assert_eq!((notes[0].created_ms, notes[0].updated_ms), (Some(1000), Some(2000)));
        assert_eq!(items[0].notebook, "N/M");
        assert_eq!(notes[0].tags, ["x-y"]);
        for other in ["{\"time\":1,\"text\":\"log\"}", "[1]", "", "{\"a\":"] {
            assert!(!is_container("n.jsonl", other.as_bytes()), "{other}");
        }
    }
}
