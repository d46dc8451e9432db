use std::path::{Path, PathBuf};
use std::sync::Arc;

use embed::FakeEmbedder;
use engine::{Engine, Hits, IndexState, Mode, ModelSource, Options, Reader, SearchRequest};
use note::{NoteDraft, NoteId};
use tokio_util::sync::CancellationToken;

/// Longer than any step takes on a busy machine: a test that waits in vain says what for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Two worker threads, as on the machines that the product is meant for.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

/// An engine whose model is a quick, deterministic one.
pub(crate) async fn open(dir: &Path) -> Engine {
    open_with(dir, ModelSource::Given(Arc::new(FakeEmbedder))).await
}

pub(crate) async fn open_with(dir: &Path, model: ModelSource) -> Engine {
    Engine::open(Options { reader: reader(), ..Options::new(dir, model) }).await.unwrap()
}

/// Documents are read as in the product, in confined processes, by a program that also does on demand
/// what a broken reader would do.
pub(crate) fn reader() -> Reader {
    Reader::program(READER)
}

pub(crate) const READER: &str = env!("CARGO_BIN_EXE_reader");

/// The real model, or a line that says why not.
pub(crate) fn real_model() -> Option<ModelSource> {
    let dir = commonplace_tests::model_dir();
    if dir.is_none() {
        println!("skipped: the embedding model is not installed (cargo xtask setup)");
    }
    dir.map(ModelSource::Dir)
}

/// A folder of the shared data, or a line that says that it is not there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let found = commonplace_tests::shared_data(path);
    if found.is_none() {
        println!("skipped: ../shared/data/{path} is not there");
    }
    found
}

pub(crate) fn draft(title: &str, body: &str) -> NoteDraft {
    NoteDraft { title: title.to_owned(), body: body.to_owned(), ..NoteDraft::default() }
}

pub(crate) async fn save(engine: &Engine, title: &str, body: &str) -> NoteId {
    engine.save_note(None, None, draft(title, body)).await.unwrap().id
}

pub(crate) async fn search(engine: &Engine, text: &str, mode: Mode) -> Hits {
    let request = SearchRequest {
        text: text.to_owned(),
        mode,
        limit: 50,
        wait_for_model: true,
        ..SearchRequest::default()
    };
    engine.search(request, CancellationToken::new()).await.unwrap()
}

pub(crate) fn ids(hits: &Hits) -> Vec<NoteId> {
    hits.hits.iter().map(|hit| hit.head.id).collect()
}

/// Waits until all is searchable, and checks that the status says so truly.
pub(crate) async fn settle(engine: &Engine) {
    let settled = tokio::time::timeout(PATIENCE, engine.settled()).await;
    let Ok(status) = settled else {
        panic!(
            "never settled: {:?}, published {:?}",
            engine.status_now().await,
            *engine.status().borrow()
        );
    };
    let status = status.unwrap();
    assert_eq!(status.words_state, IndexState::Ready, "{status:?}");
    assert_eq!(status.words_pending, 0, "{status:?}");
    if status.meaning_state == IndexState::Ready {
        assert_eq!(status.meaning_pending, 0, "{status:?}");
        assert_eq!(status.vectors, status.chunks, "{status:?}");
    }
}
