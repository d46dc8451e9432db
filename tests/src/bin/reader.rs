//! Reads documents as the product does; a document whose text begins with `misbehave:` has it do what
//! a broken or taken-over reader might do instead, and tell how far it came. For the tests alone.

use std::fs::File;
use std::hint::black_box;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;

use engine::serve_documents;
use extract::{Extracted, Input, extract};

fn main() {
    serve_documents(|input| match order(input) {
        Some((order, argument)) => misbehave(order, argument),
        None => extract(input).map_err(|error| error.to_string()),
    });
    eprintln!("this program only reads documents for the tests");
}

fn order<'a>(input: &Input<'a>) -> Option<(&'a str, &'a str)> {
    let text = std::str::from_utf8(input.bytes).ok()?.strip_prefix("misbehave: ")?;
    Some(text.split_once(' ').unwrap_or((text, "")))
}

fn misbehave(order: &str, argument: &str) -> Result<Extracted, String> {
    let told = match order {
        "loop" => loop {
            std::hint::spin_loop();
        },
        "allocate" => {
            let mut kept = Vec::new();
            loop {
                kept.push(vec![1u8; 1 << 20]);
                black_box(&kept);
            }
        }
        "abort" => std::process::abort(),
        "exit" => std::process::exit(0),
        "overflow" => format!("{}", deeper(1)),
        "panic" => panic!("as it was told"),
        "print" => {
            print_much();
            "printed".to_owned()
        }
        "nonsense" => {
            // On the socket itself, where answers go.
            let _ = rustix::io::write(std::io::stdin(), b"\x07nonsense nonsense nonsense");
            "answered".to_owned()
        }
        "open" => outcome(File::open(argument)),
        "create" => outcome(File::create(argument)),
        "connect" => outcome(TcpStream::connect(argument)),
        "listen" => outcome(TcpListener::bind(argument)),
        "datagram" => outcome(UdpSocket::bind(argument)),
        "local-socket" => outcome(UnixStream::connect(argument)),
        "start" => outcome(Command::new(argument).spawn()),
        "signal" => match argument.parse().ok().and_then(rustix::process::Pid::from_raw) {
            Some(pid) => outcome(
                rustix::process::kill_process(pid, rustix::process::Signal::USR1)
                    .map_err(std::io::Error::from),
            ),
            None => return Err("no process was named".to_owned()),
        },
        other => return Err(format!("{other} is nothing to do")),
    };
    Ok(Extracted { body: format!("{order}: {told}"), kind: "text", ..Extracted::default() })
}

fn outcome<T>(tried: std::io::Result<T>) -> String {
    match tried {
        Ok(_) => "done".to_owned(),
        Err(error) => format!("refused, {error}"),
    }
}

#[allow(unconditional_recursion, reason = "that is the point")]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + depth
}

#[allow(clippy::print_stdout, reason = "that is the point")]
fn print_much() {
    for number in 0..10_000 {
        println!("{number} \u{1}\u{2} confine1 and other things that libraries print");
    }
}
