//! `commonplace` on the command line: the same engine without a window. Beside a running app it
//! reads the app's indexes and saves through the store; the app picks the changes up by itself.

mod mcp;
mod output;

use std::collections::HashSet;
use std::io::{IsTerminal, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::{
    AnswerProgress, AskRequest, Engine, ExportFormat, ExportNotes, ExportProgress, Findability,
    FolderAnswer, FolderId, FolderState, FolderWatch, ImportId, ImportRequest, ImportState,
    IndexState, ItemState, ListFilter, ListSort, ModelSource, OnChange, Options, ProbeKind, Reader,
    SearchRequest, View, draft_of,
};
use note::{NoteDraft, NoteId};
use tokio_util::sync::CancellationToken;

use output::{
    model_json, note_json, print_catalogue, print_hits, print_list, print_model, print_status,
    status_json,
};

#[derive(Parser)]
#[command(
    name = "commonplace",
    version,
    about = "Keep everything worth keeping, and find it again"
)]
struct Cli {
    /// Folder of the notes [default: the user's data folder]
    #[arg(long, global = true, value_name = "DIR", env = "COMMONPLACE_DATA")]
    data: Option<PathBuf>,
    /// Write what is done and how long it takes to a file, one JSON object a line
    #[arg(long, global = true, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Import files, folders and other apps' exports; `-` reads notes from standard input: Markdown,
    /// or JSON lines with title, body, tags, notebook, created, updated
    Import {
        #[arg(required_unless_present = "resume")]
        paths: Vec<PathBuf>,
        /// Notebook that receives them
        #[arg(long, default_value = "")]
        notebook: String,
        /// What to do with files that have changed since they were imported
        #[arg(long, value_enum, default_value_t = OnChangeArg::Update)]
        changed: OnChangeArg,
        /// Go on with the imports that were interrupted, by Ctrl+C or in any other way
        #[arg(long, conflicts_with_all = ["paths", "notebook", "changed"])]
        resume: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Search by words, by meaning, or both
    Search(Search),
    /// Answer a question from the notes, with the passages that say so
    Ask(Ask),
    /// Make a note; the text comes from the arguments or from standard input
    New {
        text: Vec<String>,
        #[arg(long, default_value = "")]
        title: String,
        #[arg(long, default_value = "")]
        notebook: String,
        #[arg(long = "tag")]
        tags: Vec<String>,
    },
    /// Print a note
    Show {
        id: i64,
        #[arg(long)]
        json: bool,
    },
    /// Change a note; without options, opens it in $VISUAL or $EDITOR
    Edit {
        id: i64,
        #[arg(long)]
        title: Option<String>,
        /// New text; `-` reads standard input
        #[arg(long)]
        body: Option<String>,
        #[arg(long)]
        notebook: Option<String>,
        /// Set tags, comma between them
        #[arg(long, value_delimiter = ',')]
        tags: Option<Vec<String>>,
    },
    /// List notes
    List {
        #[arg(long, conflicts_with_all = ["tag", "trash"])]
        notebook: Option<String>,
        #[arg(long, conflicts_with = "trash")]
        tag: Option<String>,
        #[arg(long)]
        trash: bool,
        #[arg(long, value_enum, default_value_t = SortArg::Updated)]
        sort: SortArg,
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[arg(long)]
        json: bool,
    },
    /// Put notes into the trash
    Trash {
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Take notes out of the trash
    Restore {
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Write notes to a file, or as Markdown with attachments to a new or empty folder
    Export {
        /// Where to
        to: PathBuf,
        /// Only what this finds
        query: Vec<String>,
        /// Only this note
        #[arg(long, conflicts_with = "query")]
        note: Vec<i64>,
        /// [default: by the file's extension, else a folder]
        #[arg(long, value_enum)]
        format: Option<FormatArg>,
    },
    /// Keep folders of Markdown in step with notebooks
    #[command(subcommand)]
    Watch(Watch),
    /// Measure how well search finds these notes; changes nothing
    Eval(Eval),
    /// Tell what is searchable
    Status {
        /// Wait until everything is
        #[arg(long)]
        wait: bool,
        #[arg(long)]
        json: bool,
    },
    /// Tell or change the model that searches by meaning
    Model {
        #[command(subcommand)]
        task: ModelTask,
    },
    Mcp(mcp::Mcp),
    /// Open the quick-search window: for desktops that keep global keys to themselves
    Quick,
}

#[derive(Subcommand)]
enum Watch {
    /// Keep a folder in step with a notebook, both ways, and wait until it is
    Add {
        dir: PathBuf,
        /// Notebook of its notes [default: the folder's name]
        #[arg(long, default_value = "")]
        notebook: String,
    },
    /// List the watched folders, and how they stand
    List {
        #[arg(long)]
        json: bool,
    },
    /// Watch a folder no more; its files and notes stay as they are
    Remove {
        /// Number from the list
        id: i64,
    },
    /// Pause a folder, or go on with it
    Pause {
        /// Number from the list
        id: i64,
        #[arg(long)]
        resume: bool,
    },
    /// Bring all folders in step now
    Sync {
        /// What becomes of notes whose files vanished, where that is to be decided
        #[arg(long, value_enum)]
        vanished: Option<Vanished>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Vanished {
    /// The notes stay and their files are written again
    Keep,
    /// The notes go to the trash
    Trash,
}

#[derive(Subcommand)]
enum ModelTask {
    /// Tell which model is used, and how far a change is
    Show {
        #[arg(long)]
        json: bool,
    },
    /// Use the ONNX model in a folder, once all notes are embedded by it
    Set {
        dir: PathBuf,
        /// Put before each query [default: as the folder says]
        #[arg(long)]
        query_prefix: Option<String>,
        /// Put before each passage [default: as the folder says]
        #[arg(long)]
        passage_prefix: Option<String>,
        /// Languages that it was taught, as "en,de", or "any" [default: a guess]
        #[arg(long, value_delimiter = ',')]
        languages: Option<Vec<String>>,
    },
    /// Go back to the model that comes with Commonplace
    Reset,
    /// Give up a change that is under way
    Cancel,
    /// List models that can be downloaded
    List,
}

#[derive(Args)]
struct Search {
    /// The query, in the app's query language; put -- before one that starts with a minus
    #[arg(required = true)]
    query: Vec<String>,
    #[arg(long, value_enum, default_value_t = ModeArg::Both)]
    mode: ModeArg,
    #[arg(long, default_value_t = 10)]
    limit: usize,
    #[arg(long)]
    json: bool,
    /// Tell how each score came about
    #[arg(long)]
    explain: bool,
}

#[derive(Args)]
struct Ask {
    /// In plain words; filters of the query language may stand among them
    #[arg(required = true)]
    question: Vec<String>,
    /// Passages that are shown
    #[arg(long, default_value_t = 5)]
    limit: usize,
    /// Print one JSON object a line: the passages, what a language model writes as it writes it, the answer
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Eval {
    /// Search notes by their titles and by passages of them, and tell how far up each comes
    #[arg(long, required = true)]
    own: bool,
    /// Notes that are drawn
    #[arg(long, default_value_t = 200)]
    sample: usize,
    /// Which notes and passages are drawn: the same seed draws the same ones
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this mode; all three otherwise
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeArg {
    Both,
    Words,
    Meaning,
}

impl ModeArg {
    fn engine(self) -> engine::Mode {
        match self {
            ModeArg::Both => engine::Mode::Both,
            ModeArg::Words => engine::Mode::Words,
            ModeArg::Meaning => engine::Mode::Meaning,
        }
    }

    fn name(self) -> &'static str {
        match self {
            ModeArg::Both => "both",
            ModeArg::Words => "words",
            ModeArg::Meaning => "meaning",
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArg {
    /// A folder of Markdown that comes back as the same notes
    Folder,
    /// The same in a zip
    Archive,
    Md,
    /// One page that stands alone
    Html,
    Pdf,
    Docx,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnChangeArg {
    /// Give the note a new revision; one that was edited here is kept beside a new note
    Update,
    /// Make a new note
    KeepBoth,
    Skip,
}

#[derive(Clone, Copy, ValueEnum)]
enum SortArg {
    Updated,
    Created,
    Title,
}

/// Something was not done that was asked for: the message is printed already.
struct Incomplete;

fn main() -> ExitCode {
    let reader = engine::reader();
    let cli = Cli::parse();
    if let Err(error) = engine::start_log("error", cli.trace.as_deref()) {
        eprintln!("commonplace: --trace: {error}");
        return ExitCode::from(2);
    }
    match run(cli, reader) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(Incomplete)) => ExitCode::from(1),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("commonplace: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// `commonplace list | head` is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[tokio::main]
async fn run(cli: Cli, reader: Reader) -> Result<std::result::Result<(), Incomplete>> {
    let data_dir = cli
        .data
        .or_else(engine::default_data_dir)
        .context("this system names no folder for data: give one with --data DIR")?;
    if matches!(cli.command, Task::Quick) {
        quick(&data_dir)?;
        return Ok(Ok(()));
    }
    let needs_model = matches!(
        &cli.command,
        Task::Status { .. }
            | Task::Search(Search { mode: ModeArg::Both | ModeArg::Meaning, .. })
            | Task::Eval(Eval { mode: None | Some(ModeArg::Both | ModeArg::Meaning), .. })
            | Task::Ask(_)
            | Task::Model { .. }
            | Task::Mcp(_)
    );
    let model = if needs_model { ModelSource::Installed } else { ModelSource::None };
    // Other commands end before a folder could be looked through.
    let folders = match &cli.command {
        Task::Watch(Watch::Add { .. } | Watch::Sync { .. }) => FolderWatch::Told,
        _ => FolderWatch::Off,
    };
    // Served for as long as the other program likes, while the app is to be opened and closed.
    let beside = matches!(cli.command, Task::Mcp(_));
    let options = Options { eager: true, beside, folders, reader, ..Options::new(data_dir, model) };
    let engine = Engine::open(options).await?;
    let result = match cli.command {
        Task::Mcp(switches) => mcp::serve(&engine, &switches).await.map(Ok),
        task => work(&engine, task).await,
    };
    engine.close().await?;
    result
}

async fn work(engine: &Engine, task: Task) -> Result<std::result::Result<(), Incomplete>> {
    if let Task::Ask(ask) = task {
        // The answer is printed from where it is made, which a lock held here would not let.
        ask_notes(engine, ask).await?;
        return Ok(Ok(()));
    }
    let mut out = std::io::stdout().lock();
    match task {
        Task::Import { mut paths, notebook, changed, resume, json } => {
            // Lives until the import has ended.
            let piped = tempfile::tempdir()?;
            for path in paths.iter_mut().filter(|path| path.as_os_str() == "-") {
                let text = read_stdin()?;
                let lines = text.trim_start().starts_with('{');
                let name = if lines { "notes.jsonl" } else { "standard input.md" };
                *path = piped.path().join(name);
                std::fs::write(&*path, text)?;
            }
            let mut ids = Vec::new();
            if resume {
                for import in engine.imports().await? {
                    if import.state == ImportState::Paused {
                        engine.resume_import(import.id).await?;
                        ids.push(import.id);
                    }
                }
                if ids.is_empty() {
                    bail!("no import was interrupted");
                }
            } else {
                let on_change = match changed {
                    OnChangeArg::Update => OnChange::Update,
                    OnChangeArg::KeepBoth => OnChange::KeepBoth,
                    OnChangeArg::Skip => OnChange::Skip,
                };
                ids.push(engine.import(ImportRequest { roots: paths, notebook, on_change }).await?);
            }
            let mut complete = true;
            for id in ids {
                complete &= follow_import(engine, id, json).await?;
            }
            return Ok(if complete { Ok(()) } else { Err(Incomplete) });
        }
        Task::Search(search) => {
            let request = SearchRequest {
                text: search.query.join(" "),
                mode: search.mode.engine(),
                limit: search.limit,
                wait_for_model: true,
                ..SearchRequest::default()
            };
            let hits = engine.search(request.clone(), CancellationToken::new()).await?;
            if search.json {
                serde_json::to_writer_pretty(&mut out, &output::hits_json(&request.text, &hits))?;
                writeln!(out)?;
            } else {
                let mut reasons = Vec::new();
                for hit in hits.hits.iter().filter(|_| search.explain) {
                    let by_words = engine.explain(request.text.clone(), hit.head.id).await?;
                    let lines = by_words.iter().flat_map(|lines| lines.lines());
                    let lines = lines.map(|line| format!("  {line}"));
                    reasons.push([hit.explanation.clone()].into_iter().chain(lines).collect());
                }
                print_hits(&mut out, &hits, &reasons)?;
            }
        }
        Task::New { text, title, notebook, tags } => {
            let body = if text.is_empty() { read_stdin()? } else { text.join(" ") };
            if title.is_empty() && body.trim().is_empty() {
                bail!("the note is empty: give a text or --title");
            }
            let draft = NoteDraft { title, body, notebook, tags, ..NoteDraft::default() };
            let saved = engine.save_note(None, None, draft).await?;
            writeln!(out, "{}", saved.id)?;
        }
        Task::Show { id, json } => {
            let note = engine.note(NoteId(id)).await?;
            let attachments = engine.read(move |read| read.attachments(NoteId(id))).await?;
            if json {
                serde_json::to_writer_pretty(&mut out, &note_json(&note, &attachments))?;
                writeln!(out)?;
            } else {
                engine.count_open(NoteId(id)).await?;
                let title = note::display_title(&note.title, &note.body);
                writeln!(out, "{title}\n")?;
                writeln!(out, "{}", note.body.trim_end())?;
            }
        }
        Task::Edit { id, title, body, notebook, tags } => {
            let note = engine.note(NoteId(id)).await?;
            let mut draft = draft_of(&note);
            if title.is_none() && body.is_none() && notebook.is_none() && tags.is_none() {
                draft.body = edit_in_editor(&note.body)?;
            }
            if let Some(title) = title {
                draft.title = title;
            }
            if let Some(body) = body {
                draft.body = if body == "-" { read_stdin()? } else { body };
            }
            if let Some(notebook) = notebook {
                draft.notebook = notebook;
            }
            if let Some(tags) = tags {
                draft.tags = tags.into_iter().filter(|tag| !tag.is_empty()).collect();
            }
            let saved = engine.save_note(Some(NoteId(id)), Some(note.revision), draft).await?;
            writeln!(out, "{}", saved.id)?;
        }
        Task::List { notebook, tag, trash, sort, limit, json } => {
            let view = match (notebook, tag) {
                (Some(path), _) => View::Notebook(path),
                (_, Some(tag)) => View::Tag(tag),
                _ if trash => View::Trash,
                _ => View::All,
            };
            let sort = match sort {
                SortArg::Updated => ListSort::Updated,
                SortArg::Created => ListSort::Created,
                SortArg::Title => ListSort::Title,
            };
            let (total, heads) = engine.list(ListFilter { view, sort, offset: 0, limit }).await?;
            if json {
                serde_json::to_writer_pretty(&mut out, &output::list_json(total, &heads))?;
                writeln!(out)?;
            } else {
                print_list(&mut out, total, &heads)?;
            }
        }
        Task::Trash { ids } => engine.trash(ids.into_iter().map(NoteId).collect()).await?,
        Task::Restore { ids } => engine.restore(ids.into_iter().map(NoteId).collect()).await?,
        Task::Export { to: dir, query, note, format } => {
            let shown = std::io::stderr().is_terminal();
            let extension = dir.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            let format = format.unwrap_or(match extension.as_str() {
                "zip" => FormatArg::Archive,
                "md" => FormatArg::Md,
                "html" => FormatArg::Html,
                "pdf" => FormatArg::Pdf,
                "docx" => FormatArg::Docx,
                _ => FormatArg::Folder,
            });
            let format = match format {
                FormatArg::Folder => ExportFormat::Folder,
                FormatArg::Archive => ExportFormat::Archive,
                FormatArg::Md => ExportFormat::Markdown,
                FormatArg::Html => ExportFormat::Html,
                FormatArg::Pdf => ExportFormat::Pdf,
                FormatArg::Docx => ExportFormat::Docx,
            };
            let notes = match (query.is_empty(), note.is_empty()) {
                (true, true) => ExportNotes::All,
                (false, _) => ExportNotes::Found(query.join(" ")),
                (true, false) => ExportNotes::These(note.into_iter().map(NoteId).collect()),
            };
            let progress = move |at: ExportProgress| {
                if shown {
                    eprint!("\r{} of {}", at.done, at.total);
                }
            };
            let token = CancellationToken::new();
            let export = engine.export_as(notes, format, dir.clone(), token.clone(), progress);
            tokio::pin!(export);
            let exported = loop {
                tokio::select! {
                    exported = &mut export => break exported?,
                    () = interrupted() => token.cancel(),
                }
            };
            if shown {
                eprintln!();
            }
            writeln!(
                out,
                "{} notes and {} attachments in {}",
                exported.notes,
                exported.attachments,
                dir.display()
            )?;
        }
        Task::Watch(watch) => return folders(engine, watch).await,
        Task::Eval(eval) => {
            let rows = find_own(engine, &eval).await?;
            if eval.json {
                serde_json::to_writer_pretty(&mut out, &output::findability_json(&rows))?;
                writeln!(out)?;
            } else {
                output::print_findability(&mut out, &rows)?;
            }
        }
        Task::Status { wait, json } => {
            let status = if wait { engine.settled().await? } else { engine.status_now().await? };
            if json {
                let diagnostics = engine.diagnostics().await?;
                serde_json::to_writer_pretty(
                    &mut out,
                    &status_json(&status, &diagnostics, engine),
                )?;
                writeln!(out)?;
            } else {
                print_status(&mut out, &status, engine)?;
            }
            if wait
                && (status.words_state == IndexState::Failed
                    || status.meaning_state == IndexState::Failed)
            {
                return Ok(Err(Incomplete));
            }
        }
        Task::Model { task } => model(engine, task, &mut out).await?,
        Task::Ask(_) | Task::Quick | Task::Mcp(_) => {}
    }
    Ok(Ok(()))
}

async fn model(engine: &Engine, task: ModelTask, out: &mut impl Write) -> Result<()> {
    match task {
        ModelTask::Show { json } => {
            let status = engine.status_now().await?;
            if json {
                serde_json::to_writer_pretty(&mut *out, &model_json(&status, engine))?;
                writeln!(out)?;
            } else {
                print_model(out, &status, engine)?;
            }
        }
        ModelTask::Set { dir, query_prefix, passage_prefix, languages } => {
            let dir = std::path::absolute(dir)?;
            let mut usage = engine.preview_model(dir.clone(), None).await?.choice.usage();
            usage.query_prefix = query_prefix.unwrap_or(usage.query_prefix);
            usage.passage_prefix = passage_prefix.unwrap_or(usage.passage_prefix);
            match languages {
                Some(any) if any == ["any"] => usage.languages = Vec::new(),
                Some(languages) => usage.languages = languages,
                None => {}
            }
            engine.set_model(dir, Some(usage)).await?;
            print_model(out, &engine.status_now().await?, engine)?;
        }
        ModelTask::Reset => {
            engine.reset_model().await?;
            print_model(out, &engine.status_now().await?, engine)?;
        }
        ModelTask::Cancel => engine.cancel_model_change().await?,
        ModelTask::List => print_catalogue(out)?,
    }
    Ok(())
}

/// How findable the person's notes are, by mode and sort of query.
async fn find_own(
    engine: &Engine,
    eval: &Eval,
) -> Result<Vec<(&'static str, ProbeKind, Findability)>> {
    let probes = engine.probes(eval.sample, eval.seed).await?;
    if probes.is_empty() {
        bail!("there are no notes to search for");
    }
    let modes = match eval.mode {
        Some(mode) => vec![mode],
        None => vec![ModeArg::Words, ModeArg::Meaning, ModeArg::Both],
    };
    let pending = engine.status_now().await?;
    if pending.words_pending > 0 || (needs_model(&modes) && pending.meaning_pending > 0) {
        eprintln!("some notes are not searchable yet: `commonplace status --wait` waits for them");
    }
    let token = CancellationToken::new();
    let mut rows = Vec::new();
    for mode in modes {
        for kind in [ProbeKind::Title, ProbeKind::Passage] {
            let probes: Vec<_> =
                probes.iter().filter(|probe| probe.kind == kind).cloned().collect();
            rows.push((
                mode.name(),
                kind,
                engine.findability(&probes, mode.engine(), &token).await?,
            ));
        }
    }
    Ok(rows)
}

fn needs_model(modes: &[ModeArg]) -> bool {
    modes.iter().any(|mode| !matches!(mode, ModeArg::Words))
}

/// Shows how an import gets on until it ends; true if every file of it came in.
async fn follow_import(engine: &Engine, id: ImportId, json: bool) -> Result<bool> {
    let mut progress = engine.import_progress();
    let shown = std::io::stderr().is_terminal();
    let ended = engine.import_ended(id);
    tokio::pin!(ended);
    let status = loop {
        tokio::select! {
            status = &mut ended => break status?,
            () = interrupted() => engine.pause_import(id),
            Ok(at) = progress.recv(), if shown => {
                eprint!("\r{} of {} ({:.0}/s)  ", at.imported + at.skipped + at.failed, at.found, at.rate);
            }
        }
    };
    if shown {
        eprintln!();
    }
    if !engine.read_only() {
        // Found by words from now on; the meaning follows when the app or `status --wait` runs.
        let mut updates = engine.status();
        while engine.status_now().await?.words_pending > 0 {
            updates.changed().await?;
        }
    }
    let (_, failures) =
        engine.import_items(id, Some(ItemState::Failed), 0, i32::MAX as usize).await?;
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &output::import_json(&status, &failures))?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "{} found: {} imported, {} skipped, {} failed",
            status.found, status.imported, status.skipped, status.failed
        )?;
    }
    for item in &failures {
        eprintln!("{}: {}", item.path, item.reason.as_deref().unwrap_or("failed"));
    }
    let (_, imported) =
        engine.import_items(id, Some(ItemState::Imported), 0, i32::MAX as usize).await?;
    // What a note's file lost; files that are attached to other notes have no note of their own.
    for item in imported.iter().filter(|item| item.note.is_some()) {
        if let Some(warning) = &item.reason {
            eprintln!("{}: {warning}", item.path);
        }
    }
    if let Some(error) = &status.error {
        eprintln!("commonplace: {error}");
    }
    if status.state == ImportState::Paused {
        eprintln!("commonplace: interrupted; `commonplace import --resume` goes on");
    }
    Ok(status.state == ImportState::Done && status.failed == 0)
}

async fn folders(engine: &Engine, task: Watch) -> Result<std::result::Result<(), Incomplete>> {
    match task {
        Watch::Add { dir, notebook } => {
            engine.watch_folder(dir, notebook).await?;
            return in_step(engine, None).await;
        }
        Watch::Sync { vanished } => return in_step(engine, vanished).await,
        Watch::Remove { id } => engine.unwatch_folder(FolderId(id)).await?,
        Watch::Pause { id, resume } => engine.pause_folder(FolderId(id), !resume).await?,
        Watch::List { json } => {
            let mut out = std::io::stdout().lock();
            let folders = engine.list_folders().await?;
            if json {
                serde_json::to_writer_pretty(&mut out, &output::folders_json(&folders))?;
                writeln!(out)?;
            } else {
                output::print_folders(&mut out, &folders)?;
            }
        }
    }
    Ok(Ok(()))
}

/// Waits until every folder is in step, or cannot be.
async fn in_step(
    engine: &Engine,
    vanished: Option<Vanished>,
) -> Result<std::result::Result<(), Incomplete>> {
    if engine.read_only() {
        eprintln!("commonplace: the running app keeps the folders in step");
        return Ok(Ok(()));
    }
    let wanted = engine.list_folders().await?.len();
    let mut answered = HashSet::new();
    let mut changes = engine.folders();
    let folders = loop {
        let folders = changes.borrow_and_update().clone();
        let mut busy = folders.len() != wanted;
        for folder in &folders {
            busy |= folder.state == FolderState::CatchingUp;
            if let (FolderState::Asking, Some(answer)) = (folder.state, vanished) {
                if answered.insert(folder.id) {
                    let answer = match answer {
                        Vanished::Keep => FolderAnswer::Keep,
                        Vanished::Trash => FolderAnswer::Trash,
                    };
                    engine.answer_folder(folder.id, answer)?;
                }
                busy = true;
            }
        }
        if !busy {
            break folders;
        }
        changes.changed().await?;
    };
    output::print_folders(&mut std::io::stdout().lock(), &folders)?;
    let settled = |folder: &engine::FolderStatus| {
        matches!(folder.state, FolderState::InStep | FolderState::Paused)
            && folder.problems.is_empty()
    };
    Ok(if folders.iter().all(settled) { Ok(()) } else { Err(Incomplete) })
}

/// Ctrl+C, once there is one.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Answers as the answer comes: what a language model writes is printed piece by piece.
async fn ask_notes(engine: &Engine, ask: Ask) -> Result<()> {
    let mut out = std::io::stdout();
    let request = AskRequest {
        question: ask.question.join(" "),
        limit: ask.limit,
        wait_for_model: true,
        ..AskRequest::default()
    };
    let question = request.question.clone();
    let token = CancellationToken::new();
    let mut failed = None;
    let mut on = |progress: AnswerProgress| {
        let printed = match (&progress, ask.json) {
            (_, true) => {
                output::print_line(&mut out, &output::progress_json(&progress)).map_err(Into::into)
            }
            (AnswerProgress::Text(text), false) => {
                write!(out, "{text}").and_then(|()| out.flush()).map_err(Into::into)
            }
            (AnswerProgress::Waiting(count), false) => {
                eprintln!("the model answers {count} first");
                Ok(())
            }
            (AnswerProgress::Found(_), false) => Ok(()),
        };
        if let Err(error) = printed {
            // Nobody reads on.
            failed.get_or_insert(error);
            token.cancel();
        }
    };
    let answer = engine.answer(request, Vec::new(), token.clone(), &mut on).await;
    if let Some(error) = failed {
        return Err(error);
    }
    let answer = answer?;
    if ask.json {
        return Ok(output::print_line(&mut out, &output::answer_json(&question, &answer))?);
    }
    let is_set_up = engine.generator().await?.is_some();
    Ok(output::print_answer(&mut out, &answer, is_set_up)?)
}

fn read_stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .context("standard input is not UTF-8 text")?;
    Ok(text)
}

/// Lets the person edit a text in their own editor.
fn edit_in_editor(text: &str) -> Result<String> {
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).context(
        "no editor is set: name one in $VISUAL or $EDITOR, or use --title, --body, --notebook, --tags",
    )?;
    let mut parts = editor.split_whitespace();
    let program = parts.next().context("$EDITOR is empty")?;
    let file = tempfile::Builder::new().prefix("commonplace-").suffix(".md").tempfile()?;
    std::fs::write(file.path(), text)?;
    let status = Command::new(program)
        .args(parts)
        .arg(file.path())
        .status()
        .with_context(|| format!("{editor} cannot be started"))?;
    if !status.success() {
        bail!("{editor} ended with {status}; the note was not changed");
    }
    Ok(std::fs::read_to_string(file.path())?)
}

/// Asks the running app to show the quick-search window, or starts one that does.
fn quick(data_dir: &Path) -> Result<()> {
    const APP: &str = "commonplace-desktop";
    let beside = std::env::current_exe()?.with_file_name(APP);
    let program = if beside.exists() { beside } else { PathBuf::from(APP) };
    Command::new(&program)
        .arg("--quick")
        .arg("--data")
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    Ok(())
}
