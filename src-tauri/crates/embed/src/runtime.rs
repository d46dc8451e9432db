//! The ONNX runtime library: opened by path, once per process, because ort allows one environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use crate::EmbedError;

/// The environment lives as long as the process; a failure is not kept, so that it can be tried again.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment of the library in `dir`, or of the one that was opened first.
pub(crate) fn environment(dir: &Path) -> Result<Environment, EmbedError> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*environment {
        return Ok(environment.clone());
    }
    let path = library(dir)?;
    let failed = |reason: String| EmbedError::Runtime { path: path.clone(), reason };
    let built = ort::init_from(&path)
        .map_err(|error| failed(error.to_string()))?
        .with_name("commonplace")
        .with_telemetry(false)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    Ok(environment.insert(built).clone())
}

fn library(dir: &Path) -> Result<PathBuf, EmbedError> {
    let entries =
        fs::read_dir(dir).map_err(|source| EmbedError::Io { path: dir.to_owned(), source })?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("libonnxruntime") || name == "onnxruntime.dll")
        })
        .collect();
    found.sort();
    found.into_iter().next().ok_or_else(|| EmbedError::NoRuntime(dir.to_owned()))
}
