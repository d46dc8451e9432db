use std::io;
use std::path::PathBuf;

use crate::{Failure, Fences, Limits};

/// Does nothing: no process is started for that on this system.
pub fn serve_if_asked(_work: impl FnMut(&[u8], &mut dyn FnMut(&[u8]))) {}

/// A program that would be started, if this system had confined processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program;

impl Program {
    pub fn new(_path: impl Into<PathBuf>) -> Program {
        Program
    }

    /// # Errors
    /// Always.
    pub fn this() -> io::Result<Program> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Starts nothing.
#[derive(Debug)]
pub struct Worker;

impl Worker {
    pub fn new(_program: Program) -> Worker {
        Worker
    }

    pub fn fences(&self) -> Option<Fences> {
        None
    }

    /// # Errors
    /// Always.
    pub fn run(
        &mut self,
        _request: &[&[u8]],
        _limits: &Limits,
        _cancelled: &dyn Fn() -> bool,
        _each: &mut dyn FnMut(Vec<u8>),
    ) -> Result<(), Failure> {
        Err(Failure::NotStarted("this system has no confined processes".to_owned()))
    }
}
