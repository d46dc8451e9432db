//! Stores that hold a judged set as notes, kept between runs of the programs that measure.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use engine::{Engine, IndexState, ModelSource, Options};
use note::{NoteDraft, NoteId};

use crate::trec::JudgedSet;
use crate::{model_dir, synthetic};

/// Notes given to the store at a time.
const BATCH: usize = 256;

/// Every other query, whatever else is in its set: by a digest of its name.
pub fn is_held_out(query: &str) -> bool {
    blake3::hash(query.as_bytes()).as_bytes()[0] & 1 == 1
}

/// The folder of a store that is kept between runs, under a name that says what is in it.
pub fn kept(name: &str, content: &blake3::Hash, fresh: bool) -> Result<PathBuf> {
    let folder =
        synthetic::home()?.join("eval").join(format!("{name}-{}", &content.to_hex()[..16]));
    if fresh && folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// Opens a store, with the model if anything is to be found by `meaning`.
///
/// # Errors
/// Another process holds the folder, or there is no model.
pub async fn open(folder: &Path, meaning: bool) -> Result<Engine> {
    let model = match meaning {
        false => ModelSource::None,
        true => {
            ModelSource::Dir(model_dir().context("no model is installed: run cargo xtask setup")?)
        }
    };
    let engine = Engine::open(Options { eager: true, ..Options::new(folder, model) }).await?;
    if engine.read_only() {
        bail!("{} is in use by another run", folder.display());
    }
    Ok(engine)
}

/// Waits until the indexes hold everything.
///
/// # Errors
/// An index is not ready then.
pub async fn settle(engine: &Engine, meaning: bool) -> Result<()> {
    let status = engine.settled().await?;
    if status.words_state != IndexState::Ready
        || (meaning && status.meaning_state != IndexState::Ready)
    {
        bail!("the indexes are not ready: {}", status.message.unwrap_or_default());
    }
    Ok(())
}

/// A store that holds the corpus as notes, and which note is which document. It is kept for later
/// runs: SQLite keeps the vectors, and the engine makes indexes anew that are of an older form.
pub async fn fill(
    dir: &Path,
    set: &JudgedSet,
    meaning: bool,
    fresh: bool,
) -> Result<(Engine, HashMap<NoteId, String>)> {
    let corpus = std::fs::read(dir.join("corpus.jsonl"))?;
    let folder = kept(&set.name, &blake3::hash(&corpus), fresh)?;
    let known = folder.join("documents.json");
    if !known.exists() && folder.join("store.db").exists() {
        // The saving was cut short.
        return Box::pin(fill(dir, set, meaning, true)).await;
    }
    let engine = open(&folder, meaning).await?;
    let mut ids: HashMap<NoteId, String> = HashMap::with_capacity(set.corpus.len());
    if known.exists() {
        let stored: Vec<(i64, String)> = serde_json::from_slice(&std::fs::read(&known)?)?;
        ids.extend(stored.into_iter().map(|(note, document)| (NoteId(note), document)));
    } else {
        for batch in set.corpus.chunks(BATCH) {
            let drafts = batch
                .iter()
                .map(|document| NoteDraft {
                    title: document.title.lines().collect::<Vec<_>>().join(" "),
                    body: document.text.clone(),
                    ..NoteDraft::default()
                })
                .collect();
            let saved = engine.save_notes(drafts).await?;
            ids.extend(saved.iter().map(|saved| saved.id).zip(batch.iter().map(|d| d.id.clone())));
        }
        let stored: Vec<(i64, &String)> = ids.iter().map(|(note, id)| (note.0, id)).collect();
        std::fs::write(&known, serde_json::to_vec(&stored)?)?;
    }
    settle(&engine, meaning).await?;
    Ok((engine, ids))
}
