//! The rules of ARCHITECTURE.md that a program can check.

use std::fs;
use std::path::{Path, PathBuf};

use commonplace_tests::workspace;

/// Room, what it may import of the other rooms, and foreign crates that only some rooms may name.
const ROOMS: [(&str, &[&str]); 11] = [
    ("note", &[]),
    ("store", &["note"]),
    ("keyword", &["note"]),
    ("vector", &["note"]),
    ("embed", &[]),
    ("extract", &[]),
    ("confine", &[]),
    ("llm", &[]),
    ("engine", &["note", "store", "keyword", "vector", "embed", "extract", "confine", "llm"]),
    ("cli", &["engine", "note"]),
    ("xtask", &[]),
];

/// A foreign crate and the only rooms that may depend on it. The empty list: no room below the shell.
const OWNED: [(&str, &[&str]); 18] = [
    ("rusqlite", &["store"]),
    ("tantivy", &["keyword"]),
    ("usearch", &["vector"]),
    ("fastembed", &["embed"]),
    ("ort", &["embed"]),
    ("pdf_oxide", &["extract"]),
    ("dom_smoothie", &["extract"]),
    ("htmd", &["extract"]),
    ("landlock", &["confine"]),
    ("seccompiler", &["confine"]),
    ("tokio", &["engine", "cli"]),
    ("clap", &["cli", "xtask"]),
    ("tauri", &[]),
    ("reqwest", &[]),
    ("hyper", &[]),
    ("ureq", &["llm"]),
    ("keyring", &["llm"]),
    ("rmcp", &["cli"]),
];

fn crates() -> PathBuf {
    workspace().join("src-tauri/crates")
}

/// Names under `[dependencies]` of one crate.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = fs::read_to_string(manifest).unwrap();
    text.lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn sources(dir: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["node_modules", "dist", "generated", "target", "model", "artefacts"]
                .contains(&name.as_str())
            {
                found.extend(sources(&path, extensions));
            }
        } else if extensions.iter().any(|extension| name.ends_with(extension)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn arrows_only_go_down_and_each_room_has_its_own_foreign_crate() {
    let rooms: Vec<String> = fs::read_dir(crates())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for room in &rooms {
        let (_, allowed) = ROOMS
            .iter()
            .find(|(name, _)| name == room)
            .unwrap_or_else(|| panic!("{room} is not in the table of rooms"));
        for dependency in dependencies(&crates().join(room).join("Cargo.toml")) {
            if rooms.contains(&dependency) {
                assert!(allowed.contains(&dependency.as_str()), "{room} imports {dependency}");
            }
            if let Some((_, owners)) = OWNED.iter().find(|(name, _)| *name == dependency) {
                assert!(owners.contains(&room.as_str()), "{room} names {dependency}");
            }
            assert!(!dependency.starts_with("tauri"), "{room} knows {dependency}");
        }
    }
}

#[test]
fn only_the_api_folder_knows_the_bridge_and_things_do_not_import_each_other() {
    let ui = workspace().join("ui/src");
    for path in sources(&ui, &[".ts", ".svelte"]) {
        let text = fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(&ui).unwrap().to_string_lossy().into_owned();
        if !place.starts_with("api/") {
            assert!(!text.contains("@tauri-apps/"), "{place} imports the bridge itself");
        }
        if place.starts_with("shared/") {
            for thing in ["tabs", "search", "notes", "editor", "tasks", "imports", "settings"] {
                assert!(!text.contains(&format!("\"../{thing}/")), "{place} knows {thing}");
            }
        }
        assert!(
            !text.contains("{@html") || place.starts_with("notes/"),
            "{place} renders raw HTML"
        );
    }
}

#[test]
fn nothing_unfinished_and_no_empty_names() {
    let root = workspace();
    for folder in ["src-tauri", "tests", "ui/src"] {
        for path in sources(&root.join(folder), &[".rs", ".ts", ".svelte", ".css"]) {
            if path.ends_with("tests/it/tidy.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            // In these apps' files the word means an open task.
            let is_org = ["org", "logseq", "json_notes"]
                .iter()
                .any(|name| path.ends_with(format!("extract/src/{name}.rs")));
            for marker in ["TODO", "FIXME", "XXX", "HACK"] {
                if is_org && marker == "TODO" {
                    continue;
                }
                let found =
                    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == marker);
                assert!(!found, "{} holds {marker}", path.display());
            }
            for empty in ["Manager", "Service", "Helper", "Util", "Handler"] {
                for kind in ["struct", "enum", "trait", "class"] {
                    let named = text.lines().any(|line| {
                        line.split_once(&format!("{kind} ")).is_some_and(|(_, rest)| {
                            rest.split(|c: char| !c.is_alphanumeric())
                                .next()
                                .is_some_and(|name| name.ends_with(empty))
                        })
                    });
                    assert!(!named, "{}: a {kind} is called …{empty}", path.display());
                }
            }
        }
    }
}

#[test]
fn the_papers_are_there_and_short() {
    let root = workspace();
    let lines = |name: &str| fs::read_to_string(root.join(name)).unwrap().lines().count();
    assert!(lines("ARCHITECTURE.md") <= 150);
    assert!(lines("README.md") <= 80);
    for paper in ["CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "assets/THIRD-PARTY-NOTICES.md"]
    {
        assert!(lines(paper) > 3, "{paper}");
    }
}

#[test]
fn the_windows_have_a_strict_policy_and_quick_search_the_fewest_rights() {
    let root = workspace();
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root.join("tauri.conf.json")).unwrap()).unwrap();
    let policy = &config["app"]["security"]["csp"];
    assert_eq!(policy["default-src"], "'self'");
    assert_eq!(policy["script-src"], "'self'");
    assert_eq!(policy["connect-src"], "ipc: http://ipc.localhost");
    let rights = |window: &str| -> Vec<String> {
        let path = root.join(format!("src-tauri/capabilities/{window}.json"));
        let capability: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        capability["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|right| right.as_str().unwrap().to_owned())
            .collect()
    };
    let (main, quick) = (rights("main"), rights("quick"));
    assert!(quick.len() < main.len() / 2);
    for right in main.iter().chain(&quick) {
        assert!(right.starts_with("allow-") || right.starts_with("core:event:"), "{right}");
    }
}
