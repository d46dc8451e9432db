//! A language model's server whose every byte a test decides, on threads of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many came before it.
    pub number: usize,
    pub path: String,
    /// Lines of the head after the first, names in lower case.
    pub headers: Vec<String>,
    pub body: Value,
}

impl Asked {
    /// What the last message says.
    pub fn question(&self) -> &str {
        self.body["messages"]
            .as_array()
            .and_then(|messages| messages.last())
            .and_then(|message| message["content"].as_str())
            .unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The connection of one request. Writing to one that the client has left does nothing.
pub struct Wire {
    stream: TcpStream,
    /// Told when the client has left.
    left: Arc<Mutex<usize>>,
}

impl Wire {
    pub fn raw(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        // The client may be gone, which is what some tests are about.
        drop(self.stream.write_all(bytes.as_ref()));
        self
    }

    /// The head of a response whose end is the connection's.
    pub fn head(&mut self, status: &str, headers: &[&str]) -> &mut Self {
        let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        self.raw(head + "\r\n")
    }

    /// A whole response.
    pub fn whole(&mut self, status: &str, content_type: &str, body: &str) -> &mut Self {
        let length = format!("content-length: {}", body.len());
        self.head(status, &[&format!("content-type: {content_type}"), &length]).raw(body)
    }

    /// The head of a stream in chunks.
    pub fn stream(&mut self) -> &mut Self {
        self.head("200 OK", &["content-type: text/event-stream", "transfer-encoding: chunked"])
    }

    pub fn chunk(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend(bytes);
        chunk.extend(b"\r\n");
        self.raw(chunk)
    }

    pub fn event(&mut self, json: &Value) -> &mut Self {
        self.chunk(format!("data: {json}\n\n"))
    }

    pub fn token(&mut self, text: &str) -> &mut Self {
        self.event(&json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }))
    }

    /// As a stream ends that ends well.
    pub fn done(&mut self) -> &mut Self {
        self.event(&json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] }));
        self.chunk("data: [DONE]\n\n").chunk("")
    }

    /// A whole answer, word by word.
    pub fn answer(&mut self, text: &str) -> &mut Self {
        self.stream();
        self.event(&json!({ "choices": [{ "delta": { "role": "assistant" } }] }));
        for word in text.split_inclusive(' ') {
            self.token(word);
        }
        self.done()
    }

    pub fn pause(&mut self, time: Duration) -> &mut Self {
        thread::sleep(time);
        self
    }

    /// Says nothing more until the client leaves.
    pub fn stall(&mut self) {
        let mut rest = Vec::new();
        drop(self.stream.read_to_end(&mut rest));
        *self.left.lock().expect("no panic while held") += 1;
    }
}

/// Runs until the program ends.
pub struct ModelServer {
    /// Of its root, as a person would give it.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    left: Arc<Mutex<usize>>,
}

impl ModelServer {
    pub fn start(script: impl Fn(&Asked, &mut Wire) + Send + Sync + 'static) -> ModelServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (asked, left) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let script = Arc::new(script);
        let server = ModelServer { url, asked: asked.clone(), left: left.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, asked, left) = (script.clone(), asked.clone(), left.clone());
                thread::spawn(move || {
                    let Some(request) = read(&stream, &asked) else { return };
                    let mut wire = Wire { stream, left };
                    script(&request, &mut wire);
                    drop(wire.stream.shutdown(Shutdown::Both));
                });
            }
        });
        server
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic while held").clone()
    }

    /// Clients that left while the server was silent.
    pub fn left(&self) -> usize {
        *self.left.lock().expect("no panic while held")
    }
}

fn read(stream: &TcpStream, asked: &Mutex<Vec<Asked>>) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.parse().ok()?;
        }
        headers.push(format!("{name}: {value}"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let mut asked = asked.lock().expect("no panic while held");
    let request = Asked { number: asked.len(), path, headers, body };
    asked.push(request.clone());
    Some(request)
}
