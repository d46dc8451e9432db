//! `commonplace mcp` as a program sees it, through the protocol's own client, beside an open engine.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use engine::{Engine, LanguageModel, ModelSource, Options};
use note::{NoteDraft, NoteId};
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::RunningService;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// Guards against hanging; nothing here takes nearly as long.
const FOREVER: Duration = Duration::from_secs(60);

struct Program {
    client: RunningService<RoleClient, ()>,
    child: Child,
}

impl Program {
    async fn start(data: &Path, switches: &[&str]) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_commonplace"))
            .arg("--data")
            .arg(data)
            .arg("mcp")
            .args(switches)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let client = tokio::time::timeout(FOREVER, ().serve(pipes)).await.unwrap().unwrap();
        Program { client, child }
    }

    async fn tools(&self) -> Vec<String> {
        let tools = self.client.list_all_tools().await.unwrap();
        let mut names: Vec<String> = tools.into_iter().map(|tool| tool.name.into_owned()).collect();
        names.sort();
        names
    }

    async fn call(&self, tool: &'static str, args: Value) -> Result<CallToolResult, String> {
        let Value::Object(args) = args else { panic!("arguments are an object") };
        let asked = self.client.call_tool(CallToolRequestParams::new(tool).with_arguments(args));
        let answer = tokio::time::timeout(FOREVER, asked).await.unwrap();
        answer.map_err(|error| error.to_string())
    }

    /// What a tool gives.
    async fn get(&self, tool: &'static str, args: Value) -> Value {
        let result = self.call(tool, args).await.unwrap();
        assert_ne!(result.is_error, Some(true), "{result:?}");
        result.structured_content.unwrap()
    }

    /// What a tool, or the protocol, says instead.
    async fn refusal(&self, tool: &'static str, args: Value) -> String {
        match self.call(tool, args).await {
            Err(message) => message,
            Ok(result) => {
                assert_eq!(result.is_error, Some(true), "{result:?}");
                result.content[0].as_text().unwrap().text.clone()
            }
        }
    }

    /// Ends as programs end it: by closing the pipes.
    async fn stop(mut self) {
        self.client.cancel().await.unwrap();
        let ended = tokio::time::timeout(FOREVER, self.child.wait()).await.unwrap();
        assert!(ended.unwrap().success());
    }
}

async fn save(engine: &Engine, title: &str, body: &str, notebook: &str) -> NoteId {
    let draft = NoteDraft {
        title: title.to_owned(),
        body: body.to_owned(),
        notebook: notebook.to_owned(),
        ..NoteDraft::default()
    };
    engine.save_note(None, None, draft).await.unwrap().id
}

async fn open(data: &Path) -> Engine {
    Engine::open(Options::new(data, ModelSource::None)).await.unwrap()
}

fn titles(found: &Value, list: &str) -> Vec<String> {
    let all = found[list].as_array().unwrap();
    all.iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect()
}

async fn words(program: &Program, query: &str) -> Vec<String> {
    let args = json!({ "query": query, "mode": "words" });
    titles(&program.get("search", args).await, "hits")
}

/// The app puts what it shows at once on disk a little later, where a process beside it reads it.
async fn until_found(program: &Program, query: &str) {
    let deadline = tokio::time::Instant::now() + FOREVER;
    while words(program, query).await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "{query} is never found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_reads_and_writes_only_where_it_may() {
    let data = tempfile::tempdir().unwrap();
    let engine = open(data.path()).await;
    let lease = save(&engine, "Lease", "The deposit is two months' rent.", "Work").await;
    let diary = save(&engine, "Diary", "The deposit worries me.", "Private/Diary").await;
    let gone = save(&engine, "Gone", "An old deposit.", "").await;
    engine.trash(vec![gone]).await.unwrap();
    let settings = LanguageModel {
        excluded_notebooks: vec!["private".to_owned()],
        ..LanguageModel::default()
    };
    engine.set_language_model(settings.clone()).await.unwrap();
    engine.settled().await.unwrap();

    let reader = Program::start(data.path(), &[]).await;
    assert_eq!(reader.tools().await, ["list", "read", "search"]);
    until_found(&reader, "deposit").await;
    let found = reader.get("search", json!({ "query": "deposit", "mode": "words" })).await;
    let hit = &found["hits"][0];
    assert_eq!((&hit["id"], &hit["title"]), (&json!(lease.0), &json!("Lease")));
    assert!(hit["snippet"].as_str().unwrap().contains("deposit"));
    for query in [
        "deposit",
        "deposit in:Private",
        "deposit OR worries",
        "worries",
        "\"deposit worries",
        "in:Private/Diary",
        "deposit is:trashed",
        "(deposit) OR (in:Private)",
    ] {
        let seen = words(&reader, query).await;
        assert!(seen.iter().all(|title| title == "Lease"), "{query}: {seen:?}");
    }
    let read = reader.get("read", json!({ "id": lease.0 })).await;
    assert_eq!(read["text"], "The deposit is two months' rent.");
    assert_eq!(read["notebook"], "Work");
    let listed = reader.get("list", json!({})).await;
    assert_eq!(titles(&listed, "notes"), ["Lease"]);
    assert_eq!(listed["notebooks"], json!(["Work"]));
    assert_eq!(
        titles(&reader.get("list", json!({ "notebook": "Private" })).await, "notes").len(),
        0
    );
    // What is hidden is told apart from what is not there by nothing.
    for hidden in [diary.0, gone.0, 4711, -1] {
        let told = reader.refusal("read", json!({ "id": hidden })).await;
        assert_eq!(told, format!("there is no note {hidden}"));
    }
    for tool in ["create", "append", "delete"] {
        let args = json!({ "id": lease.0, "text": "x" });
        assert!(reader.call(tool, args).await.is_err(), "{tool}");
    }
    // What is excluded now is hidden from now on.
    let more = vec!["Private".to_owned(), "Work".to_owned()];
    let settings = LanguageModel { excluded_notebooks: more, ..settings };
    engine.set_language_model(settings).await.unwrap();
    assert!(words(&reader, "deposit").await.is_empty());
    assert_eq!(
        reader.refusal("read", json!({ "id": lease.0 })).await,
        format!("there is no note {lease}")
    );
    reader.stop().await;
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_leave_a_program_makes_notes_and_adds_to_them() {
    let data = tempfile::tempdir().unwrap();
    let engine = open(data.path()).await;
    let settings = LanguageModel {
        excluded_notebooks: vec!["Private".to_owned()],
        ..LanguageModel::default()
    };
    engine.set_language_model(settings).await.unwrap();
    let secret = save(&engine, "Diary", "Mine.", "Private").await;
    let writer =
        Program::start(data.path(), &["--allow", "create,append", "--deny", "list,search"]).await;
    assert_eq!(writer.tools().await, ["append", "create", "read"]);
    let args = json!({ "title": "Plan", "text": "First.\n", "notebook": "Work", "tags": ["todo"] });
    let made = writer.get("create", args).await;
    let id = made["id"].as_i64().unwrap();
    writer.get("append", json!({ "id": id, "text": "Second." })).await;
    let note = engine.note(NoteId(id)).await.unwrap();
    assert_eq!((note.title.as_str(), note.body.as_str()), ("Plan", "First.\n\nSecond.\n"));
    assert_eq!((note.notebook.as_str(), note.tags.as_slice()), ("Work", &["todo".to_owned()][..]));
    // The process with the indexes makes it findable.
    let request = engine::SearchRequest {
        text: "second".to_owned(),
        mode: engine::Mode::Words,
        limit: 10,
        ..engine::SearchRequest::default()
    };
    let deadline = tokio::time::Instant::now() + FOREVER;
    loop {
        assert!(tokio::time::Instant::now() < deadline, "the note is never found");
        engine.settled().await.unwrap();
        let hits = engine.search(request.clone(), Default::default()).await.unwrap();
        if hits.hits.iter().any(|hit| hit.head.id == NoteId(id)) {
            break;
        }
    }
    let told = writer.refusal("append", json!({ "id": secret.0, "text": "x" })).await;
    assert_eq!(told, format!("there is no note {secret}"));
    let args = json!({ "text": "x", "notebook": "private/diary" });
    assert!(writer.refusal("create", args).await.contains("cannot be made"));
    assert_eq!(engine.note(secret).await.unwrap().body, "Mine.");
    writer.stop().await;
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_in_clear_words() {
    let data = tempfile::tempdir().unwrap();
    let engine = open(data.path()).await;
    let long = save(&engine, "Long", &"äöü ".repeat(10_000), "").await;
    engine.settled().await.unwrap();
    let program = Program::start(data.path(), &["--allow", "create,append"]).await;
    for (tool, args, message) in [
        ("search", json!({}), "query"),
        ("search", json!({ "query": " " }), "query is empty"),
        ("search", json!({ "query": 7 }), "string"),
        ("search", json!({ "query": "x".repeat(3_000) }), "may have 2000"),
        ("search", json!({ "query": "a", "limit": 0 }), "from 1 to 50"),
        ("search", json!({ "query": "a", "limit": 51 }), "from 1 to 50"),
        ("search", json!({ "query": "a", "mode": "magic" }), "magic"),
        ("search", json!({ "query": "a", "colour": 1 }), "colour"),
        ("read", json!({ "id": "x" }), "i64"),
        ("read", json!({ "id": long.0, "offset": 40_001 }), "40000 characters"),
        ("read", json!({ "id": long.0, "limit": 0 }), "from 1 to 100000"),
        ("list", json!({ "notebook": "a", "tag": "b" }), "not both"),
        ("list", json!({ "limit": 1_000 }), "from 1 to 200"),
        ("create", json!({ "text": " " }), "empty"),
        ("create", json!({ "text": "x", "title": "a\nb" }), "one line"),
        ("create", json!({ "text": "x", "tags": vec!["t"; 51] }), "from 0 to 50"),
        ("append", json!({ "id": long.0, "text": "" }), "empty"),
    ] {
        let told = program.refusal(tool, args.clone()).await;
        assert!(told.contains(message), "{tool} {args}: {told}");
    }
    let mut text = String::new();
    let mut offset = json!(0);
    while !offset.is_null() {
        let part =
            program.get("read", json!({ "id": long.0, "offset": offset, "limit": 15_000 })).await;
        text.push_str(part["text"].as_str().unwrap());
        offset = part["next_offset"].clone();
    }
    assert_eq!(text, engine.note(long).await.unwrap().body);
    program.stop().await;
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_leaves_the_folder_to_the_app() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &[]).await;
    let app = open(data.path()).await;
    assert!(!app.read_only());
    let id = save(&app, "Later", "Written after the server began.", "").await;
    let read = program.get("read", json!({ "id": id.0 })).await;
    assert_eq!(read["title"], "Later");
    until_found(&program, "written").await;
    for made in 0..260 {
        save(&app, &format!("Note {made}"), "x", "").await;
    }
    let mut seen = Vec::new();
    let mut offset = json!(0);
    while !offset.is_null() {
        let page = program.get("list", json!({ "offset": offset, "limit": 100 })).await;
        seen.extend(titles(&page, "notes"));
        offset = page["next_offset"].clone();
    }
    assert_eq!(seen.len(), 261);
    program.stop().await;
    app.close().await.unwrap();
}
