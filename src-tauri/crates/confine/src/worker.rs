use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{FLAG, Failure, Fences, HELLO, Limits, answer};

/// How often a wait looks whether it was cancelled: a cancelled process is gone within this time.
const TICK: Duration = Duration::from_millis(20);
/// How long a process may take to say its first word, on a busy machine.
const START: Duration = Duration::from_secs(30);
/// What one process does before another takes its place, so that nothing adds up in it: requests,
/// time spent on them, and bytes of memory that it has kept.
const REQUESTS: usize = 500;
const BUSY: Duration = Duration::from_secs(120);
const KEPT: u64 = 64 << 20;
/// The last of the three files that every process starts with.
const STDERR: i32 = 2;
/// An answer's memory is set aside as it comes in, whatever it says of its length.
const PORTION: usize = 1 << 20;

/// A program whose `main` begins with [`crate::serve_if_asked`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(PathBuf);

impl Program {
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program(path.into())
    }

    /// The one that runs now, also if its file was replaced meanwhile.
    ///
    /// # Errors
    /// The system does not tell which program this is.
    pub fn this() -> io::Result<Program> {
        if cfg!(target_os = "linux") {
            return Ok(Program("/proc/self/exe".into()));
        }
        std::env::current_exe().map(Program)
    }
}

/// Has at most one confined process, started when there is something to do, used for one request
/// after the other, and ended when dropped. To be used by one thread for all of its life: Linux ends
/// the process with the thread that started it.
#[derive(Debug)]
pub struct Worker {
    program: Program,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    socket: UnixStream,
    /// Where its last words go.
    words: File,
    fences: Fences,
    requests: usize,
    busy: Duration,
}

/// Why an exchange stopped.
enum Stop {
    Cancelled,
    Slow,
    TooMuch,
    /// The process closed its socket.
    Gone,
    Nonsense(String),
}

impl Worker {
    pub fn new(program: Program) -> Worker {
        Worker { program, process: None }
    }

    /// The fences of the process, while there is one.
    pub fn fences(&self) -> Option<Fences> {
        self.process.as_ref().map(|process| process.fences)
    }

    /// Sends a request, given in parts, and hands on each answer. `cancelled` is asked every 20 ms.
    ///
    /// A request fails only if it fails in a fresh process: what an earlier one left behind in a used
    /// one is no fault of its own.
    ///
    /// # Errors
    /// See [`Failure`]. Answers that came before are handed on already.
    pub fn run(
        &mut self,
        request: &[&[u8]],
        limits: &Limits,
        cancelled: &dyn Fn() -> bool,
        each: &mut dyn FnMut(Vec<u8>),
    ) -> Result<(), Failure> {
        loop {
            let mut process = match self.process.take() {
                Some(process) => process,
                None => Process::start(&self.program, limits.memory, cancelled)?,
            };
            let used = process.requests > 0;
            let started = Instant::now();
            let mut answers = 0;
            let done = process.exchange(request, limits, cancelled, &mut |item| {
                answers += 1;
                each(item);
            });
            match done {
                Ok(()) => {
                    process.requests += 1;
                    process.busy += started.elapsed();
                    if !process.is_worn() {
                        self.process = Some(process);
                    }
                    return Ok(());
                }
                Err(Stop::Gone | Stop::Nonsense(_)) if used && answers == 0 => {}
                Err(stop) => return Err(process.failure(stop, limits)),
            }
        }
    }
}

impl Process {
    fn start(
        program: &Program,
        memory: u64,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Process, Failure> {
        let not_started = |error: io::Error| Failure::NotStarted(error.to_string());
        // Whatever this program was started with, or a library opened, stays here.
        close_fds::set_fds_cloexec_threadsafe(STDERR + 1, &[]);
        let (socket, its) = UnixStream::pair().map_err(not_started)?;
        let words = tempfile::tempfile().map_err(not_started)?;
        let mut command = Command::new(&program.0);
        command
            .arg(FLAG)
            .arg(memory.to_string())
            .env_clear()
            // Address space that an allocator sets aside at once would all count as taken.
            .env("MIMALLOC_ARENA_RESERVE", "0")
            .stdin(OwnedFd::from(its))
            .stdout(Stdio::null())
            .stderr(words.try_clone().map_err(not_started)?)
            // Ctrl+C in a terminal is for the parent.
            .process_group(0);
        // Where the program itself was told to look for its libraries.
        if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let child = command.spawn().map_err(not_started)?;
        drop(command);
        let fences = Fences::default();
        let mut process =
            Process { child, socket, words, fences, requests: 0, busy: Duration::ZERO };
        for set in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
            set(&process.socket, Some(TICK)).map_err(not_started)?;
        }
        let mut hello = [0; HELLO.len() + 1];
        let until = Instant::now() + START;
        match process.receive(&mut hello, until, cancelled) {
            Ok(()) if hello.starts_with(&HELLO) => {
                process.fences = Fences::of_byte(hello[HELLO.len()]);
                tracing::debug!(fences = %process.fences, "a confined process was started");
                Ok(process)
            }
            Err(Stop::Cancelled) => Err(Failure::Cancelled),
            Err(Stop::Slow) => Err(Failure::NotStarted("it says nothing".to_owned())),
            Ok(()) => Err(Failure::NotStarted("it is another program".to_owned())),
            Err(Stop::Gone | Stop::TooMuch | Stop::Nonsense(_)) => {
                Err(Failure::NotStarted(process.last_words()))
            }
        }
    }

    fn exchange(
        &mut self,
        request: &[&[u8]],
        limits: &Limits,
        cancelled: &dyn Fn() -> bool,
        each: &mut dyn FnMut(Vec<u8>),
    ) -> Result<(), Stop> {
        let length: usize = request.iter().map(|part| part.len()).sum();
        let mut until = Instant::now() + limits.time;
        self.send(&(length as u64).to_le_bytes(), until, cancelled)?;
        for part in request {
            self.send(part, until, cancelled)?;
        }
        let mut left = limits.output;
        loop {
            let mut head = [0; 5];
            self.receive(&mut head, until, cancelled)?;
            let [kind, length @ ..] = head;
            let length = u32::from_le_bytes(length);
            match kind {
                answer::END if length == 0 => return Ok(()),
                answer::ITEM => {}
                other => return Err(Stop::Nonsense(format!("an answer of type {other}"))),
            }
            left = left.checked_sub(u64::from(length)).ok_or(Stop::TooMuch)?;
            let mut item = Vec::new();
            while item.len() < length as usize {
                let at = item.len();
                item.resize((at + PORTION).min(length as usize), 0);
                self.receive(&mut item[at..], until, cancelled)?;
            }
            each(item);
            until = Instant::now() + limits.time;
        }
    }

    fn send(
        &mut self,
        mut bytes: &[u8],
        until: Instant,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), Stop> {
        while !bytes.is_empty() {
            let sent = self.socket.write(bytes);
            bytes = &bytes[moved(sent, until, cancelled)?..];
        }
        Ok(())
    }

    fn receive(
        &mut self,
        bytes: &mut [u8],
        until: Instant,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), Stop> {
        let mut at = 0;
        while at < bytes.len() {
            let received = match self.socket.read(&mut bytes[at..]) {
                Ok(0) => return Err(Stop::Gone),
                received => received,
            };
            at += moved(received, until, cancelled)?;
        }
        Ok(())
    }

    /// Whether it did enough, or keeps too much memory, to be used again.
    fn is_worn(&self) -> bool {
        self.requests >= REQUESTS || self.busy >= BUSY || kept(self.child.id()) > KEPT
    }

    fn failure(mut self, stop: Stop, limits: &Limits) -> Failure {
        match stop {
            Stop::Cancelled => Failure::Cancelled,
            Stop::Slow => Failure::Slow(limits.time),
            Stop::TooMuch => Failure::Output(limits.output),
            Stop::Nonsense(what) => Failure::Crashed(what),
            Stop::Gone => {
                let words = self.last_words();
                // What Rust says before it aborts because there is no more memory.
                if words.contains("memory allocation of") {
                    Failure::Memory(limits.memory)
                } else {
                    Failure::Crashed(words)
                }
            }
        }
    }

    /// Ends the process; how it ended, and what it said.
    fn last_words(&mut self) -> String {
        let ended = self.end();
        let mut said = Vec::new();
        let read = self.words.rewind().and_then(|()| self.words.read_to_end(&mut said));
        let said = match read {
            Ok(_) => String::from_utf8_lossy(&said).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        format!("{ended}: {said}")
    }

    fn end(&mut self) -> String {
        // It may be gone already, which is what is wanted.
        drop(self.child.kill());
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// How many bytes went through; looks at the clock and at whether it was cancelled.
fn moved(
    result: io::Result<usize>,
    until: Instant,
    cancelled: &dyn Fn() -> bool,
) -> Result<usize, Stop> {
    let moved = match result {
        Ok(moved) => moved,
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => 0,
            _ => return Err(Stop::Gone),
        },
    };
    if cancelled() {
        Err(Stop::Cancelled)
    } else if Instant::now() >= until {
        Err(Stop::Slow)
    } else {
        Ok(moved)
    }
}

/// Bytes of memory that a process has to itself, as far as the system tells.
fn kept(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}
