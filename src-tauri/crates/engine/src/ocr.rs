//! Text on pictures, recognised by tesseract where it is installed. It is given plain grey pixels, which a
//! confined process decoded: no foreign file ever reaches it.

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use extract::Pixels;
use tokio_util::sync::CancellationToken;

/// For one picture; a page of print takes a few seconds of a core.
const TIME: Duration = Duration::from_secs(120);
/// Bytes of one picture's text; a densely printed page has a hundredth of it.
const MAX_TEXT: u64 = 1 << 20;
/// Each further language costs about as much time again.
const MAX_LANGUAGES: usize = 4;
const POLL: Duration = Duration::from_millis(20);

/// The program as it is installed here.
#[derive(Clone, Debug)]
pub(crate) struct Tesseract {
    program: PathBuf,
    /// As `-l` takes them: `deu+eng`.
    languages: String,
    /// Whether it can tell how a page is turned.
    turns: bool,
}

impl Tesseract {
    /// `None` if it is not installed, or has no language.
    pub(crate) fn find() -> Option<Tesseract> {
        let name = format!("tesseract{}", std::env::consts::EXE_SUFFIX);
        let program = std::env::split_paths(&std::env::var_os("PATH")?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&name))
            .find(|program| program.is_file())?;
        let output =
            Command::new(&program).arg("--list-langs").stdin(Stdio::null()).output().ok()?;
        // Versions before 5 list them on the other stream.
        let listed = [output.stdout, output.stderr].concat();
        let installed: Vec<String> = String::from_utf8_lossy(&listed)
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.contains([' ', ':']))
            .map(str::to_owned)
            .collect();
        let languages: Vec<&str> = installed
            .iter()
            .map(String::as_str)
            .filter(|code| !["osd", "equ", "snum"].contains(code))
            .take(MAX_LANGUAGES)
            .collect();
        let turns = installed.iter().any(|code| code == "osd");
        (!languages.is_empty()).then(|| Tesseract {
            program,
            languages: languages.join("+"),
            turns,
        })
    }

    /// The text on a picture; `None` if that was cancelled.
    ///
    /// # Errors
    /// Why nothing was recognised, for the log.
    pub(crate) fn read(
        &self,
        pixels: &Pixels,
        token: &CancellationToken,
    ) -> std::io::Result<Option<String>> {
        let mut command = Command::new(&self.program);
        command
            .args(["stdin", "stdout", "-l", &self.languages])
            .args(["--psm", if self.turns { "1" } else { "3" }])
            // One core is left to the person.
            .env("OMP_THREAD_LIMIT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = Running(command.spawn()?);
        let mut input = child.0.stdin.take().expect("piped");
        let mut output = child.0.stdout.take().expect("piped");
        let started = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // PGM (netpbm): its header, then one byte for each pixel. One that ends early says so itself.
                let header = format!("P5\n{} {}\n255\n", pixels.width, pixels.height);
                let _ =
                    input.write_all(header.as_bytes()).and_then(|()| input.write_all(&pixels.grey));
            });
            let text = scope.spawn(move || {
                let mut text = Vec::new();
                output.by_ref().take(MAX_TEXT).read_to_end(&mut text).map(|_| text)
            });
            let status = loop {
                if let Some(status) = child.0.try_wait()? {
                    break status;
                }
                let cancelled = token.is_cancelled();
                if cancelled || started.elapsed() > TIME {
                    // Which also ends the threads that hold its pipes.
                    child.stop();
                    return if cancelled { Ok(None) } else { Err(ErrorKind::TimedOut.into()) };
                }
                std::thread::sleep(POLL);
            };
            let text = text.join().map_err(|_| std::io::Error::other("its reader panicked"))??;
            if !status.success() {
                return Err(std::io::Error::other(format!("tesseract ended with {status}")));
            }
            Ok(Some(String::from_utf8_lossy(&text).into_owned()))
        })
    }
}

/// A process that does not outlive its use.
struct Running(Child);

impl Running {
    fn stop(&mut self) {
        // One that has ended already cannot be stopped, and need not be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
