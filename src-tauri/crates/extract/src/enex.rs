//! Evernote's export format, ENEX (`evernote-export4.dtd`): notes one after the other in one XML file,
//! each with its text in ENML and its pictures and files in base64. Read as a stream: such files reach
//! many gigabytes.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use md5::{Digest, Md5};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::container::{Outcome, Sink, path_of};
use crate::enml::{self, Resources};
use crate::links::{self, Change};
use crate::{Attachments, Extracted, Failure, clean, inline, one_line, tag, text, yaml};

/// Bytes between two marks of XML: Evernote takes no larger file into a note.
const MAX_EVENT: u64 = 300 << 20;
/// Bytes of files that one note keeps.
const MAX_FILES: usize = 512 << 20;
/// Faults in the file after which the rest is not worth reading.
const MAX_FAULTS: usize = 100;

/// What is known of a note before its end.
#[derive(Default)]
struct Note {
    title: String,
    content: String,
    created: String,
    updated: String,
    tags: Vec<String>,
    author: String,
    source: String,
    place: [String; 2],
    reminder: String,
    reminder_done: String,
    files: Vec<File>,
    size: usize,
    tasks: Vec<Task>,
    warnings: Vec<String>,
}

#[derive(Default)]
struct File {
    name: String,
    mime: String,
    bytes: Vec<u8>,
    source: String,
}

#[derive(Default)]
struct Task {
    title: String,
    group: String,
    status: String,
    flag: String,
    due: String,
    reminder: String,
    weight: String,
}

/// Counts what is read for one event, so that none can fill the memory.
struct Metered<'a> {
    inner: &'a mut dyn BufRead,
    left: u64,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.left == 0 {
            return Err(std::io::Error::other("an element is too large"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.inner.consume(amount);
    }
}

/// Gives out the notes of one file, which is a notebook of that name.
pub(crate) fn read(
    source: &mut dyn BufRead,
    notebook: &str,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let mut reader = Reader::from_reader(Metered { inner: source, left: MAX_EVENT });
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut buffer = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut value = String::new();
    let mut note: Option<Note> = None;
    let (mut fault, mut faults, mut found) = (None, 0, false);
    while !sink.stopped() {
        buffer.clear();
        if buffer.capacity() > 32 << 20 {
            buffer.shrink_to(1 << 20);
        }
        reader.get_mut().left = MAX_EVENT;
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => {
                faults += 1;
                let ends = matches!(error, quick_xml::Error::Io(_) | quick_xml::Error::Syntax(_));
                if let Some(note) = &mut note {
                    note.warnings.push(format!("The export is damaged here ({error})."));
                }
                fault.get_or_insert_with(|| error.to_string());
                if ends || faults > MAX_FAULTS {
                    break;
                }
                continue;
            }
        };
        match event {
            Event::Start(start) => {
                let name = local(&start);
                found |= matches!(name.as_str(), "en-export" | "note");
                // A note that was not closed ends where the next one begins.
                if name == "note" {
                    if let Some(cut) = note.take() {
                        give_out(cut, notebook, sink);
                    }
                    path.clear();
                    note = Some(Note::default());
                }
                if let Some(note) = &mut note {
                    match name.as_str() {
                        "resource" => note.files.push(File::default()),
                        "task" => note.tasks.push(Task::default()),
                        _ => {}
                    }
                }
                if path.len() < 64 {
                    path.push(name);
                }
                value.clear();
            }
            Event::End(end) => {
                let name = end.name().as_ref().to_owned();
                if let Some(note) = &mut note {
                    note.field(&path, &mut value);
                }
                value.clear();
                match path.iter().rposition(|open| *open == name) {
                    Some(at) => path.truncate(at),
                    None => continue,
                }
                if name == "note"
                    && let Some(done) = note.take()
                {
                    give_out(done, notebook, sink);
                }
            }
            Event::Text(text) => value.push_str(&text.xml10_content()),
            Event::CData(text) => value.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let known = reference.resolve_char_ref().ok().flatten().map(String::from);
                let name = reference.into_inner();
                let known = known.or_else(|| {
                    quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                });
                value.push_str(known.as_deref().unwrap_or_default());
            }
            Event::Eof => break,
            _ => {}
        }
        // Many small pieces are no better than one large one.
        if value.len() as u64 > MAX_EVENT {
            return Err(Failure::TooLarge(MAX_EVENT as usize));
        }
    }
    if sink.stopped() {
        return Ok(());
    }
    if let Some(cut) = note.take() {
        fault.get_or_insert_with(|| "its end is missing".to_owned());
        let path = path_of(&cut.title);
        sink.failed(&path, "damaged: the export ends within this note");
    }
    if !found {
        return Err(Failure::Damaged(
            fault.unwrap_or_else(|| "it is no Evernote export".to_owned()),
        ));
    }
    match fault {
        Some(fault) => {
            Err(Failure::Damaged(format!("{fault}; the notes that could be read are in")))
        }
        None => Ok(()),
    }
}

fn local(start: &BytesStart<'_>) -> String {
    start.name().as_ref().to_owned()
}

impl Note {
    /// Takes the value of the element that ends here.
    fn field(&mut self, path: &[String], value: &mut String) {
        let [.., parent, name] = path else { return };
        let text = || value.trim().to_owned();
        let file = self.files.last_mut();
        let task = self.tasks.last_mut();
        match (parent.as_str(), name.as_str(), file, task) {
            ("note", "title", ..) => self.title = text(),
            ("note", "content", ..) => self.content = std::mem::take(value),
            ("note", "created", ..) => self.created = text(),
            ("note", "updated", ..) => self.updated = text(),
            ("note", "tag", ..) => self.tags.extend(tag(value)),
            ("note-attributes", "author", ..) => self.author = text(),
            ("note-attributes", "source-url", ..) => self.source = text(),
            ("note-attributes", "latitude", ..) => self.place[0] = text(),
            ("note-attributes", "longitude", ..) => self.place[1] = text(),
            ("note-attributes", "reminder-time", ..) => self.reminder = text(),
            ("note-attributes", "reminder-done-time", ..) => self.reminder_done = text(),
            ("resource", "mime", Some(file), _) => file.mime = text(),
            ("resource-attributes", "file-name", Some(file), _) => file.name = text(),
            ("resource-attributes", "source-url", Some(file), _) => file.source = text(),
            ("resource", "data", Some(file), _) => {
                let bytes = clean::base64(value).unwrap_or_default();
                if bytes.is_empty() {
                    self.warnings.push("An attachment is damaged, and was left out.".to_owned());
                } else if self.size + bytes.len() > MAX_FILES {
                    let limit = MAX_FILES >> 20;
                    self.warnings.push(format!("Attachments beyond {limit} MB were left out."));
                } else {
                    self.size += bytes.len();
                    file.bytes = bytes;
                }
            }
            ("task", "title", _, Some(task)) => task.title = text(),
            ("task", "taskGroupNoteLevelID", _, Some(task)) => task.group = text(),
            ("task", "taskStatus", _, Some(task)) => task.status = text(),
            ("task", "dueDate", _, Some(task)) => task.due = text(),
            ("task", "taskFlag", _, Some(task)) => task.flag = text(),
            ("reminder", "reminderDate", _, Some(task)) => task.reminder = text(),
            ("task", "sortWeight", _, Some(task)) => task.weight = text(),
            _ => {}
        }
    }
}

/// `20240131T120000Z` as ISO 8601 without marks, which is what Evernote writes.
fn moment(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let small = |range| number(range).and_then(|n| i8::try_from(n).ok());
    let time = DateTime::new(
        number(0..4)?,
        small(4..6)?,
        small(6..8)?,
        small(9..11)?,
        small(11..13)?,
        small(13..15)?.min(59),
        0,
    );
    let zoned = time.ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

/// ` 📅 2024-01-31`, as the dates of a task are written, each with its sign.
fn planned(sign: char, text: &str) -> String {
    match (text.get(0..4), text.get(4..6), text.get(6..8)) {
        (Some(year), Some(month), Some(day)) if moment(text).is_some() => {
            format!(" {sign} {year}-{month}-{day}")
        }
        _ => String::new(),
    }
}

/// The files of a note by their MD5 digest, by which its text shows them, and its tasks by group.
struct Parts {
    names: HashMap<String, String>,
    shown: Vec<String>,
    tasks: Vec<Task>,
}

impl Resources for Parts {
    fn media(&mut self, hash: &str, _kind: &str) -> Option<String> {
        let name = self.names.get(&hash.to_ascii_lowercase())?.clone();
        self.shown.push(name.clone());
        Some(name)
    }

    fn tasks(&mut self, group: &str) -> Vec<(bool, String)> {
        let mut tasks: Vec<Task> = Vec::new();
        let mut at = 0;
        while let Some(task) = self.tasks.get(at) {
            if task.group == group {
                tasks.push(self.tasks.remove(at));
            } else {
                at += 1;
            }
        }
        tasks.sort_by(|a, b| a.weight.cmp(&b.weight));
        tasks.iter().map(line).collect()
    }
}

fn line(task: &Task) -> (bool, String) {
    let title = one_line(&task.title).unwrap_or_else(|| "Task".to_owned());
    let dates = [planned('⏳', &task.reminder), planned('📅', &task.due)].concat();
    let flag = if task.flag == "true" { " 🔼" } else { "" };
    (task.status == "completed", format!("{title}{flag}{dates}"))
}

fn give_out(note: Note, notebook: &str, sink: &mut Sink<'_>) {
    let path = path_of(&note.title);
    match set(note) {
        Ok(document) => sink.document(&path, notebook, document),
        Err(failure) => sink.put(&path, notebook, Outcome::Failed(failure.reason())),
    };
}

fn set(note: Note) -> Result<Extracted, Failure> {
    let mut attachments = Attachments::default();
    let mut parts = Parts { names: HashMap::new(), shown: Vec::new(), tasks: note.tasks };
    let mut warnings = note.warnings;
    for file in note.files {
        if file.bytes.is_empty() {
            continue;
        }
        let digest: String = Md5::digest(&file.bytes).iter().map(|b| format!("{b:02x}")).collect();
        let name = file_name(&file.name, &file.mime, &file.source);
        parts.names.insert(digest, attachments.add(&name, file.bytes));
    }
    let mut body = enml::markdown(&note.content, &mut attachments, &mut parts)?;
    if note.content.contains("<en-crypt") {
        warnings.push("Text that is encrypted in Evernote is not readable here.".to_owned());
    }
    body = links::rewrite(&body, &mut |link| {
        if !link.target.starts_with("evernote:") {
            return None;
        }
        let title =
            one_line(&inline::unescaped(link.text)).filter(|text| !links::has_scheme(text))?;
        // A note's id is nowhere in an export; its title is what the link shows.
        Some(Change::Note(title))
    });
    let mut rest = String::new();
    for task in &parts.tasks {
        let (done, text) = line(task);
        let mark = if done { 'x' } else { ' ' };
        rest.push_str(&format!("- [{mark}] {}\n", inline::escape(&text, false)));
    }
    if !note.reminder.is_empty() {
        let mark = if note.reminder_done.is_empty() { ' ' } else { 'x' };
        let title = inline::escape(&note.title, false);
        rest.insert_str(0, &format!("- [{mark}] {title}{}\n", planned('📅', &note.reminder)));
    }
    append(&mut body, &rest);
    for file in &attachments.files {
        if !parts.shown.contains(&file.name) && !body.contains(&format!("]({})", file.name)) {
            append(&mut body, &attached(&file.name));
        }
    }
    let place = note.place.iter().all(|part| part.parse::<f64>().is_ok());
    let place = place.then(|| note.place.join(", "));
    Ok(Extracted {
        title: one_line(&note.title),
        body,
        front_matter: yaml(&[
            ("source", Some(note.source.as_str())),
            ("author", Some(note.author.as_str())),
            ("location", place.as_deref()),
        ]),
        tags: note.tags,
        kind: "evernote",
        created_ms: moment(&note.created),
        updated_ms: moment(&note.updated).or_else(|| moment(&note.created)),
        attachments: attachments.files,
        warnings,
        ..Extracted::default()
    })
}

/// A line that shows or links an attachment.
pub(crate) fn attached(name: &str) -> String {
    let mark = if crate::media_type(name).starts_with("image/") { "!" } else { "" };
    format!("{mark}[{}]({})\n", inline::escape(name, false), inline::destination(name))
}

/// Another block below a text.
pub(crate) fn append(body: &mut String, block: &str) {
    if block.trim().is_empty() {
        return;
    }
    body.truncate(body.trim_end().len());
    if !body.is_empty() {
        body.push_str("\n\n");
    }
    body.push_str(block.trim_end());
    body.push('\n');
}

fn file_name(name: &str, mime: &str, source: &str) -> String {
    if !name.trim().is_empty() {
        return text::tidy(name).trim().to_owned();
    }
    let from_address = source.split(['?', '#']).next().unwrap_or_default();
    let from_address = from_address.rsplit('/').next().unwrap_or_default();
    if from_address.contains('.') && crate::media_type(from_address) == mime {
        return from_address.to_owned();
    }
    let kind = mime.rsplit('/').next().unwrap_or_default();
    let extension = match kind {
        "jpeg" => "jpg",
        "svg+xml" => "svg",
        "plain" => "txt",
        "octet-stream" | "" => "bin",
        other if other.len() <= 5 => other,
        _ => "bin",
    };
    let stem = if mime.starts_with("image/") { "picture" } else { "file" };
    format!("{stem}.{extension}")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use crate::container::{Item, Outcome, read_container};
    use crate::{ExtractError, Extracted};

    fn read(source: &str) -> (Vec<Item>, Result<(), ExtractError>) {
        let mut items = Vec::new();
        let result = read_container("My Notes.enex", &mut Cursor::new(source), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        });
        (items, result)
    }

    fn document(item: &Item) -> &Extracted {
        match &item.outcome {
            Outcome::Document(document) => document,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn notes_with_all_that_belongs_to_them() {
        let source = r#"<?xml version="1.0"?><!DOCTYPE en-export SYSTEM "x"><en-export>
<note><title>A &amp; B</title><content><![CDATA[<?xml version="1.0"?><en-note><div>See <a href="evernote:///view/1/s1/a/b/">Other note</a> and <en-media hash="5d41402abc4b2a76b9719d911017c592" type="text/plain"/></div><div><en-todo checked="true"/>done</div><div style="--en-task-group:true; --en-id:g1;">placeholder</div></en-note>]]></content>
<created>19700101T000001Z</created><updated>19700101T000002Z</updated><tag>two words</tag><tag>b</tag>
<note-attributes><author>Ann</author><source-url>https://x.org/</source-url></note-attributes>
<resource><data encoding="base64">aGVs
bG8=</data><mime>text/plain</mime><resource-attributes><file-name>h i.txt</file-name></resource-attributes></resource>
<resource><data encoding="base64">AAAA</data><mime>image/png</mime></resource>
<task><title>second</title><taskStatus>open</taskStatus><taskGroupNoteLevelID>g1</taskGroupNoteLevelID><sortWeight>C</sortWeight><dueDate>20240131T120000Z</dueDate></task>
<task><title>first</title><taskStatus>completed</taskStatus><taskGroupNoteLevelID>g1</taskGroupNoteLevelID><sortWeight>B</sortWeight></task>
</note><note><title>A &amp; B</title><content>&lt;en-note&gt;x&lt;/en-note&gt;</content></note></en-export>"#;
        let (items, result) = read(source);
        assert_eq!(result, Ok(()));
        assert_eq!(items.len(), 2);
        assert_eq!((items[0].path.as_str(), items[0].notebook.as_str()), ("A & B", "My Notes"));
        assert_eq!(items[1].path, "A & B (2)");
        let note = document(&items[0]);
        assert_eq!(
            note.body,
            "See [[Other note]] and [h-i.txt](h-i.txt)\n\n- [x] done\n\n- [x] first\n- [ ] second 📅 2024-01-31\n\n![picture.png](picture.png)\n"
        );
        assert_eq!(note.tags, ["two-words", "b"]);
        assert_eq!((note.created_ms, note.updated_ms), (Some(1000), Some(2000)));
        assert_eq!(note.front_matter, "source: \"https://x.org/\"\nauthor: \"Ann\"\n");
        assert_eq!(note.attachments.len(), 2);
        assert_eq!(document(&items[1]).body, "x\n");
    }

    #[test]
    fn damaged_exports() {
        let (items, result) = read(
            "<en-export><note><title>a</title><content>x</content></note><note><title>b</title><conte",
        );
        assert_eq!(items.len(), 2);
        assert!(matches!(items[1].outcome, Outcome::Failed(_)));
        assert!(matches!(result, Err(ExtractError::Damaged { .. })));
        let (items, result) = read("<html>");
        assert!(items.is_empty() && result.is_err());
        let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><en-export><note><title>&b;!</title><content>y</content></note></en-export>";
        let (items, _) = read(laughs);
        assert_eq!(document(&items[0]).title.as_deref(), Some("!"));
        let (items, _) = read(&"<note>".repeat(10_000));
        assert_eq!(items.len(), 10_000);
    }
}
