use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use crate::{FLAG, HELLO, answer, fence};

/// To be called first in `main`. Returns at once, unless a [`crate::Worker`] started this process:
/// then it confines itself, answers requests with `work` until there are no more, and ends the
/// process. `work` takes a request and a function that sends one answer of it.
pub fn serve_if_asked(mut work: impl FnMut(&[u8], &mut dyn FnMut(&[u8]))) {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_none_or(|first| first != FLAG) {
        return;
    }
    let memory = args.next().and_then(|bytes| bytes.to_str()?.parse().ok());
    let ended = match memory {
        Some(memory) => serve(memory, &mut work),
        None => Err(io::Error::other("started without its limit of memory")),
    };
    match ended {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("a confined process ended: {error}");
            std::process::exit(1);
        }
    }
}

/// Takes a request and a function that sends one answer of it.
type Work<'a> = dyn FnMut(&[u8], &mut dyn FnMut(&[u8])) + 'a;

fn serve(memory: u64, work: &mut Work<'_>) -> io::Result<()> {
    // Whoever works here catches panics and answers with them; nobody reads them twice.
    std::panic::set_hook(Box::new(|_| {}));
    // One socket for both ways: what a library prints does not get among the answers.
    let mut socket = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    // A parent that was killed must not leave a process behind that computes for nobody.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let fences = fence::raise(memory);
    socket.write_all(&HELLO)?;
    socket.write_all(&[fences.to_byte()])?;
    let mut length = [0; 8];
    loop {
        match socket.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let length = u64::from_le_bytes(length);
        let mut request = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
        if (&socket).take(length).read_to_end(&mut request)? as u64 != length {
            return Ok(());
        }
        let mut sent = Ok(());
        work(&request, &mut |item| {
            if sent.is_ok() {
                sent = send(&mut socket, answer::ITEM, item);
            }
        });
        sent?;
        send(&mut socket, answer::END, &[])?;
    }
}

fn send(socket: &mut File, kind: u8, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut head = [kind; 5];
    head[1..].copy_from_slice(&length.to_le_bytes());
    socket.write_all(&head)?;
    socket.write_all(bytes)
}
