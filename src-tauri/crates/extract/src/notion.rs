//! Notion's exports, as Markdown and CSV or as HTML: pages whose files are named by their title and an
//! id, sub-pages and files in folders of the page's name, databases as CSV beside a folder of their pages.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::container::{Files, Outcome, Sink, joined, notebook_name, split};
use crate::links::{self, Change};
use crate::{
    Attachments, Extracted, Failure, blocks, clean, date, html, inline, one_line, tag, text,
    title_line, yaml,
};

/// The title and the id in a name such as `Reading list 152bb52ee2b580179846fd78b2b60ea9`.
pub(crate) fn id_of(stem: &str) -> Option<(&str, &str)> {
    let stem = stem.strip_suffix("_all").unwrap_or(stem);
    let at = stem.len().checked_sub(32)?;
    let id = stem.get(at..)?;
    let title = stem[..at].strip_suffix([' ', '-', '_'])?;
    id.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')).then_some((title, id))
}

/// What is known of a page or of a database before the first is given out.
struct Page {
    title: String,
    notebook: String,
}

#[derive(Default)]
struct Known {
    pages: HashMap<String, Page>,
    /// How many pages have a title.
    titles: HashMap<String, usize>,
    /// The names of the properties of the pages in a database's notebook.
    properties: HashMap<String, HashSet<String>>,
    /// Titles of the pages in a notebook.
    within: HashMap<String, HashSet<String>>,
}

impl Known {
    fn place(&self, id: &str) -> Option<String> {
        let page = self.pages.get(id)?;
        let several = self.titles.get(&page.title.to_lowercase()).is_some_and(|n| *n > 1);
        Some(if several { joined(&page.notebook, &page.title) } else { page.title.clone() })
    }

    /// The page that a link means, by the id at its end.
    fn linked(&self, target: &str) -> Option<String> {
        let name = target.split(['?', '#']).next().unwrap_or_default().rsplit('/').next()?;
        let stem = name.rsplit_once('.').map_or(name, |(stem, ending)| {
            if matches!(ending, "md" | "html" | "csv") { stem } else { name }
        });
        let on_web = links::has_scheme(target);
        if on_web
            && !["notion.so", "notion.site", "notion.com", "notion://"]
                .iter()
                .any(|h| target.contains(h))
        {
            return None;
        }
        if is_bare_id(stem) {
            return self.place(stem);
        }
        let (title, id) = id_of(stem)?;
        // A page in another part of the export is named by its title there.
        self.place(id).or_else(|| if on_web { None } else { one_line(title) })
    }
}

fn is_bare_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

/// The notebook of a folder of the export: names without ids, and without the export's own.
fn notebook(dir: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in dir.split('/').filter(|part| !part.is_empty()) {
        let own =
            parts.is_empty() && (part.starts_with("Export-") || part.starts_with("ExportBlock-"));
        if !own {
            parts.push(notebook_name(id_of(part).map_or(part, |(title, _)| title)));
        }
    }
    parts.join("/")
}

pub(crate) fn read(files: &mut Files<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let mut pages: Vec<(usize, String)> = Vec::new();
    // The views and the whole of each database.
    let mut databases: BTreeMap<String, [Option<usize>; 2]> = BTreeMap::new();
    for at in files.left() {
        let (_, name) = split(files.path(at));
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        let Some((_, id)) = id_of(stem) else { continue };
        match ending {
            "md" | "html" => pages.push((at, id.to_owned())),
            "csv" => {
                let whole = usize::from(stem.ends_with("_all"));
                databases.entry(id.to_owned()).or_default()[whole] = Some(at);
            }
            _ => {}
        }
    }
    if pages.is_empty() && databases.is_empty() {
        return Ok(());
    }
    let mut known = Known::default();
    for (id, views) in &databases {
        let Some(at) = views[1].or(views[0]) else { continue };
        let path = files.path(at).to_owned();
        let (dir, name) = split(&path);
        let stem = name.strip_suffix(".csv").unwrap_or(name);
        let title = id_of(stem).map_or(stem, |(title, _)| title);
        let rows = files.read(at).map(|bytes| rows(&bytes)).unwrap_or_default();
        let place = joined(&notebook(dir), &notebook_name(title));
        let names =
            rows.into_iter().next().unwrap_or_default().into_iter().map(|n| n.trim().to_owned());
        known.properties.entry(place).or_default().extend(names);
        known.add(id, title, &notebook(dir));
    }
    for (at, id) in &pages {
        let path = files.path(*at).to_owned();
        let (dir, name) = split(&path);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let named = id_of(stem).map_or(stem, |(title, _)| title);
        let source = files.read(*at).map(|bytes| text::decode(&bytes, None).0).unwrap_or_default();
        let title = if name.ends_with(".html") {
            page_title(&source)
        } else {
            title_line(&text::tidy(&source)).0
        };
        let title = title.or_else(|| one_line(named)).unwrap_or_else(|| "Untitled".to_owned());
        known.add(id, &title, &notebook(dir));
    }
    for (at, id) in pages {
        if sink.stopped() {
            return Ok(());
        }
        let path = files.path(at).to_owned();
        let read = files.read(at);
        files.done(at);
        let (dir, _) = split(&path);
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(reason) => {
                sink.failed(&path, reason);
                continue;
            }
        };
        let made = if path.ends_with(".html") {
            web_page(dir, &bytes, &known, files)
        } else {
            page(dir, &bytes, &known, files)
        };
        match made {
            Ok(mut document) => {
                document.title = known.pages.get(&id).map(|page| page.title.clone());
                document.kind = "notion";
                document.updated_ms = document.updated_ms.or(files.file(at).modified_ms);
                sink.document(&path, &notebook(dir), document);
            }
            Err(failure) => {
                sink.put(&path, &notebook(dir), Outcome::Failed(failure.reason()));
            }
        }
    }
    for (id, views) in databases {
        let Some(at) = views[1].or(views[0]) else { continue };
        let path = files.path(at).to_owned();
        if let [Some(view), Some(_)] = views {
            files.done(view);
            let reason = format!("a view of the database that is read from {}", split(&path).1);
            sink.put(files.path(view), "", Outcome::Skipped(reason));
        }
        let read = files.read(at);
        files.done(at);
        let (dir, _) = split(&path);
        match read {
            Ok(bytes) => {
                let mut document = database(&bytes, &known, &id);
                document.updated_ms = files.file(at).modified_ms;
                sink.document(&path, &notebook(dir), document);
            }
            Err(reason) => {
                sink.failed(&path, reason);
            }
        }
    }
    for at in files.all() {
        let path = files.path(at).to_owned();
        if files.was_attached(at) {
            files.done(at);
            sink.put(&path, "", Outcome::Attached);
        } else if files.is_left(at)
            && path.ends_with("index.html")
            && notebook(split(&path).0).is_empty()
        {
            files.done(at);
            sink.put(&path, "", Outcome::Skipped("the export's own list of its pages".to_owned()));
        }
    }
    Ok(())
}

impl Known {
    fn add(&mut self, id: &str, title: &str, notebook: &str) {
        let title = one_line(title).unwrap_or_else(|| "Untitled".to_owned());
        *self.titles.entry(title.to_lowercase()).or_default() += 1;
        self.within.entry(notebook.to_owned()).or_default().insert(title.clone());
        self.pages.insert(id.to_owned(), Page { title, notebook: notebook.to_owned() });
    }
}

/// A page in Markdown.
fn page(
    dir: &str,
    bytes: &[u8],
    known: &Known,
    files: &mut Files<'_>,
) -> Result<Extracted, Failure> {
    let read = text::plain(bytes)?;
    let (_, body) = title_line(&read.body);
    let mut document = Extracted { warnings: read.warnings, ..Extracted::default() };
    let names = known.properties.get(&notebook(dir));
    let mut rest = body;
    if let Some(names) = names {
        for line in body.split_inclusive('\n') {
            let Some((name, value)) =
                line.split_once(':').filter(|(name, _)| names.contains(*name))
            else {
                break;
            };
            set_property(&mut document, name, value.trim());
            rest = &rest[line.len()..];
        }
    }
    let rest = asides(rest.trim_start_matches('\n'));
    let mut attachments = Attachments::default();
    let body = links::rewrite(&rest, &mut |link| {
        if let Some(place) = known.linked(&link.target) {
            return Some(Change::Note(place));
        }
        let at = files.find(dir, &link.target)?;
        files.attach(at, &mut attachments).map(Change::Target)
    });
    document.body = body.trim_end().to_owned();
    if !document.body.is_empty() {
        document.body.push('\n');
    }
    document.attachments = attachments.files;
    Ok(document)
}

/// A property of a page: tags and dates as a note's own, others in its front matter.
fn set_property(document: &mut Extracted, name: &str, value: &str) {
    let value = without_paths(value);
    match name.to_lowercase().as_str() {
        "tags" | "tag" | "labels" | "label" | "keywords" => {
            document.tags.extend(value.split(',').filter_map(tag));
        }
        "created" | "created time" | "created at" | "date created" => {
            document.created_ms = date::parse_written(&value).or(document.created_ms);
        }
        "updated" | "last edited time" | "last edited" | "last updated" | "updated at" => {
            document.updated_ms = date::parse_written(&value).or(document.updated_ms);
        }
        _ => document.front_matter.push_str(&yaml(&[(name, Some(&value))])),
    }
}

/// Relations name their pages with the files' paths: `Plan (Plan%20152bb….md)`.
fn without_paths(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find(" (") {
        let inner = rest[at + 2..].split(')').next().unwrap_or_default();
        let is_path = inner.ends_with(".md") || inner.ends_with(".csv") || inner.ends_with(".html");
        let end = (at + 2 + inner.len() + 1).min(rest.len());
        out.push_str(if is_path { &rest[..at] } else { &rest[..end] });
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Callouts are `aside` elements around Markdown: quotes here.
fn asides(body: &str) -> String {
    if !body.contains("<aside>") {
        return body.to_owned();
    }
    let mut lines = Vec::new();
    let mut within = false;
    for line in body.lines() {
        match line.trim() {
            "<aside>" => within = true,
            "</aside>" => within = false,
            _ if within => lines.push(format!("> {line}").trim_end().to_owned()),
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

fn page_title(source: &str) -> Option<String> {
    let at = source.find("<title>")? + "<title>".len();
    let title = source[at..].split("</title>").next()?;
    one_line(
        &quick_xml::escape::unescape(title).map_or_else(|_| title.to_owned(), |t| t.into_owned()),
    )
}

/// A page as HTML.
fn web_page(
    dir: &str,
    bytes: &[u8],
    known: &Known,
    files: &mut Files<'_>,
) -> Result<Extracted, Failure> {
    let source = text::decode(bytes, None).0;
    let source = source
        .replace("<div class=\"checkbox checkbox-on\"></div>", "<input type=\"checkbox\" checked>")
        .replace("<div class=\"checkbox checkbox-off\"></div>", "<input type=\"checkbox\">");
    let mut document = Extracted::default();
    let page = dom_query::Document::from(clean::clean(&source, &mut Attachments::default()).html);
    for row in page.select("table.properties tr").nodes() {
        let cell = |name: &str| {
            let cell = row.descendants_it().find(|node| node.has_name(name));
            cell.and_then(|cell| one_line(&cell.text()))
        };
        if let (Some(name), Some(value)) = (cell("th"), cell("td")) {
            set_property(&mut document, &name, &value);
        }
    }
    let mut attachments = Attachments::default();
    let files = std::cell::RefCell::new(files);
    let attach = |target: &str, attachments: &mut Attachments| {
        let decoded = String::from_utf8_lossy(&clean::percent_decoded(target)).into_owned();
        let mut files = files.borrow_mut();
        let at = files.find(dir, &decoded)?;
        files.attach(at, attachments).map(|name| inline::destination(&name))
    };
    document.body = html::linked(
        format!("\u{feff}{source}").as_bytes(),
        ".page-body",
        &mut attachments,
        &mut |target, attachments| attach(target, attachments),
        &mut |target, attachments| {
            let decoded = String::from_utf8_lossy(&clean::percent_decoded(target)).into_owned();
            let place = known.linked(&decoded).map(|place| links::note_address(&place));
            place.or_else(|| attach(target, attachments))
        },
    )?;
    document.attachments = attachments.files;
    Ok(document)
}

/// The rows of a CSV file, the first of them with the names of the columns.
fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
    let source = text::decode(bytes, None).0;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source.as_bytes());
    let row = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    reader.records().filter_map(Result::ok).map(row).collect()
}

/// A database as a table, with its pages linked.
fn database(bytes: &[u8], known: &Known, id: &str) -> Extracted {
    let mut rows = rows(bytes).into_iter();
    let header = rows.next().unwrap_or_default();
    let columns = header.len();
    let page = known.pages.get(id);
    let place = page.map(|page| joined(&page.notebook, &notebook_name(&page.title)));
    let within = place.as_ref().and_then(|place| known.within.get(place));
    let cell = |text: &str| {
        let text = without_paths(text.trim());
        blocks::flat(&inline::escape(&text, false).replace('\n', "\\\n"))
    };
    let mut body = String::new();
    blocks::row(header.iter().map(|name| cell(name)), columns, &mut body);
    blocks::rule(columns, &mut body);
    for row in rows {
        let cells = row.iter().enumerate().map(|(n, text)| {
            let title =
                one_line(text).filter(|title| n == 0 && within.is_some_and(|w| w.contains(title)));
            match title {
                Some(title) => links::to_note(&title, None, "").replace('|', "\\|"),
                None => cell(text),
            }
        });
        blocks::row(cells, columns, &mut body);
    }
    Extracted {
        title: page.map(|page| page.title.clone()),
        body: if columns == 0 { String::new() } else { body },
        kind: "notion",
        ..Extracted::default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;
    use crate::container::{Item, read_container};
    use crate::package::zip_of;

    const A: &str = "152bb52ee2b580179846fd78b2b60ea9";
    const B: &str = "25592a85546546a48b02dfa4fb545e1d";
    const D: &str = "152bb52ee2b5804da922efa8c3194444";

    #[test]
    fn exports() {
        let inner = zip_of(&[
            (
                &format!("Export-x/Home {A}.md"),
                &format!(
                    "# Home: the page\n\n<aside>\n💡 Note\n</aside>\n\n[Sub](Home%20{A}/Sub%20{B}.md) ![p](Home%20{A}/p%201.png) [db](Tasks%20{D}.csv) [web](https://www.notion.so/Sub-{B}?pvs=4)\n"
                ),
            ),
            (&format!("Export-x/Home {A}/Sub {B}.md"), "# Sub\n\nNo property: here\n"),
            (&format!("Export-x/Home {A}/p 1.png"), "PNG"),
            (&format!("Export-x/Tasks {D}.csv"), "Name,Tags\nRow,a\n"),
            (
                &format!("Export-x/Tasks {D}_all.csv"),
                "\u{feff}Name,Tags,Created,Link\nRow,\"a, b c\",\"January 2, 1970 12:00 AM\",Home (Home%20x.md)\nOther | one,,,\n",
            ),
            (
                &format!("Export-x/Tasks {D}/Row 00000000000000000000000000000001.md"),
                "# Row\n\nTags: a, b c\nCreated: January 2, 1970 12:00 AM\nLink: Home (Home%20x.md)\n\nText: of the row\n",
            ),
            ("Export-x/index.html", "<html></html>"),
        ]);
        let mut outer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        outer
            .start_file("Export-x-Part-1.zip", zip::write::SimpleFileOptions::default())
            .expect("a part");
        std::io::Write::write_all(&mut outer, &inner).expect("in memory");
        let outer = outer.finish().expect("in memory").into_inner();
        let mut items: Vec<Item> = Vec::new();
        read_container("Export-x.zip", &mut Cursor::new(outer), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })
        .expect("an export");
        assert_eq!(items.len(), 7, "{items:?}");
        assert!(items.iter().all(|item| item.path.starts_with("Export-x-Part-1.zip › Export-x/")));
        let document = |title: &str| -> (&Item, &Extracted) {
            let found = items.iter().find_map(|item| match &item.outcome {
                Outcome::Document(read) if read.title.as_deref() == Some(title) => {
                    Some((item, &**read))
                }
                _ => None,
            });
            found.expect("a page")
        };
        let (item, home) = document("Home: the page");
        assert_eq!(item.notebook, "");
        assert_eq!(home.body, "> 💡 Note\n\n[[Sub]] ![p](p-1.png) [[Tasks|db]] [[Sub|web]]\n");
        let (item, sub) = document("Sub");
        assert_eq!((item.notebook.as_str(), sub.body.as_str()), ("Home", "No property: here\n"));
        let (item, row) = document("Row");
        assert_eq!((item.notebook.as_str(), row.body.as_str()), ("Tasks", "Text: of the row\n"));
        assert_eq!(row.tags, ["a", "b-c"]);
        assert_eq!(
            (row.created_ms, row.front_matter.as_str()),
            (Some(86_400_000), "Link: \"Home\"\n")
        );
        let (_, tasks) = document("Tasks");
        assert_eq!(
            tasks.body,
            "| Name | Tags | Created | Link |\n| --- | --- | --- | --- |\n| [[Row]] | a, b c | January 2, 1970 12:00 AM | Home |\n| Other \\| one | | | |\n"
        );
    }

    #[test]
    fn pages_as_html() {
        let page = format!(
            "<html><head><title>A &amp; B</title></head><body><article><h1 class=\"page-title\">A &amp; B</h1><table class=\"properties\"><tbody><tr><th>Status</th><td>open</td></tr></tbody></table><div class=\"page-body\"><p>Text <a href=\"A%20B%20{A}/Sub%20{B}.html\">sub</a></p><ul class=\"to-do-list\"><li><div class=\"checkbox checkbox-on\"></div> <span>done</span></li></ul><img src=\"A%20B%20{A}/p.png\"/></div></article></body></html>"
        );
        let zip = zip_of(&[
            (&format!("A B {A}.html"), &page),
            (
                &format!("A B {A}/Sub {B}.html"),
                "<html><head><title>Sub</title></head><body><div class=\"page-body\"></div></body></html>",
            ),
            (&format!("A B {A}/p.png"), "PNG"),
        ]);
        let mut items: Vec<Item> = Vec::new();
        read_container("x.zip", &mut Cursor::new(zip), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })
        .expect("an export");
        let Outcome::Document(page) = &items[0].outcome else { panic!("{items:?}") };
        assert_eq!(page.body, "Text [sub](Sub)\n\n- [x] done\n\n![](p.png)\n");
        assert_eq!(
            (page.title.as_deref(), page.front_matter.as_str()),
            (Some("A & B"), "Status: \"open\"\n")
        );
        assert_eq!(items.len(), 3);
    }
}
