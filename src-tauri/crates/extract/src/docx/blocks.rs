//! A document's blocks, and how they are set as Markdown.

use crate::inline;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
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
pub(super) struct Block {
    pub(super) kind: Kind,
    /// Markdown of one paragraph; plain lines for code.
    pub(super) text: String,
}

pub(super) fn markdown(blocks: &[Block]) -> String {
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
pub(super) fn table(mut rows: Vec<Vec<Vec<Block>>>, out: &mut Vec<Block>) {
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    if columns <= 1 && rows.len() <= 1 {
        out.extend(rows.into_iter().flatten().flatten());
        return;
    }
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        text.push('|');
        for column in 0..columns {
            let cell = row.get(column).map(|blocks| cell(blocks)).unwrap_or_default();
            text.push(' ');
            text.push_str(&cell);
            text.push_str(if cell.is_empty() { "|" } else { " |" });
        }
        text.push('\n');
        if n == 0 {
            text.push_str(&format!("|{}\n", " --- |".repeat(columns)));
        }
    }
    out.push(Block { kind: Kind::Set, text: text.trim_end().to_owned() });
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

fn flat(text: &str) -> String {
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
