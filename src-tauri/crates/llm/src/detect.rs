//! Looking for servers on this machine: only when asked, and only at the ports where they usually are.

use std::time::Duration;

use crate::client::{Client, Timing};
use crate::endpoint::{Api, Endpoint};

/// A server that answers on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it is by its port.
    pub name: String,
    pub base_url: String,
    pub api: Api,
    pub models: Vec<String>,
}

/// Where Ollama, llama.cpp's server and LM Studio listen unless told otherwise.
const USUAL: [(u16, &str); 3] = [(11434, "Ollama"), (8080, "llama.cpp"), (1234, "LM Studio")];
/// A server that works on a question may take a moment to list its models.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the usual ports of 127.0.0.1 for their models, all at once. Takes three seconds at most.
pub fn detect(cancelled: &(dyn Fn() -> bool + Sync)) -> Vec<Found> {
    look(&USUAL, cancelled)
}

fn look(ports: &[(u16, &str)], cancelled: &(dyn Fn() -> bool + Sync)) -> Vec<Found> {
    std::thread::scope(|scope| {
        let looks: Vec<_> = ports
            .iter()
            .map(|&(port, name)| scope.spawn(move || ask(port, name, cancelled)))
            .collect();
        looks.into_iter().filter_map(|look| look.join().ok().flatten()).collect()
    })
}

fn ask(port: u16, name: &str, cancelled: &dyn Fn() -> bool) -> Option<Found> {
    let endpoint = Endpoint {
        base_url: format!("http://127.0.0.1:{port}"),
        api: Api::OpenAi,
        model: String::new(),
        temperature: None,
        context_tokens: 0,
    };
    let timing = Timing { connect: PATIENCE, list: PATIENCE, ..Timing::default() };
    let client = Client::new(endpoint.clone(), &[]).ok()?.with_timing(timing);
    let tags = format!("{}/api/tags", endpoint.base_url);
    let is_ollama = name == "Ollama";
    if is_ollama && let Ok(models) = client.list(tags, None, cancelled) {
        let (name, base_url) = (name.to_owned(), endpoint.base_url);
        return Some(Found { name, base_url, api: Api::Ollama, models });
    }
    let models = client.models(None, cancelled).ok()?;
    Some(Found { name: name.to_owned(), base_url: endpoint.base_url, api: Api::OpenAi, models })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers every request with `body`, one after the other.
    fn serve(body: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if connection.read(&mut byte).unwrap() == 0 {
                        break;
                    }
                    seen.push(byte[0]);
                }
                let length = body.len();
                let head = "content-type: application/json\r\nconnection: close";
                write!(
                    connection,
                    "HTTP/1.1 200 OK\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        port
    }

    #[test]
    fn servers_are_found_where_they_are() {
        let ollama = serve("{\"models\":[{\"name\":\"llama3:8b\"}]}");
        let llama = serve("{\"data\":[{\"id\":\"gemma\"}]}");
        let other = serve("{\"hello\":1}");
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = silent.local_addr().unwrap().port();
        let ports =
            [(ollama, "Ollama"), (llama, "llama.cpp"), (other, "LM Studio"), (silent, "none")];
        let found = look(&ports, &|| false);
        let found: Vec<(&str, Api, &[String])> =
            found.iter().map(|it| (it.name.as_str(), it.api, it.models.as_slice())).collect();
        assert_eq!(
            found,
            [
                ("Ollama", Api::Ollama, &["llama3:8b".to_owned()][..]),
                ("llama.cpp", Api::OpenAi, &["gemma".to_owned()][..]),
            ]
        );
    }
}
