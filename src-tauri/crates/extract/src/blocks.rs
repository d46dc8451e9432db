//! A document's blocks, and how they are set as Markdown.

use crate::inline;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Text,
    Title,
    /// 1 to 9.
    Heading(u8),
    Item {
        level: usize,
        list: String,
        ordered: bool,
        number: usize,
    },
    Quote,
    Code,
    /// Markdown that needs no further setting, as a table.
    Set,
}

#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// Markdown of one paragraph; plain lines for code.
    pub(crate) text: String,
}

pub(crate) fn markdown(blocks: &[Block]) -> String {
    let mut out = String::new();
    // The widths of the markers of the items that the next one may be below.
    let mut indents: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(block) = blocks.get(at) {
        at += 1;
        let was_list = !indents.is_empty();
        if !matches!(block.kind, Kind::Item { .. }) {
            indents.clear();
        }
        let set = match &block.kind {
            Kind::Text | Kind::Set => block.text.clone(),
            Kind::Title => format!("# {}", block.text),
            Kind::Heading(level) => {
                format!("{} {}", "#".repeat(usize::from(*level).min(6)), block.text)
            }
            Kind::Quote => {
                let mut lines = quoted(&block.text);
                while let Some(Block { kind: Kind::Quote, text }) = blocks.get(at) {
                    lines = format!("{lines}\n>\n{}", quoted(text));
                    at += 1;
                }
                lines
            }
            Kind::Code => {
                let start = at - 1;
                while matches!(blocks.get(at), Some(Block { kind: Kind::Code, .. })) {
                    at += 1;
                }
                let code: Vec<&str> =
                    blocks[start..at].iter().map(|line| line.text.as_str()).collect();
                let code = code.join("\n");
                let code = code.trim_matches('\n').trim_end();
                if code.is_empty() {
                    continue;
                }
                let fence = "`".repeat(inline::longest_run(code, '`').max(2) + 1);
                format!("{fence}\n{code}\n{fence}")
            }
            Kind::Item { level, ordered, number, .. } => {
                indents.truncate(*level);
                let indent = " ".repeat(indents.iter().sum());
                let marker = if *ordered { format!("{number}. ") } else { "- ".to_owned() };
                indents.push(marker.len());
                let below = format!("\n{indent}{}", " ".repeat(marker.len()));
                format!("{indent}{marker}{}", block.text.replace('\n', &below))
            }
        };
        if !out.is_empty() {
            let tight = was_list && matches!(block.kind, Kind::Item { .. });
            out.push_str(if tight { "\n" } else { "\n\n" });
        }
        out.push_str(&set);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}

/// A table's rows of cells to a Markdown table; a single column is set as what it frames.
pub(crate) fn table(mut rows: Vec<Vec<Vec<Block>>>, out: &mut Vec<Block>) {
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    if columns <= 1 && rows.len() <= 1 {
        out.extend(rows.into_iter().flatten().flatten());
        return;
    }
    let mut text = String::new();
    for (n, line) in rows.iter().enumerate() {
        row(line.iter().map(|blocks| cell(blocks)), columns, &mut text);
        if n == 0 {
            rule(columns, &mut text);
        }
    }
    out.push(Block { kind: Kind::Set, text: text.trim_end().to_owned() });
}

/// One row of a Markdown table; each cell is Markdown of one line with its `|` escaped.
pub(crate) fn row(cells: impl Iterator<Item = String>, columns: usize, out: &mut String) {
    out.push('|');
    for cell in cells.chain(std::iter::repeat_with(String::new)).take(columns) {
        out.push(' ');
        out.push_str(&cell);
        out.push_str(if cell.is_empty() { "|" } else { " |" });
    }
    out.push('\n');
}

/// The line below a Markdown table's first row.
pub(crate) fn rule(columns: usize, out: &mut String) {
    out.push_str(&format!("|{}\n", " --- |".repeat(columns)));
}

/// A cell's blocks in one line.
fn cell(blocks: &[Block]) -> String {
    let mut lines = Vec::new();
    for block in blocks {
        match &block.kind {
            Kind::Set => {
                // A table within a table: its rows as lines.
                let rows = block.text.lines().filter(|row| !row.contains("| --- |"));
                let row = |row: &str| {
                    row.replace("\\|", "\u{0}").replace('|', " ").replace('\u{0}', "\\|")
                };
                lines.extend(
                    rows.map(|line| row(line).split_whitespace().collect::<Vec<_>>().join(" ")),
                );
            }
            Kind::Item { ordered: true, number, .. } => {
                lines.push(format!("{number}. {}", flat(&block.text)));
            }
            Kind::Item { .. } => lines.push(format!("- {}", flat(&block.text))),
            Kind::Code => lines.push(flat(&inline::escape(&block.text, false))),
            _ => lines.push(flat(&block.text)),
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines.join("<br>")
}

/// Markdown of a paragraph as one line of a table's cell.
pub(crate) fn flat(text: &str) -> String {
    let text = text.replace("\\\n", "<br>").replace('\n', " ");
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '|' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
