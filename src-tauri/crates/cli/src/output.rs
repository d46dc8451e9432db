//! How results are printed, for people and as JSON for programs.

use std::io::{IsTerminal, Result, Write};
use std::ops::Range;

use engine::{
    Answer, AnswerProgress, AttachmentRef, Diagnostics, Engine, Findability, FolderState,
    FolderStatus, Found, Hit, Hits, ImportItem, ImportStatus, IndexState, IndexStatus, ProbeKind,
    Support, Why,
};
use note::{Note, NoteHead, Timestamp};
use serde_json::{Value, json};

/// `2026-03-01 14:05` where the person is.
fn date(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.0).map_or_else(
        |_| String::new(),
        |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

pub(crate) fn iso(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.0)
        .map_or_else(|_| String::new(), |time| time.to_string())
}

fn why(hit: &Hit) -> &'static str {
    match hit.why {
        Why::Words => "words",
        Why::Meaning => "meaning",
        Why::Both => "both",
        Why::Title => "title",
        Why::Filter => "filter",
    }
}

/// Marks matches in bold on a terminal, between asterisks elsewhere.
fn marked(text: &str, marks: &[Range<usize>]) -> String {
    let (open, close) =
        if std::io::stdout().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("**", "**") };
    let mut shown = String::new();
    let mut at = 0;
    for mark in marks {
        shown.push_str(&text[at..mark.start]);
        shown.push_str(open);
        shown.push_str(&text[mark.clone()]);
        shown.push_str(close);
        at = mark.end;
    }
    shown.push_str(&text[at..]);
    shown.replace('\n', " ")
}

/// `reasons`: of each hit, how it came about, where that is asked for.
pub(crate) fn print_hits(out: &mut dyn Write, hits: &Hits, reasons: &[Vec<String>]) -> Result<()> {
    if let Some(degraded) = &hits.degraded {
        eprintln!("{degraded}");
    }
    for (number, hit) in hits.hits.iter().enumerate() {
        let notebook = match hit.head.notebook.as_str() {
            "" => String::new(),
            path => format!("  in {path}"),
        };
        let meaning = if hit.why == Why::Meaning { "  ≈ by meaning" } else { "" };
        writeln!(
            out,
            "{:>6}  {}{meaning}{notebook}",
            hit.head.id,
            marked(&hit.head.title, &hit.title_marks)
        )?;
        let text = marked(&hit.snippet.text, &hit.snippet.marks);
        if !text.trim().is_empty() {
            writeln!(out, "        {text}")?;
        }
        for reason in reasons.get(number).into_iter().flatten() {
            writeln!(out, "        {reason}")?;
        }
    }
    for (typed, used) in &hits.corrected {
        writeln!(out, "no note has “{typed}”: searched {}", used.join(", "))?;
    }
    for rescue in &hits.rescues {
        writeln!(out, "try: {}  ({} hits)", rescue.text, rescue.total)?;
    }
    let more = if hits.total_is_exact { "" } else { " or more" };
    writeln!(out, "{}{more} hits, {:.1} ms", hits.total, hits.took.as_secs_f64() * 1000.0)
}

/// How findable notes are: one row for each mode and sort of query.
pub(crate) fn print_findability(
    out: &mut dyn Write,
    rows: &[(&str, ProbeKind, Findability)],
) -> Result<()> {
    const SHOWN: usize = 10;
    writeln!(
        out,
        "{:<8} {:<8} {:>7} {:>7} {:>9} {:>7}",
        "mode", "by", "queries", "hit 1", "hit 1–10", "MRR"
    )?;
    for (mode, kind, found) in rows {
        writeln!(
            out,
            "{mode:<8} {:<8} {:>7} {:>6.1}% {:>8.1}% {:>7.3}",
            kind.name(),
            found.asked,
            found.share_first() * 100.0,
            found.share_in_ten() * 100.0,
            found.mrr()
        )?;
    }
    for (mode, _, found) in rows.iter().filter(|(_, kind, _)| *kind == ProbeKind::Title) {
        for probe in found.missed.iter().take(SHOWN) {
            writeln!(out, "not first by its title ({mode}): {}  {}", probe.note, probe.text)?;
        }
    }
    Ok(())
}

pub(crate) fn findability_json(rows: &[(&str, ProbeKind, Findability)]) -> Value {
    let row = |(mode, kind, found): &(&str, ProbeKind, Findability)| {
        json!({
            "mode": mode,
            "by": kind.name(),
            "queries": found.asked,
            "hit_1": found.share_first(),
            "hit_10": found.share_in_ten(),
            "mrr": found.mrr(),
            "missed": found.missed.iter().map(|probe| json!({
                "id": probe.note.0,
                "query": probe.text,
            })).collect::<Vec<_>>(),
        })
    };
    Value::Array(rows.iter().map(row).collect())
}

pub(crate) fn hits_json(query: &str, hits: &Hits) -> Value {
    json!({
        "query": query,
        "total": hits.total,
        "total_is_exact": hits.total_is_exact,
        "took_ms": hits.took.as_secs_f64() * 1000.0,
        "degraded": hits.degraded,
        "corrected": hits.corrected.iter().map(|(typed, used)| json!({
            "typed": typed,
            "used": used,
        })).collect::<Vec<_>>(),
        "rescues": hits.rescues.iter().map(|rescue| json!({
            "query": rescue.text,
            "total": rescue.total,
        })).collect::<Vec<_>>(),
        "hits": hits.hits.iter().map(|hit| json!({
            "id": hit.head.id.0,
            "title": hit.head.title,
            "notebook": hit.head.notebook,
            "tags": hit.head.all_tags,
            "type": hit.head.kind.as_str(),
            "updated": iso(hit.head.updated),
            "score": hit.score,
            "why": why(hit),
            "explanation": hit.explanation,
            "heading_path": hit.heading_path,
            "snippet": hit.snippet.text,
        })).collect::<Vec<_>>(),
    })
}

/// One JSON object on a line of its own.
pub(crate) fn print_line(out: &mut dyn Write, value: &Value) -> Result<()> {
    writeln!(out, "{value}")?;
    out.flush()
}

/// The answer's sentences with the numbers of their passages, then the passages; what a language model wrote
/// is printed already as it came, and is followed by what was found of it.
pub(crate) fn print_answer(out: &mut dyn Write, answer: &Answer, has_model: bool) -> Result<()> {
    let found = &answer.found;
    if let Some(degraded) = &found.degraded {
        eprintln!("{degraded}");
    }
    if let Some(failure) = &answer.failure {
        eprintln!("The language model failed: {failure} These are your notes' own words.");
    } else if !has_model {
        eprintln!("No language model is set up: these are your notes' own words.");
    }
    if !found.answered {
        let nearest = if found.quotes.is_empty() { "" } else { " The nearest passages:" };
        writeln!(out, "Not in your notes.{nearest}")?;
    }
    for claim in &answer.claims {
        let numbers: String = claim.cites.iter().map(|cite| format!("[{}]", cite + 1)).collect();
        let doubt = if claim.support == Support::None { " (no passage says so)" } else { "" };
        if answer.model.is_none() {
            writeln!(out, "{} {numbers}", claim.text.replace('\n', " "))?;
        } else if claim.support == Support::None {
            writeln!(out, "\n{} {numbers}{doubt}", claim.text)?;
        }
    }
    for (number, quote) in found.quotes.iter().enumerate() {
        let mut source = quote.title.clone();
        if !quote.heading_path.is_empty() {
            source = format!("{source} › {}", quote.heading_path);
        }
        writeln!(
            out,
            "\n[{}] {source}  (note {}, {})",
            number + 1,
            quote.note,
            date(quote.updated)
        )?;
        writeln!(out, "    {}", marked(&quote.text, std::slice::from_ref(&quote.best)))?;
    }
    Ok(())
}

/// What happens before the answer, as lines of JSON tell it.
pub(crate) fn progress_json(progress: &AnswerProgress) -> Value {
    match progress {
        AnswerProgress::Found(found) => json!({ "event": "passages", "found": found_json(found) }),
        AnswerProgress::Waiting(count) => json!({ "event": "waiting", "count": count }),
        AnswerProgress::Text(text) => json!({ "event": "text", "text": text }),
    }
}

fn found_json(found: &Found) -> Value {
    json!({
        "answered": found.answered,
        "confidence": found.confidence,
        "filters": found.chips,
        "period": found.period,
        "degraded": found.degraded,
        "took_ms": found.took.as_secs_f64() * 1000.0,
        "passages": found.quotes.iter().map(|quote| json!({
            "note": quote.note.0,
            "title": quote.title,
            "notebook": quote.notebook,
            "heading_path": quote.heading_path,
            "created": iso(quote.created),
            "updated": iso(quote.updated),
            "bytes": [quote.range.start, quote.range.end],
            "text": quote.text,
            "best": &quote.text[quote.best.clone()],
            "score": quote.score,
        })).collect::<Vec<_>>(),
    })
}

pub(crate) fn answer_json(question: &str, answer: &Answer) -> Value {
    json!({
        "event": "answer",
        "question": question,
        "answered": answer.found.answered,
        "model": answer.model,
        "failure": answer.failure,
        "sentences": answer.claims.iter().map(|claim| json!({
            "text": claim.text,
            "passages": claim.cites.iter().map(|cite| cite + 1).collect::<Vec<_>>(),
            "support": match claim.support {
                Support::Quoted => "quoted",
                Support::Said => "said",
                Support::None => "none",
            },
        })).collect::<Vec<_>>(),
    })
}

fn head_json(head: &NoteHead) -> Value {
    json!({
        "id": head.id.0,
        "title": head.title,
        "excerpt": head.excerpt,
        "notebook": head.notebook,
        "tags": head.all_tags,
        "type": head.kind.as_str(),
        "pinned": head.pinned,
        "created": iso(head.created),
        "updated": iso(head.updated),
        "trashed": head.trashed.map(iso),
    })
}

pub(crate) fn list_json(total: usize, heads: &[NoteHead]) -> Value {
    json!({ "total": total, "notes": heads.iter().map(head_json).collect::<Vec<_>>() })
}

pub(crate) fn print_list(out: &mut dyn Write, total: usize, heads: &[NoteHead]) -> Result<()> {
    for head in heads {
        writeln!(out, "{:>6}  {}  {}", head.id, date(head.updated), head.title)?;
    }
    if heads.len() < total {
        writeln!(out, "{} of {total}; more with --limit", heads.len())?;
    }
    Ok(())
}

pub(crate) fn note_json(note: &Note, attachments: &[AttachmentRef]) -> Value {
    json!({
        "id": note.id.0,
        "revision": note.revision,
        "title": note.title,
        "body": note.body,
        "front_matter": note.front_matter,
        "notebook": note.notebook,
        "tags": note.all_tags,
        "type": note.kind.as_str(),
        "pinned": note.pinned,
        "created": iso(note.created),
        "updated": iso(note.updated),
        "trashed": note.trashed.map(iso),
        "attachments": attachments.iter().map(|attachment| json!({
            "name": attachment.name,
            "mime": attachment.mime,
            "size": attachment.size,
            "digest": attachment.digest.to_string(),
            "role": attachment.role.as_str(),
        })).collect::<Vec<_>>(),
    })
}

pub(crate) fn import_json(status: &ImportStatus, failures: &[ImportItem]) -> Value {
    json!({
        "id": status.id.0,
        "found": status.found,
        "imported": status.imported,
        "skipped": status.skipped,
        "failed": status.failed,
        "seconds": status.finished.map(|end| (end.0 - status.started.0) as f64 / 1000.0),
        "failures": failures.iter().map(|item| json!({
            "path": item.path,
            "reason": item.reason,
        })).collect::<Vec<_>>(),
        "error": status.error,
    })
}

fn state(state: IndexState) -> &'static str {
    match state {
        IndexState::Ready => "ready",
        IndexState::Loading => "loading",
        IndexState::Rebuilding => "rebuilding",
        IndexState::Paused => "paused",
        IndexState::Waiting => "waiting",
        IndexState::Unavailable => "unavailable",
        IndexState::Failed => "failed",
    }
}

fn folder_state(state: FolderState) -> &'static str {
    match state {
        FolderState::InStep => "in step",
        FolderState::CatchingUp => "catching up",
        FolderState::Paused => "paused",
        FolderState::Missing => "the folder is missing",
        FolderState::Asking => "waiting for an answer",
        FolderState::Failed => "not in step",
        FolderState::Elsewhere => "kept in step by the app, while it runs",
    }
}

pub(crate) fn folders_json(folders: &[FolderStatus]) -> Value {
    let folder = |folder: &FolderStatus| {
        json!({
            "id": folder.id.0,
            "path": folder.path,
            "notebook": folder.notebook,
            "state": folder.state,
            "files": folder.files,
            "missing": folder.question.as_ref().map(|question| question.missing),
            "problems": folder.problems.iter().map(|(path, reason)| json!({ "path": path, "reason": reason })).collect::<Vec<_>>(),
        })
    };
    folders.iter().map(folder).collect()
}

pub(crate) fn print_folders(out: &mut dyn Write, folders: &[FolderStatus]) -> Result<()> {
    for folder in folders {
        writeln!(
            out,
            "{:>3}  {}  ↔  {}  {} files, {}",
            folder.id.0,
            folder.path.display(),
            folder.notebook.as_deref().unwrap_or("(its notebook was deleted)"),
            folder.files,
            folder_state(folder.state)
        )?;
        if let Some(question) = &folder.question {
            writeln!(
                out,
                "     {} of {} files are gone ({} …): `commonplace watch sync --vanished keep` writes them again, `--vanished trash` moves their notes to the trash",
                question.missing,
                question.of,
                question.examples.join(", ")
            )?;
        }
        for (path, reason) in &folder.problems {
            match path.as_str() {
                "" => writeln!(out, "     {reason}")?,
                path => writeln!(out, "     {path}: {reason}")?,
            }
        }
    }
    Ok(())
}

pub(crate) fn status_json(
    status: &IndexStatus,
    diagnostics: &Diagnostics,
    engine: &Engine,
) -> Value {
    let mut value = json!(status);
    value["diagnostics"] = json!(diagnostics);
    value["data_dir"] = json!(engine.data_dir());
    value
}

pub(crate) fn print_status(
    out: &mut dyn Write,
    status: &IndexStatus,
    engine: &Engine,
) -> Result<()> {
    writeln!(out, "folder   {}", engine.data_dir().display())?;
    writeln!(out, "notes    {} and {} in the trash", status.notes, status.trashed)?;
    writeln!(
        out,
        "words    {}: {} changes to be indexed",
        state(status.words_state),
        status.words_pending
    )?;
    writeln!(
        out,
        "meaning  {}: {} notes to be embedded, {} with nothing to embed, {} passages",
        state(status.meaning_state),
        status.meaning_pending,
        status.meaning_skipped,
        status.chunks
    )?;
    print_change(out, status)?;
    if status.read_only && !status.unwritable {
        writeln!(out, "         the app is open and keeps the indexes")?;
    }
    match &status.message {
        Some(message) => writeln!(out, "         {message}"),
        None => Ok(()),
    }
}

const INSTALLED: &str = "the one that comes with Commonplace";

fn print_change(out: &mut dyn Write, status: &IndexStatus) -> Result<()> {
    let Some(change) = &status.model_change else { return Ok(()) };
    writeln!(
        out,
        "change   {} to {}: {} of {} notes embedded",
        state(change.state),
        change.model.as_deref().unwrap_or(INSTALLED),
        status.notes.saturating_sub(change.pending),
        status.notes
    )?;
    match &change.message {
        Some(message) => writeln!(out, "         {message}"),
        None => writeln!(
            out,
            "         it goes on while the app or `commonplace status --wait` runs; until then the model above serves"
        ),
    }
}

pub(crate) fn print_model(
    out: &mut dyn Write,
    status: &IndexStatus,
    engine: &Engine,
) -> Result<()> {
    match engine.model_choice() {
        None => writeln!(out, "model    {INSTALLED}")?,
        Some(choice) => {
            writeln!(out, "model    {}, {} dimensions", choice.name, choice.dims)?;
            writeln!(out, "folder   {}", choice.dir.display())?;
            for (name, prefix) in
                [("queries ", &choice.query_prefix), ("passages", &choice.passage_prefix)]
            {
                if !prefix.is_empty() {
                    writeln!(out, "{name} begin with {prefix:?}")?;
                }
            }
            let languages = match choice.languages.as_slice() {
                [] => "any".to_owned(),
                languages => languages.join(", "),
            };
            writeln!(out, "taught   {languages}")?;
        }
    }
    print_change(out, status)?;
    match &status.message {
        Some(message) => writeln!(out, "         {message}"),
        None => Ok(()),
    }
}

pub(crate) fn model_json(status: &IndexStatus, engine: &Engine) -> Value {
    json!({
        "model": engine.model_choice(),
        "change": status.model_change,
        "next": engine.next_model_choice(),
        "message": status.message,
    })
}

pub(crate) fn print_catalogue(out: &mut dyn Write) -> Result<()> {
    for model in engine::catalogue() {
        writeln!(
            out,
            "{}\n    {}, {} dimensions, about {} MB, {}\n    {}: {}",
            model.repository,
            model.languages,
            model.dims,
            model.megabytes,
            model.licence,
            model.page(),
            model.files.join(", ")
        )?;
    }
    writeln!(
        out,
        "Download the files named, and tokenizer.json, config.json, special_tokens_map.json and \
         tokenizer_config.json beside them, into one folder; then: commonplace model set FOLDER"
    )
}
