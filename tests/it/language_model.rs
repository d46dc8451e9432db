//! Language models: the client, against servers that do all that servers do, and the queue of questions.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use commonplace_tests::model_server::{Asked, ModelServer, Wire};
use commonplace_tests::shared_data;
use engine::{Code, Engine, Generating, KeyKept, LanguageModel, Mode, ModelSource, Options};
use llm::{Api, Client, Endpoint, Error, Finish, Message, Role, Secret, Stop, Timing};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{ids, open, run, save, search, settle};

/// Guards against hanging; nothing here takes nearly as long.
const FOREVER: Duration = Duration::from_secs(60);

fn endpoint(base_url: &str) -> Endpoint {
    Endpoint {
        base_url: base_url.to_owned(),
        api: Api::OpenAi,
        model: "m".to_owned(),
        temperature: Some(0.7),
        context_tokens: 4096,
    }
}

/// With waits that a test can bear.
fn client(server: &ModelServer) -> Client {
    patient(Client::new(endpoint(&server.url), &[]).unwrap())
}

fn patient(client: Client) -> Client {
    client.with_timing(Timing {
        connect: Duration::from_secs(5),
        first_token: Duration::from_secs(20),
        stall: Duration::from_secs(20),
        whole: FOREVER,
        list: Duration::from_secs(20),
        backoff: Duration::from_millis(5),
        longest_wait: Duration::from_secs(2),
        tries: 3,
    })
}

fn hasty(client: Client, change: impl FnOnce(&mut Timing)) -> Client {
    let mut timing = Timing { tries: 1, ..Timing::default() };
    change(&mut timing);
    client.with_timing(timing)
}

fn question() -> Vec<Message> {
    vec![Message::new(Role::System, "Be brief."), Message::new(Role::User, "Why?")]
}

fn ask(client: &Client) -> (String, llm::Result<Finish>) {
    ask_with(client, None)
}

fn ask_with(client: &Client, key: Option<&Secret>) -> (String, llm::Result<Finish>) {
    let mut text = String::new();
    let end = client.chat(&question(), key, &|| false, &mut |token| text.push_str(token));
    (text, end)
}

fn served(
    script: impl Fn(&Asked, &mut Wire) + Send + Sync + 'static,
) -> (String, llm::Result<Finish>) {
    let server = ModelServer::start(script);
    ask(&client(&server))
}

#[test]
fn an_answer_comes_word_by_word() {
    let server = ModelServer::start(|_, wire| {
        wire.answer("Because it is so.");
    });
    let mut tokens = Vec::new();
    let end = client(&server).chat(&question(), None, &|| false, &mut |token| {
        tokens.push(token.to_owned());
    });
    assert_eq!(tokens, ["Because ", "it ", "is ", "so."]);
    assert_eq!(end.unwrap().stop, Stop::Complete);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(
        asked.body,
        json!({
            "model": "m",
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "Why?" },
            ],
            "stream": true,
            "temperature": 0.7,
        })
    );
    assert_eq!(asked.header("authorization"), None);
}

#[test]
fn ollama_is_told_how_long_the_context_is() {
    let server = ModelServer::start(|_, wire| {
        wire.head("200 OK", &["content-type: application/x-ndjson"]);
        wire.raw("{\"message\":{\"content\":\"So \"},\"done\":false}\n");
        wire.raw("{\"message\":{\"content\":\"it is.\"},\"done\":false}\n");
        wire.raw(
            "{\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":7,\"eval_count\":3}\n",
        );
    });
    let ollama =
        Endpoint { api: Api::Ollama, base_url: format!("{}/v1", server.url), ..endpoint("") };
    let (text, end) = ask(&patient(Client::new(ollama, &[]).unwrap()));
    assert_eq!(text, "So it is.");
    let finish = Finish { stop: Stop::Complete, prompt_tokens: Some(7), answer_tokens: Some(3) };
    assert_eq!(end, Ok(finish));
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/api/chat");
    assert_eq!(asked.body["options"], json!({ "num_ctx": 4096, "temperature": 0.7 }));
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let (text, end) = served(|_, wire| {
        let body = json!({ "choices": [{
            "message": { "role": "assistant", "content": "All at once." }, "finish_reason": "length",
        }] });
        wire.whole("200 OK", "application/json", &body.to_string());
    });
    assert_eq!((text.as_str(), end.unwrap().stop), ("All at once.", Stop::Length));
}

#[test]
fn characters_may_be_cut_between_pieces() {
    let (text, end) = served(|_, wire| {
        let line = "data: {\"choices\":[{\"delta\":{\"content\":\"Grüße 日本語 🙂\"}}]}\n\n";
        wire.stream();
        for byte in line.as_bytes() {
            wire.chunk([*byte]);
        }
        wire.done();
    });
    assert_eq!((text.as_str(), end.is_ok()), ("Grüße 日本語 🙂", true));
}

#[test]
fn what_is_no_answer_is_an_error() {
    let check = |script: fn(&mut Wire), text: &str, expected: fn(&Error) -> bool| {
        let (heard, end) = served(move |_, wire| script(wire));
        let error = end.unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert_eq!(heard, text, "{error:?}");
        assert!(error.to_string().len() < 1000, "{error}");
    };
    // A question longer than the context is answered like this by some.
    check(
        |wire| {
            wire.stream().chunk("");
        },
        "",
        |e| matches!(e, Error::Empty { .. }),
    );
    check(
        |wire| {
            wire.stream().done();
        },
        "",
        |e| matches!(e, Error::Empty { .. }),
    );
    check(
        |wire| {
            wire.stream().token(" \n").done();
        },
        " \n",
        |e| matches!(e, Error::Empty { .. }),
    );
    check(
        |wire| {
            wire.stream().token("Half").chunk("");
        },
        "Half",
        |e| matches!(e, Error::BrokenOff { .. }),
    );
    check(
        |wire| {
            wire.stream().token("Half");
        },
        "Half",
        |e| matches!(e, Error::BrokenOff { .. }),
    );
    check(
        |wire| {
            wire.stream().token("Half").raw("ffff\r\ndata");
        },
        "Half",
        |e| matches!(e, Error::BrokenOff { .. }),
    );
    check(
        |wire| {
            wire.stream().token("Half").event(&json!({ "error": { "message": "out of memory" } }));
        },
        "Half",
        |e| matches!(e, Error::Reported { message, .. } if message == "out of memory"),
    );
    check(
        |wire| {
            wire.stream().token("Half").chunk("garbage\n\n");
        },
        "Half",
        |e| matches!(e, Error::Garbled { .. }),
    );
    check(
        |wire| {
            wire.stream().token("Half").chunk("data: {\"choices\": \"x\"}\n\n");
        },
        "Half",
        |e| matches!(e, Error::Garbled { .. }),
    );
    check(
        |wire| {
            wire.stream().chunk([0xff, 0xfe, 0, b'\n']);
        },
        "",
        |e| matches!(e, Error::Garbled { .. }),
    );
    check(
        |wire| {
            wire.raw("\0\x01 this is not HTTP\r\n\r\n");
        },
        "",
        |e| {
            matches!(e, Error::Garbled { .. } | Error::Unreachable { .. } | Error::BrokenOff { .. })
        },
    );
    check(|_| {}, "", |e| matches!(e, Error::BrokenOff { .. }));
    check(
        |wire| {
            wire.whole("200 OK", "text/html", "<h1>Login</h1>");
        },
        "",
        |e| matches!(e, Error::NotAModel { .. }),
    );
    check(
        |wire| {
            wire.whole("200 OK", "image/png", "x");
        },
        "",
        |e| matches!(e, Error::NotAModel { .. }),
    );
    check(
        |wire| {
            wire.whole("200 OK", "application/json", "[]");
        },
        "",
        |e| matches!(e, Error::Garbled { .. }),
    );
    check(
        |wire| {
            wire.whole("204 No Content", "text/plain", "");
        },
        "",
        |e| matches!(e, Error::Status { status: 204, .. }),
    );
    check(
        |wire| {
            wire.whole("404 Not Found", "application/json", "{\"detail\":\"Not Found\"}");
        },
        "",
        |e| matches!(e, Error::NotFound { message, .. } if message == "Not Found"),
    );
    check(
        |wire| {
            wire.whole("400 Bad Request", "application/json", "{\"error\":\"too long\"}");
        },
        "",
        |e| matches!(e, Error::Status { status: 400, message, .. } if message == "too long"),
    );
}

#[test]
fn lines_and_answers_have_limits() {
    let (text, end) = served(|_, wire| {
        wire.stream().token("Half");
        for _ in 0..40 {
            wire.chunk(vec![b'x'; 64 << 10]);
        }
    });
    assert_eq!(text, "Half");
    assert!(matches!(end, Err(Error::TooLong { .. })), "{end:?}");

    let (_, end) = served(|_, wire| {
        wire.stream();
        let comment = format!(": {}\n", "x".repeat(64 << 10)).repeat(16);
        for _ in 0..70 {
            wire.chunk(&comment);
        }
    });
    assert!(matches!(end, Err(Error::TooLong { .. })), "{end:?}");

    let (_, end) = served(|_, wire| {
        wire.head("200 OK", &[&format!("x-long: {}", "x".repeat(1 << 20))]);
    });
    assert!(end.is_err());
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = ModelServer::start(|_, wire| {
        wire.answer("Got you");
    });
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("location: {}/v1/chat/completions", elsewhere.url);
        let server = ModelServer::start(move |_, wire| {
            wire.head(status, &[&location, "content-length: 0"]);
        });
        let key = Secret::new(client(&server).host(), "sk-1");
        let (_, end) = ask_with(&client(&server), Some(&key));
        assert!(matches!(end, Err(Error::Redirect { .. })), "{end:?}");
        let listed = client(&server).models(Some(&key), &|| false);
        assert!(matches!(listed, Err(Error::Redirect { .. })), "{listed:?}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn a_busy_or_failing_server_is_asked_again_before_it_has_said_anything() {
    for status in ["429 Too Many Requests", "500 Internal Server Error", "503 Busy", "502 Bad"] {
        let server = ModelServer::start(move |asked, wire| {
            if asked.number < 2 {
                wire.whole(status, "application/json", "{\"error\":{\"message\":\"later\"}}");
            } else {
                wire.answer("Now");
            }
        });
        let (text, end) = ask(&client(&server));
        assert_eq!((text.as_str(), end.is_ok()), ("Now", true), "{end:?}");
        assert_eq!(server.asked().len(), 3);
    }
    let server = ModelServer::start(|_, wire| {
        wire.whole("500 Internal Server Error", "text/html", "<h1>Oh</h1>");
    });
    let (_, end) = ask(&client(&server));
    assert!(matches!(end, Err(Error::Status { status: 500, .. })), "{end:?}");
    assert_eq!(server.asked().len(), 3);

    // An answer that has begun is not begun anew, nor is one tried again that will be no better.
    for script in [
        (|wire: &mut Wire| {
            wire.stream().token("Half");
        }) as fn(&mut Wire),
        |wire| {
            wire.whole("401 Unauthorized", "application/json", "{}");
        },
        |wire| {
            wire.whole("400 Bad Request", "application/json", "{}");
        },
    ] {
        let server = ModelServer::start(move |_, wire| script(wire));
        assert!(ask(&client(&server)).1.is_err());
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn a_server_may_say_when_to_ask_again() {
    let server = ModelServer::start(|asked, wire| {
        if asked.number == 0 {
            wire.head("429 Too Many Requests", &["retry-after: 1", "content-length: 0"]);
        } else {
            wire.answer("Now");
        }
    });
    let started = Instant::now();
    assert_eq!(ask(&client(&server)).0, "Now");
    assert!(started.elapsed() >= Duration::from_secs(1));

    let server = ModelServer::start(|_, wire| {
        wire.head("429 Too Many Requests", &["retry-after: 3600", "content-length: 0"]);
    });
    let (_, end) = ask(&client(&server));
    let hour = Some(Duration::from_secs(3600));
    assert!(matches!(end, Err(Error::Busy { retry_after, .. }) if retry_after == hour), "{end:?}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_server_that_is_not_there_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (_, end) = ask(&patient(Client::new(endpoint(&url), &[]).unwrap()));
    assert!(matches!(end, Err(Error::NotRunning { .. })), "{end:?}");

    // One that is there, but speaks no TLS.
    let server = ModelServer::start(|_, wire| {
        wire.answer("In the clear");
    });
    let encrypted = server.url.replace("http:", "https:");
    let client = patient(Client::new(endpoint(&encrypted), &[]).unwrap());
    let (text, end) = ask_with(&client, Some(&Secret::new(client.host(), "sk-1")));
    assert!(text.is_empty() && end.is_err(), "{end:?}");
    assert!(server.asked().is_empty());
}

#[test]
fn silence_has_an_end() {
    let short = Duration::from_millis(60);
    let server = ModelServer::start(|_, wire| wire.stall());
    let (_, end) = ask(&hasty(client(&server), |timing| timing.first_token = short));
    assert!(matches!(end, Err(Error::NoFirstToken { .. })), "{end:?}");

    // Signs of life are no tokens.
    let server = ModelServer::start(|_, wire| {
        wire.stream();
        for _ in 0..400 {
            wire.chunk(": working\n\n").pause(Duration::from_millis(5));
        }
    });
    let (_, end) = ask(&hasty(client(&server), |timing| timing.first_token = short));
    assert!(matches!(end, Err(Error::NoFirstToken { .. })), "{end:?}");

    let server = ModelServer::start(|_, wire| wire.stream().token("Half").stall());
    let (text, end) = ask(&hasty(client(&server), |timing| timing.stall = short));
    assert_eq!(text, "Half");
    assert!(matches!(end, Err(Error::Stalled { .. })), "{end:?}");

    let server = ModelServer::start(|_, wire| {
        wire.stream();
        for _ in 0..400 {
            wire.token("on ").pause(Duration::from_millis(5));
        }
    });
    let (_, end) = ask(&hasty(client(&server), |timing| timing.whole = short));
    assert!(matches!(end, Err(Error::Endless { .. })), "{end:?}");

    let server = ModelServer::start(|_, wire| wire.stall());
    let listed = hasty(client(&server), |timing| timing.list = short).models(None, &|| false);
    assert!(matches!(listed, Err(Error::NoFirstToken { .. })), "{listed:?}");
}

/// Cancels a call once the server or the answer is where it should be; tells how long the call took to end.
fn cancelled_at(server: &ModelServer, is_there: impl Fn(&str) -> bool) -> Duration {
    let client = client(server);
    let cancelled = Arc::new(AtomicBool::new(false));
    let (tokens, heard) = mpsc::channel();
    let flag = cancelled.clone();
    let call = thread::spawn(move || {
        let end = client.chat(&question(), None, &|| flag.load(Ordering::Acquire), &mut |token| {
            tokens.send(token.to_owned()).unwrap();
        });
        (end, Instant::now())
    });
    let mut text = String::new();
    let deadline = Instant::now() + FOREVER;
    while !is_there(&text) {
        assert!(Instant::now() < deadline, "the call never came to where it is cancelled");
        text.extend(heard.try_iter());
        thread::yield_now();
    }
    let asked = Instant::now();
    cancelled.store(true, Ordering::Release);
    let (end, ended) = call.join().unwrap();
    assert_eq!(end, Err(Error::Cancelled));
    ended - asked
}

#[test]
fn a_call_can_be_cancelled_wherever_it_is() {
    let mut times = Vec::new();
    let server = Arc::new(ModelServer::start(|_, wire| wire.stall()));
    times.push(cancelled_at(&server, |_| !server.asked().is_empty()));
    let stalled = ModelServer::start(|_, wire| wire.stream().token("Half").stall());
    times.push(cancelled_at(&stalled, |text| text == "Half"));
    let chatty = ModelServer::start(|_, wire| {
        wire.stream();
        for _ in 0..100_000 {
            wire.token("on ");
        }
    });
    times.push(cancelled_at(&chatty, |text| text.len() > 30));
    let waiting = ModelServer::start(|_, wire| {
        wire.head("429 Too Many Requests", &["retry-after: 2", "content-length: 0"]);
    });
    times.push(cancelled_at(&waiting, |_| !waiting.asked().is_empty()));
    println!("cancelled after {times:?}");
    // 100 ms is what is promised; this machine may be busy with other things.
    assert!(times.iter().all(|&time| time < Duration::from_secs(2)), "{times:?}");
    let deadline = Instant::now() + FOREVER;
    while server.left() + stalled.left() < 2 {
        assert!(Instant::now() < deadline, "a cancelled connection stays open");
        thread::yield_now();
    }
}

#[test]
fn notes_leave_only_for_hosts_that_are_allowed() {
    let make = |base: &str, allowed: &[&str]| {
        let allowed: Vec<String> = allowed.iter().map(|&host| host.to_owned()).collect();
        Client::new(endpoint(base), &allowed).map(|client| client.is_local())
    };
    assert_eq!(make("http://127.0.0.1:11434", &[]), Ok(true));
    assert_eq!(make("https://api.example.org/v1", &["api.example.org"]), Ok(false));
    let host = "api.example.org".to_owned();
    assert_eq!(
        make("https://api.example.org/v1", &["example.org"]),
        Err(Error::HostNotAllowed { host: host.clone() })
    );
    assert_eq!(
        make("http://api.example.org/v1", &["api.example.org"]),
        Err(Error::PlainHttp { host })
    );
    assert_eq!(make("http://api.example.org/v1", &["http://api.example.org"]), Ok(false));
}

#[test]
fn a_key_goes_to_its_own_host_and_is_never_told() {
    let server = ModelServer::start(|asked, wire| {
        if asked.header("authorization") == Some("Bearer sk-right") {
            wire.answer("Come in");
        } else {
            let body = json!({ "error": { "message": "wrong key: sk-wrong, sorry" } });
            wire.whole("401 Unauthorized", "application/json", &body.to_string());
        }
    });
    let client = client(&server);
    let right = Secret::new(client.host(), "sk-right");
    assert_eq!(ask_with(&client, Some(&right)).0, "Come in");
    let wrong = Secret::new(client.host(), "sk-wrong");
    let told = ask_with(&client, Some(&wrong)).1.unwrap_err();
    assert!(matches!(told, Error::Unauthorised { .. }));
    assert!(!format!("{told} {told:?}").contains("sk-wrong"), "{told}");
    let asked = server.asked().len();
    for other in ["example.org", "127.0.0.1", "127.0.0.1:1"] {
        let end = ask_with(&client, Some(&Secret::new(other, "sk-right"))).1;
        assert!(matches!(end, Err(Error::ForeignKey { .. })), "{end:?}");
    }
    let broken = Secret::new(client.host(), "sk\r\nx-other: 1");
    assert_eq!(ask_with(&client, Some(&broken)).1, Err(Error::MalformedKey));
    assert_eq!(server.asked().len(), asked);
}

#[test]
fn models_are_listed_and_tried_out() {
    let server = ModelServer::start(|asked, wire| match asked.path.as_str() {
        "/v1/models" => {
            let body = json!({ "object": "list", "data": [{ "id": "b" }, { "id": "a" }] });
            wire.whole("200 OK", "application/json", &body.to_string());
        }
        _ => {
            wire.answer("ready");
        }
    });
    let client = client(&server);
    assert_eq!(client.models(None, &|| false).unwrap(), ["a", "b"]);
    let trial = client.test(None, &|| false).unwrap();
    assert_eq!(trial.answer, "ready");
    assert!(trial.first_token <= trial.whole);
}

#[test]
fn sixteen_questions_at_once_all_end_as_they_should() {
    let server = ModelServer::start(|asked, wire| {
        let kind: usize = asked.question().parse().unwrap();
        match kind % 8 {
            0 => {
                wire.answer("Right away");
            }
            1 => {
                wire.stream();
                for word in ["Word ", "by ", "word"] {
                    wire.token(word).pause(Duration::from_millis(30));
                }
                wire.done();
            }
            2 => wire.stream().token("Half").stall(),
            3 => {
                wire.stream().token("Half");
            }
            4 => {
                wire.head("429 Too Many Requests", &["content-length: 0"]);
            }
            5 => {
                wire.whole("500 Internal Server Error", "text/plain", "Oh");
            }
            6 => {
                wire.stream().chunk("garbage\n");
            }
            _ => wire.stall(),
        }
    });
    let client = Arc::new(hasty(client(&server), |timing| {
        timing.stall = Duration::from_secs(2);
        timing.first_token = Duration::from_secs(4);
    }));
    let calls: Vec<_> = (0..16)
        .map(|number| {
            let client = client.clone();
            thread::spawn(move || {
                let mut text = String::new();
                let question = [Message::new(Role::User, number.to_string())];
                let end =
                    client.chat(&question, None, &|| false, &mut |token| text.push_str(token));
                (text, end)
            })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        let (text, end) = call.join().unwrap();
        let is_right = match number % 8 {
            0 => text == "Right away" && end.is_ok(),
            1 => text == "Word by word" && end.is_ok(),
            2 => text == "Half" && matches!(end, Err(Error::Stalled { .. })),
            3 => text == "Half" && matches!(end, Err(Error::BrokenOff { .. })),
            4 => matches!(end, Err(Error::Busy { .. })),
            5 => matches!(end, Err(Error::Status { status: 500, .. })),
            6 => matches!(end, Err(Error::Garbled { .. })),
            _ => matches!(end, Err(Error::NoFirstToken { .. })),
        };
        assert!(is_right, "{number}: {text} {end:?}");
    }
}

/// Whole responses that were recorded from a real server.
#[test]
fn recorded_responses_are_understood() {
    let Some(dir) = shared_data("llm-wire") else {
        println!("skipped: ../shared/data/llm-wire is not there");
        return;
    };
    let replay = |name: &str| {
        let response = String::from_utf8(std::fs::read(dir.join(name)).unwrap()).unwrap();
        // The recorder took the chunks apart, but left the line that tells of them.
        let response =
            response.replace("Transfer-Encoding: chunked\r\n", "").replace("keep-alive", "close");
        let server = ModelServer::start(move |_, wire| {
            wire.raw(&response);
        });
        client(&server)
    };
    let (text, end) = ask(&replay("llama-cpp-python-chat-stream.http"));
    assert_eq!(end.unwrap().stop, Stop::Length);
    assert!(text.starts_with("The"), "{text}");
    let (text, end) = ask(&replay("llama-cpp-python-chat-nonstream.http"));
    let finish = end.unwrap();
    assert_eq!(
        (finish.stop, finish.prompt_tokens, finish.answer_tokens),
        (Stop::Length, Some(14), Some(8))
    );
    assert!(text.starts_with("The capital of France is"), "{text}");
    let (_, end) = ask(&replay("llama-cpp-python-context-overflow.http"));
    assert!(matches!(end, Err(Error::Empty { .. })), "{end:?}");
    let (_, end) = ask(&replay("llama-cpp-python-404.http"));
    assert!(matches!(end, Err(Error::NotFound { .. })), "{end:?}");
    let models = replay("llama-cpp-python-models.http").models(None, &|| false);
    assert_eq!(models.unwrap(), ["gemma-3-270m"]);
}

/// An engine with a model set up, and the settings.
async fn with_model(dir: &Path, url: &str) -> Engine {
    let options = Options { keyring: false, ..Options::new(dir, ModelSource::None) };
    let engine = Engine::open(options).await.unwrap();
    let settings = LanguageModel {
        enabled: true,
        base_url: url.to_owned(),
        model: "m".to_owned(),
        ..LanguageModel::default()
    };
    engine.set_language_model(settings).await.unwrap();
    engine
}

fn user(text: &str) -> Vec<Message> {
    vec![Message::new(Role::User, text)]
}

#[test]
fn a_fresh_profile_has_no_model_and_asks_nobody() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = open(data.path()).await;
        let settings = engine.language_model().await.unwrap();
        assert_eq!(settings, LanguageModel::default());
        assert!(!settings.enabled);
        let asked = engine.generate(user("?"), &CancellationToken::new(), |_| {}).await;
        assert_eq!(asked.unwrap_err().code, Code::Invalid);
        let remote = LanguageModel {
            enabled: true,
            base_url: "https://api.example.org".to_owned(),
            model: "m".to_owned(),
            ..settings.clone()
        };
        let refused = engine.set_language_model(remote.clone()).await.unwrap_err();
        assert_eq!(refused.code, Code::Invalid);
        assert!(refused.message.contains("api.example.org"), "{refused}");
        assert_eq!(engine.test_language_model(remote).await.unwrap_err().code, Code::Invalid);
        assert_eq!(engine.language_model().await.unwrap(), settings);
        engine.close().await.unwrap();
    });
}

#[test]
fn questions_wait_for_their_turn_and_can_leave_it() {
    let server = ModelServer::start(|asked, wire| match asked.question() {
        "stall" => wire.stream().token("Half").stall(),
        question => {
            wire.answer(&format!("Answer to {question}"));
        }
    });
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = with_model(data.path(), &server.url).await;
        let stop: Vec<CancellationToken> = (0..5).map(|_| CancellationToken::new()).collect();
        let (told, mut events) = tokio::sync::mpsc::unbounded_channel();
        let mut asked = Vec::new();
        // One after the other, so that their order is known.
        for (number, cancel) in stop.iter().enumerate() {
            let question = if number < 2 { "stall".to_owned() } else { number.to_string() };
            let (engine, cancel, told) = (engine.clone(), cancel.clone(), told.clone());
            asked.push(tokio::spawn(async move {
                let on = move |event| drop(told.send((number, event)));
                engine.generate(user(&question), &cancel, on).await
            }));
            let is_there = |event: &Generating| match event {
                Generating::Queued(before) => *before == number - 1,
                Generating::Token(text) => text == "Half",
                Generating::Asked => false,
            };
            loop {
                let (from, event) =
                    tokio::time::timeout(FOREVER, events.recv()).await.unwrap().unwrap();
                if from == number && is_there(&event) {
                    break;
                }
            }
        }
        assert_eq!(server.asked().len(), 2);
        // One leaves the queue, another lets go of its future.
        stop[3].cancel();
        let left = tokio::time::timeout(FOREVER, asked.remove(3)).await.unwrap().unwrap();
        assert_eq!(left.unwrap_err().code, Code::Cancelled);
        // Notes are saved and found while both places are taken by a dead server.
        let id = save(&engine, "Beside", "the lighthouse").await;
        settle(&engine).await;
        assert_eq!(ids(&search(&engine, "lighthouse", Mode::Words).await), [id]);
        asked.remove(0).abort();
        let second = asked.remove(1);
        let third = asked.remove(1);
        assert!(tokio::time::timeout(FOREVER, second).await.unwrap().unwrap().is_ok());
        assert!(tokio::time::timeout(FOREVER, third).await.unwrap().unwrap().is_ok());
        stop[1].cancel();
        let ended = tokio::time::timeout(FOREVER, asked.remove(0)).await.unwrap().unwrap();
        assert_eq!(ended.unwrap_err().code, Code::Cancelled);
        let questions: Vec<String> =
            server.asked().iter().map(|asked| asked.question().to_owned()).collect();
        assert_eq!(questions, ["stall", "stall", "2", "4"]);
        engine.close().await.unwrap();
    });
    let deadline = Instant::now() + FOREVER;
    while server.left() < 2 {
        assert!(Instant::now() < deadline, "a question goes on that nobody waits for");
        thread::yield_now();
    }
}

#[test]
fn closing_ends_the_questions() {
    let server = ModelServer::start(|_, wire| wire.stall());
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = with_model(data.path(), &server.url).await;
        let (told, mut events) = tokio::sync::mpsc::unbounded_channel();
        let (asking, cancel) = (engine.clone(), CancellationToken::new());
        let asked = tokio::spawn(async move {
            asking.generate(user("?"), &cancel, move |event| drop(told.send(event))).await
        });
        assert_eq!(events.recv().await, Some(Generating::Asked));
        engine.close().await.unwrap();
        let ended = tokio::time::timeout(FOREVER, asked).await.unwrap().unwrap();
        assert_eq!(ended.unwrap_err().code, Code::Cancelled);
    });
}

#[test]
fn a_key_is_sent_to_its_host_and_stands_in_no_file() {
    let server = ModelServer::start(|asked, wire| match asked.header("authorization") {
        Some("Bearer sk-very-secret") => {
            wire.answer("Come in");
        }
        _ => {
            wire.whole("401 Unauthorized", "application/json", "{}");
        }
    });
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = with_model(data.path(), &server.url).await;
        let settings = engine.language_model().await.unwrap();
        assert!(engine.test_language_model(settings.clone()).await.is_err());
        assert_eq!(engine.language_model_key(&server.url).await.unwrap(), None);
        let kept = engine.set_language_model_key(&server.url, "sk-very-secret".to_owned()).await;
        assert_eq!(kept.unwrap(), KeyKept::Session);
        let known = engine.language_model_key(&format!("{}/v1", server.url)).await.unwrap();
        assert_eq!(known, Some(KeyKept::Session));
        let trial = engine.test_language_model(settings.clone()).await.unwrap();
        assert_eq!(trial.answer, "Come in");
        engine.generate(user("?"), &CancellationToken::new(), |_| {}).await.unwrap();
        engine.remove_language_model_key(&server.url).await.unwrap();
        assert!(engine.test_language_model(settings).await.is_err());
        engine.close().await.unwrap();
    });
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let secret = b"sk-very-secret";
            assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{}", path.display());
        }
    }
}
