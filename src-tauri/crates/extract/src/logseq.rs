//! Graphs of Logseq (the file version): pages and journals as outlines in Markdown or org, with
//! `key:: value` properties, task markers and references between blocks.

use std::collections::{BTreeSet, HashMap};

use crate::container::{Files, Outcome, Sink, split};
use crate::links::{self, Change};
use crate::{Attachments, Failure, clean, date, extension, one_line, tag, yaml};

/// Markers of open tasks and of those that are over (Logseq's two workflows).
const OPEN: [&str; 7] = ["TODO", "DOING", "NOW", "LATER", "WAITING", "WAIT", "IN-PROGRESS"];
const OVER: [&str; 3] = ["DONE", "CANCELED", "CANCELLED"];
/// Properties that say how Logseq shows a block.
const INTERNAL: [&str; 12] = [
    "id",
    "collapsed",
    "heading",
    "background-color",
    "logseq.order-list-type",
    "query-table",
    "query-properties",
    "query-sort-by",
    "query-sort-desc",
    "filters",
    "icon",
    "exclude-from-graph-view",
];

/// Where a block is, for references to it: its page's title and its own words.
type Blocks = HashMap<String, (String, String)>;

pub(crate) fn read(files: &mut Files<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let roots: BTreeSet<String> = files
        .left()
        .into_iter()
        .filter_map(|at| files.path(at).strip_suffix("logseq/config.edn").map(str::to_owned))
        .filter(|root| root.is_empty() || root.ends_with('/'))
        .collect();
    for root in roots {
        graph(&root, files, sink);
    }
    Ok(())
}

fn graph(root: &str, files: &mut Files<'_>, sink: &mut Sink<'_>) {
    let mut pages = Vec::new();
    for at in files.left() {
        let Some(path) = files.path(at).strip_prefix(root) else { continue };
        let top = path.split('/').next().unwrap_or_default();
        let is_text = matches!(extension(path).as_str(), "md" | "markdown" | "org");
        match top {
            // The program's own: settings, backups, what was deleted.
            "logseq" => files.done(at),
            "pages" | "journals" if is_text => pages.push(at),
            _ => {}
        }
    }
    let mut blocks = Blocks::new();
    for at in &pages {
        let path = files.path(*at).to_owned();
        if let Ok(document) = read_page(files, *at) {
            let title = title(&path, &document.body).0;
            find_blocks(&title, &document.body, &mut blocks);
        }
    }
    for at in pages {
        if sink.stopped() {
            return;
        }
        let path = files.path(at).to_owned();
        let (folder, _) = split(&path);
        let folder = folder.to_owned();
        let read = read_page(files, at);
        files.done(at);
        let mut document = match read {
            Ok(document) => document,
            Err(reason) => {
                sink.failed(&path, reason);
                continue;
            }
        };
        let (title, day) = title(&path, &document.body);
        let (properties, body) = page_properties(&document.body);
        let mut lost = BTreeSet::new();
        let body = outline(body, &blocks, &mut lost);
        let mut attachments = Attachments { files: std::mem::take(&mut document.attachments) };
        document.body = links::rewrite(&body, &mut |link| {
            if link.wiki && !link.embed {
                return None;
            }
            let at = files.find(&folder, &link.target)?;
            if matches!(extension(files.path(at)).as_str(), "md" | "org") {
                return None;
            }
            files.attach(at, &mut attachments).map(Change::Target)
        });
        document.attachments = attachments.files;
        for (key, value) in &properties {
            let list =
                || value.split([',', '，']).map(|item| item.trim_matches(['[', ']', ' ', '#']));
            match key.as_str() {
                "tags" | "tag" => document.tags.extend(list().filter_map(tag)),
                "alias" | "aliases" => {
                    let names: Vec<String> = list()
                        .filter_map(one_line)
                        .map(|name| format!("\"{}\"", name.replace(['"', '\\'], "")))
                        .collect();
                    document.front_matter.push_str(&format!("aliases: [{}]\n", names.join(", ")));
                }
                "title" => {}
                "created-at" | "created" => {
                    document.created_ms = moment(value).or(document.created_ms)
                }
                "updated-at" | "updated" => {
                    document.updated_ms = moment(value).or(document.updated_ms)
                }
                key if INTERNAL.contains(&key) => {}
                key => document.front_matter.push_str(&yaml(&[(key, Some(value))])),
            }
        }
        if !lost.is_empty() {
            let ids: Vec<String> = lost.into_iter().take(20).collect();
            document
                .warnings
                .push(format!("Blocks that it refers to were not found: {}.", ids.join(", ")));
        }
        document.title = Some(title);
        document.created_ms = day.as_deref().and_then(date::parse).or(document.created_ms);
        document.updated_ms = document.updated_ms.or(files.file(at).modified_ms);
        document.kind = "logseq";
        document.keep_original = false;
        let notebook = if day.is_some() { "journals" } else { "" };
        let graph = root.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        sink.document(&path, &crate::container::joined(graph, notebook), document);
    }
    for at in files.all() {
        if files.was_attached(at) && files.path(at).starts_with(root) {
            files.done(at);
            sink.put(files.path(at), "", Outcome::Attached);
        }
    }
}

fn read_page(files: &mut Files<'_>, at: usize) -> Result<crate::Extracted, String> {
    let bytes = files.read(at)?;
    let (_, name) = split(files.path(at));
    crate::container::read_document(name, &bytes)
}

fn moment(value: &str) -> Option<i64> {
    value
        .parse::<i64>()
        .ok()
        .filter(|time| *time > 100_000_000_000)
        .or_else(|| date::parse_written(value))
}

/// A page's title, and the day if it is a journal's: of its `title::`, else of its file's name.
fn title(path: &str, body: &str) -> (String, Option<String>) {
    let (dir, name) = split(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let given = page_properties(body).0.into_iter().find(|(key, _)| key == "title");
    // `a___b` and `a%2Fb` are pages within pages.
    let decoded = String::from_utf8_lossy(&clean::percent_decoded(stem)).replace("___", "/");
    let mut day = None;
    if dir.ends_with("journals") {
        let iso = stem.replace(['_', '.'], "-");
        day = iso
            .get(..10)
            .filter(|iso| iso.len() == stem.len() && date::parse(iso).is_some())
            .map(str::to_owned);
    }
    let title = given.and_then(|(_, title)| one_line(&title));
    (
        title
            .or_else(|| day.clone())
            .or_else(|| one_line(&decoded))
            .unwrap_or_else(|| stem.to_owned()),
        day,
    )
}

/// `key:: value` of one line.
fn property(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.trim().split_once("::")?;
    let key_like = !key.is_empty()
        && key.len() < 60
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '?'));
    (key_like && (value.is_empty() || value.starts_with(' ')))
        .then(|| (key.to_lowercase(), value.trim()))
}

/// The properties that a page opens with, and the rest of it.
fn page_properties(body: &str) -> (Vec<(String, String)>, &str) {
    let mut properties = Vec::new();
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let text = line.trim();
        let text = text.strip_prefix("- ").filter(|_| properties.is_empty()).unwrap_or(text);
        match property(text) {
            Some((key, value)) => properties.push((key, value.to_owned())),
            None if text.is_empty() => {}
            None => break,
        }
        at += line.len();
    }
    if properties.is_empty() { (properties, body) } else { (properties, &body[at..]) }
}

/// Blocks that say their id, with the first line of their words.
fn find_blocks(page: &str, body: &str, blocks: &mut Blocks) {
    let mut words = String::new();
    for line in body.lines() {
        let text = line.trim_start();
        if let Some(block) = text.strip_prefix("- ") {
            words = block.to_owned();
        } else if let Some((key, id)) = property(text)
            && key == "id"
        {
            let shown = without_marker(&words).1.trim_start_matches('#').trim();
            let shown: String = shown.chars().take(120).collect();
            blocks.insert(id.to_lowercase(), (page.to_owned(), shown));
        }
    }
}

/// Whether a block's words begin with a marker of a task, whether it is over, and the words after it.
fn without_marker(words: &str) -> (Option<bool>, &str) {
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    if OPEN.contains(&first) {
        (Some(false), rest)
    } else if OVER.contains(&first) {
        (Some(true), rest)
    } else {
        (None, words)
    }
}

/// An outline as Markdown that other apps read: tasks with boxes, dates as due dates, references as links.
fn outline(body: &str, blocks: &Blocks, lost: &mut BTreeSet<String>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let (mut fenced, mut in_log) = (false, false);
    for line in body.lines() {
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        if text.starts_with("```") || text.starts_with("- ```") {
            fenced = !fenced;
            lines.push(line.to_owned());
            continue;
        }
        if fenced {
            lines.push(line.to_owned());
            continue;
        }
        if text.starts_with(":LOGBOOK:") || text.starts_with(":PROPERTIES:") {
            in_log = true;
        }
        if in_log {
            in_log = !text.starts_with(":END:");
            continue;
        }
        let planned = ["SCHEDULED:", "DEADLINE:"].iter().find_map(|key| text.strip_prefix(key));
        if let Some(when) = planned {
            let day = when
                .trim()
                .trim_start_matches('<')
                .get(..10)
                .filter(|day| date::parse(day).is_some());
            if let (Some(day), Some(task)) = (day, lines.last_mut()) {
                task.push_str(&format!(" 📅 {day}"));
            }
            continue;
        }
        if let Some((key, value)) = property(text) {
            if !INTERNAL.contains(&key.as_str()) && !value.is_empty() {
                lines.push(format!("{indent}{key}:: {}", references(value, blocks, lost)));
            }
            continue;
        }
        let (bullet, words) = match text.strip_prefix("- ") {
            Some(words) => ("- ", words),
            None => ("", text),
        };
        let (state, rest) = if bullet.is_empty() { (None, words) } else { without_marker(words) };
        let mark = match state {
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
            None => "",
        };
        lines.push(format!("{indent}{bullet}{mark}{}", references(rest, blocks, lost)));
    }
    let mut out = lines.join("\n");
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// `((id))` as the words of that block, linked to its page; embeds as embeds.
fn references(text: &str, blocks: &Blocks, lost: &mut BTreeSet<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(mut at) = rest.find("((") {
        // A link's own parenthesis may stand before those of a reference.
        at += usize::from(rest[at + 2..].starts_with('('));
        let id = rest[at + 2..].split("))").next().unwrap_or_default();
        let is_id = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        let closed = rest[at + 2 + id.len()..].starts_with("))");
        if !is_id || !closed {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        }
        let mut before = &rest[..at];
        rest = &rest[at + 2 + id.len() + 2..];
        if let Some(embed) = before.trim_end().strip_suffix("{{embed") {
            before = embed;
            rest = rest.trim_start().strip_prefix("}}").unwrap_or(rest);
        }
        // `[words](((id)))`
        let labelled = before.strip_suffix("](").and_then(|before| before.rsplit_once('['));
        let label = labelled.map(|(_, label)| label);
        if let Some((head, _)) = labelled {
            before = head;
            rest = rest.strip_prefix(')').unwrap_or(rest);
        }
        out.push_str(before);
        match blocks.get(&id.to_lowercase()) {
            Some((page, words)) => {
                let shown = label.unwrap_or(words);
                let shown: String =
                    shown.chars().filter(|c| !matches!(c, '[' | ']' | '|')).collect();
                out.push_str(&links::to_note(page, None, &shown));
            }
            None => {
                lost.insert(id.to_owned());
                out.push_str(label.unwrap_or(id));
            }
        }
    }
    out.push_str(rest);
    let mut shown = out.replace("{{embed [[", "![[");
    if shown.len() != out.len() {
        shown = shown.replace("]]}}", "]]").replace("]] }}", "]]");
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;
    use crate::Extracted;
    use crate::container::{Item, read_container};
    use crate::package::zip_of;

    #[test]
    fn graphs() {
        let id = "65b0a1c2-0000-4000-8000-000000000001";
        let page = format!(
            "title:: Home/Plan\ntags:: one, [[two words]]\nalias:: The plan\nstatus:: \"open\"\n\n- TODO Buy milk\n  DEADLINE: <2024-01-31 Wed>\n  :LOGBOOK:\n  CLOCK: x\n  :END:\n- DONE Sleep\n\t- A block\n\t  id:: {id}\n\t  collapsed:: true\n- ![p](../assets/p.png)\n- ```\n  TODO code\n  ```\n"
        );
        let journal = format!(
            "- See (({id})) and [it](((65b0a1c2-0000-4000-8000-00000000dead)))\n- {{{{embed [[Home/Plan]]}}}}\n"
        );
        let zip = zip_of(&[
            ("g/logseq/config.edn", "{}"),
            ("g/logseq/bak/x.md", "old"),
            ("g/pages/Home___Plan.md", &page),
            ("g/journals/2024_01_15.md", &journal),
            ("g/assets/p.png", "PNG"),
        ]);
        let mut items: Vec<Item> = Vec::new();
        read_container("g.zip", &mut Cursor::new(zip), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })
        .expect("a graph");
        assert_eq!(items.len(), 3, "{items:?}");
        let document = |title: &str| -> (&Item, &Extracted) {
            let found = items.iter().find_map(|item| match &item.outcome {
                Outcome::Document(read) if read.title.as_deref() == Some(title) => {
                    Some((item, &**read))
                }
                _ => None,
            });
            found.expect("a page")
        };
        let (item, page) = document("Home/Plan");
        assert_eq!(item.notebook, "g");
        assert_eq!(
            page.body,
            "- [ ] Buy milk 📅 2024-01-31\n- [x] Sleep\n\t- A block\n- ![p](p.png)\n- ```\n  TODO code\n  ```\n"
        );
        assert_eq!(page.tags, ["one", "two-words"]);
        assert_eq!(page.front_matter, "aliases: [\"The plan\"]\nstatus: \"\\\"open\\\"\"\n");
        let (item, journal) = document("2024-01-15");
        assert_eq!(item.notebook, "g/journals");
        assert_eq!(journal.body, "- See [[Home/Plan|A block]] and it\n- ![[Home/Plan]]\n");
        assert_eq!((journal.created_ms, journal.warnings.len()), (Some(1_705_276_800_000), 1));
    }
}
