//! Shared by the tests and the benches: where the shared data lies, judged sets and their scoring,
//! what is measured with, kill −9, and a desktop for the real window.

use std::path::PathBuf;

pub mod bare_onnx;
pub mod crash;
pub mod desk;
pub mod filled;
pub mod measure;
pub mod mixed;
pub mod model_server;
pub mod processes;
pub mod synthetic;
pub mod trec;

/// The root of the checkout.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A path below `../shared/data` beside the checkout, if it is there.
pub fn shared_data(path: &str) -> Option<PathBuf> {
    let path = workspace().join("../shared/data").join(path);
    path.exists().then_some(path)
}

/// The model's folder, if `cargo xtask setup` has made it.
pub fn model_dir() -> Option<PathBuf> {
    let dir = workspace().join("assets/model");
    dir.join("model.onnx").exists().then_some(dir)
}
