//! What servers send, read from bytes as they come in: events and JSON lines. Pure, so that any bytes
//! can be tried.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::client::{Finish, Stop};
use crate::endpoint::Api;

/// One token's line has some hundred bytes; the longest seen carries a whole answer.
pub(crate) const MAX_LINE: usize = 1 << 20;
/// Of all that one call reads: ten thousand tokens are about 2 MB.
pub(crate) const MAX_TOTAL: usize = 64 << 20;
/// Of an error's message that is shown.
const MAX_MESSAGE: usize = 300;

/// What one piece of a stream says.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// Of the answer; never empty.
    Text(String),
    /// The server is at it.
    Alive,
    /// Nothing comes after it.
    Done,
    /// The server has failed; the message is its own.
    Failed(String),
}

/// What cannot be read.
#[derive(Debug, PartialEq)]
pub(crate) enum Unreadable {
    LongLine,
    Garbled(String),
}

/// Bytes to what they say, however they are cut.
#[derive(Debug)]
pub(crate) struct Stream {
    api: Api,
    line: Vec<u8>,
    /// The data lines of an event that has not ended.
    event: String,
    is_at_start: bool,
    finish: Finish,
    has_finish: bool,
    is_done: bool,
}

impl Stream {
    pub(crate) fn new(api: Api) -> Stream {
        Stream {
            api,
            line: Vec::new(),
            event: String::new(),
            is_at_start: true,
            finish: Finish::default(),
            has_finish: false,
            is_done: false,
        }
    }

    /// Takes bytes, and tells what they complete. After `Done` or `Failed` nothing more is read.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        tell: &mut dyn FnMut(Said),
    ) -> Result<(), Unreadable> {
        let mut rest = bytes;
        while !self.is_done {
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
                if self.line.len() + rest.len() > MAX_LINE {
                    return Err(Unreadable::LongLine);
                }
                self.line.extend_from_slice(rest);
                break;
            };
            if self.line.len() + end > MAX_LINE {
                return Err(Unreadable::LongLine);
            }
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, tell)?;
        }
        Ok(())
    }

    /// The connection has ended: what was not followed by a line's end counts as well. Gives how the answer
    /// ended, if it did.
    pub(crate) fn end(mut self, tell: &mut dyn FnMut(Said)) -> Result<Option<Finish>, Unreadable> {
        if !self.is_done {
            let line = std::mem::take(&mut self.line);
            if !line.is_empty() {
                self.take_line(&line, tell)?;
            }
            self.take_event(tell)?;
        }
        Ok((self.has_finish || self.is_done).then_some(self.finish))
    }

    fn take_line(&mut self, line: &[u8], tell: &mut dyn FnMut(Said)) -> Result<(), Unreadable> {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        let line = if std::mem::take(&mut self.is_at_start) {
            line.strip_prefix('\u{feff}').unwrap_or(&line)
        } else {
            &line
        };
        match self.api {
            Api::Ollama if line.trim().is_empty() => Ok(()),
            Api::Ollama => self.take_ollama(line, tell),
            Api::OpenAi => self.take_sse(line, tell),
        }
    }

    /// One line of an event stream (WHATWG HTML, 9.2.6). Names, ids and times of events say nothing here.
    fn take_sse(&mut self, line: &str, tell: &mut dyn FnMut(Said)) -> Result<(), Unreadable> {
        if line.is_empty() {
            return self.take_event(tell);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        match field {
            "data" => {
                let value = value.strip_prefix(' ').unwrap_or(value);
                if self.event.len() + value.len() > MAX_LINE {
                    return Err(Unreadable::LongLine);
                }
                // Some servers put no empty line between events. Only the first line is looked at, as it would
                // take long to read all that came before anew with each line.
                if value == "[DONE]" || (!self.event.contains('\n') && is_whole(&self.event)) {
                    self.take_event(tell)?;
                }
                if !self.event.is_empty() {
                    self.event.push('\n');
                }
                self.event.push_str(value);
                Ok(())
            }
            "" => {
                tell(Said::Alive);
                Ok(())
            }
            "event" | "id" | "retry" => Ok(()),
            // A failure that was written between the events as it is.
            _ if line.trim_start().starts_with('{') => self.take_chat(line, tell),
            _ => Err(Unreadable::Garbled(format!("a line that is no event: {}", shorten(line)))),
        }
    }

    fn take_event(&mut self, tell: &mut dyn FnMut(Said)) -> Result<(), Unreadable> {
        let event = std::mem::take(&mut self.event);
        match event.trim() {
            "" => Ok(()),
            "[DONE]" => {
                self.is_done = true;
                tell(Said::Done);
                Ok(())
            }
            event => self.take_chat(event, tell),
        }
    }

    fn take_chat(&mut self, json: &str, tell: &mut dyn FnMut(Said)) -> Result<(), Unreadable> {
        if self.is_done {
            return Ok(());
        }
        let chunk: Chunk = read(json)?;
        if let Some(error) = chunk.error {
            return self.fail(&error, tell);
        }
        if let Some(usage) = chunk.usage {
            self.finish.prompt_tokens = usage.prompt_tokens.or(self.finish.prompt_tokens);
            self.finish.answer_tokens = usage.completion_tokens.or(self.finish.answer_tokens);
        }
        // Only one answer was asked for.
        let choice = chunk.choices.into_iter().flatten().next();
        let Some(choice) = choice else {
            tell(Said::Alive);
            return Ok(());
        };
        let text = choice.delta.or(choice.message).and_then(|delta| delta.content);
        match text {
            Some(text) if !text.is_empty() => tell(Said::Text(text)),
            _ => tell(Said::Alive),
        }
        if let Some(reason) = choice.finish_reason {
            self.finish.stop = Stop::named(&reason);
            self.has_finish = true;
        }
        Ok(())
    }

    fn take_ollama(&mut self, json: &str, tell: &mut dyn FnMut(Said)) -> Result<(), Unreadable> {
        let chunk: OllamaChunk = read(json)?;
        if let Some(error) = chunk.error {
            return self.fail(&error, tell);
        }
        match chunk.message.and_then(|message| message.content) {
            Some(text) if !text.is_empty() => tell(Said::Text(text)),
            _ => tell(Said::Alive),
        }
        if chunk.done {
            self.finish = Finish {
                stop: Stop::named(chunk.done_reason.as_deref().unwrap_or("stop")),
                prompt_tokens: chunk.prompt_eval_count,
                answer_tokens: chunk.eval_count,
            };
            self.has_finish = true;
            self.is_done = true;
            tell(Said::Done);
        }
        Ok(())
    }

    fn fail(
        &mut self,
        error: &serde_json::Value,
        tell: &mut dyn FnMut(Said),
    ) -> Result<(), Unreadable> {
        self.is_done = true;
        tell(Said::Failed(message_of(error)));
        Ok(())
    }
}

/// A whole answer that came at once, from a server that does not stream.
pub(crate) fn read_whole(
    api: Api,
    json: &str,
    tell: &mut dyn FnMut(Said),
) -> Result<Option<Finish>, Unreadable> {
    let mut stream = Stream::new(api);
    match api {
        Api::OpenAi => stream.take_chat(json, tell)?,
        Api::Ollama => stream.take_ollama(json, tell)?,
    }
    Ok(stream.has_finish.then_some(stream.finish))
}

/// The names in a list of models: `{"data": [{"id"}]}`, or Ollama's `{"models": [{"name"}]}`.
pub(crate) fn read_models(json: &[u8]) -> Result<Vec<String>, Unreadable> {
    let list: ModelList = read(&String::from_utf8_lossy(json))?;
    if list.data.is_none() && list.models.is_none() {
        return Err(Unreadable::Garbled("there is no list of models in it".to_owned()));
    }
    let mut names: Vec<String> = list
        .data
        .into_iter()
        .flatten()
        .map(|model| model.id)
        .chain(list.models.into_iter().flatten().map(|model| model.name))
        .filter(|name| !name.trim().is_empty() && name.len() <= 200)
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The message in an error's body: of JSON its `error`, else its first words, as a page would spoil the line.
pub(crate) fn message_in(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(value) => message_of(value.get("error").unwrap_or(&value)),
        Err(_) if text.trim_start().starts_with('<') => String::new(),
        Err(_) => shorten(&text),
    }
}

fn message_of(error: &serde_json::Value) -> String {
    let text = match error {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Object(object) => ["message", "detail", "error", "code"]
            .iter()
            .find_map(|&name| object.get(name)?.as_str().map(str::to_owned))
            .unwrap_or_else(|| error.to_string()),
        other => other.to_string(),
    };
    shorten(&text)
}

/// One line without control characters.
fn shorten(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().take(MAX_MESSAGE));
        if line.chars().count() > MAX_MESSAGE {
            line = line.chars().take(MAX_MESSAGE).collect();
            line.push('…');
            break;
        }
    }
    line
}

fn is_whole(json: &str) -> bool {
    !json.is_empty() && serde_json::from_str::<IgnoredAny>(json).is_ok()
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(json)
        .map_err(|error| Unreadable::Garbled(format!("{error} in {}", shorten(json))))
}

#[derive(Deserialize)]
struct Chunk {
    /// Null at the end of some streams.
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    /// In place of `delta`, where a server does not stream.
    message: Option<Delta>,
    finish_reason: Option<String>,
}

/// What a model thinks before it answers comes beside `content`, and is not part of the answer.
#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct OllamaChunk {
    message: Option<Delta>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u32>,
    eval_count: Option<u32>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct ModelList {
    data: Option<Vec<ListedModel>>,
    models: Option<Vec<OllamaModel>>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
}

#[derive(Deserialize)]
struct OllamaModel {
    #[serde(default)]
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    type Heard = (String, Vec<Said>, Result<Option<Finish>, Unreadable>);

    /// All that a stream says when it comes in pieces of `size` bytes: its text, and the rest.
    fn hear(api: Api, bytes: &[u8], size: usize) -> Heard {
        let (mut text, mut rest) = (String::new(), Vec::new());
        let mut tell = |said| match said {
            Said::Text(piece) => text.push_str(&piece),
            Said::Alive => {}
            other => rest.push(other),
        };
        let mut stream = Stream::new(api);
        for piece in bytes.chunks(size) {
            if let Err(error) = stream.push(piece, &mut tell) {
                return (text, rest, Err(error));
            }
        }
        let end = stream.end(&mut tell);
        (text, rest, end)
    }

    fn finish(stop: Stop) -> Result<Option<Finish>, Unreadable> {
        Ok(Some(Finish { stop, ..Finish::default() }))
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let lines = "\u{feff}: hello\r\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\n\
            data:{\"choices\":[{\"delta\":{\"content\":\"Grüße\"}}]}\n\nid: 7\nevent: message\n\
            data: {\"choices\":\ndata: [{\"delta\":{\"content\":\" 日本\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"content\":\"語\",\"tool_calls\":null}}]}\n\
            data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}\n\n\
            data: [DONE]\n\ndata: ignored";
        for size in [1, 2, 3, 7, 64, 10_000] {
            let (text, rest, end) = hear(Api::OpenAi, lines.as_bytes(), size);
            assert_eq!(text, "Grüße 日本語");
            assert_eq!(rest, [Said::Done]);
            let expected =
                Finish { stop: Stop::Length, prompt_tokens: Some(9), answer_tokens: Some(3) };
            assert_eq!(end, Ok(Some(expected)));
        }
    }

    #[test]
    fn a_stream_ends_well_by_a_reason_or_by_done() {
        let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
        let end = |rest: &str| hear(Api::OpenAi, format!("{piece}{rest}").as_bytes(), 5).2;
        assert_eq!(end(""), Ok(None));
        assert_eq!(end("data: [DONE]"), finish(Stop::Complete));
        assert_eq!(
            end("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}"),
            finish(Stop::Complete)
        );
        assert_eq!(
            end("data: {\"choices\":[{\"finish_reason\":\"content_filter\"}]}\n\n"),
            finish(Stop::Other("content_filter".to_owned()))
        );
        assert_eq!(hear(Api::OpenAi, b"", 5).2, Ok(None));
    }

    #[test]
    fn failures_in_the_middle_are_told() {
        let check = |api: Api, bytes: &str, message: &str| {
            let (_, rest, _) = hear(api, bytes.as_bytes(), 11);
            assert_eq!(rest, [Said::Failed(message.to_owned())], "{bytes}");
        };
        check(
            Api::OpenAi,
            "data: {\"error\":{\"message\":\"out of\\n memory\"}}\n\n",
            "out of memory",
        );
        check(Api::OpenAi, "data: {\"error\":\"no\"}\n\ndata: [DONE]\n\n", "no");
        check(Api::OpenAi, "event: error\ndata: {\"error\":{\"code\":\"x1\"}}\n\n", "x1");
        check(Api::OpenAi, "{\"error\":{\"message\":\"bare\"}}", "bare");
        check(Api::Ollama, "{\"error\":\"model runner stopped\"}\n", "model runner stopped");
    }

    #[test]
    fn ollamas_lines_are_read() {
        let lines = "{\"message\":{\"role\":\"assistant\",\"content\":\"Hi\",\"thinking\":\"hm\"},\"done\":false}\n\
            {\"message\":{\"content\":\" there\"},\"done\":false}\n\n\
            {\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"length\",\"prompt_eval_count\":5,\"eval_count\":2}\n";
        let (text, rest, end) = hear(Api::Ollama, lines.as_bytes(), 3);
        assert_eq!((text.as_str(), rest), ("Hi there", vec![Said::Done]));
        let expected =
            Finish { stop: Stop::Length, prompt_tokens: Some(5), answer_tokens: Some(2) };
        assert_eq!(end, Ok(Some(expected)));
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        const ALPHABET: &[u8] = b"data: {}[]\"\n\r,\xff\xc3choiesnl";
        let huge = format!("data: {}", "x".repeat(MAX_LINE));
        let many = "data: [{},\n".repeat(MAX_LINE / 4);
        for (bytes, is_long) in [
            (&b"<html>"[..], false),
            (b"data: {\"choices\":7}\n\n", false),
            (b"data: \xff\xfe\n\n", false),
            (b"\0\0\0\0\n", false),
            (b"data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"}}]}\n\n", false),
            (huge.as_bytes(), true),
            (many.as_bytes(), true),
        ] {
            let (_, _, end) = hear(Api::OpenAi, bytes, 4096);
            match end {
                Err(Unreadable::LongLine) => assert!(is_long),
                Err(Unreadable::Garbled(why)) => assert!(!is_long && why.len() < 1000, "{why}"),
                other => panic!("{other:?}"),
            }
        }
        let mut state = 7_u32;
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..200)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ALPHABET[(state >> 24) as usize % ALPHABET.len()]
                })
                .collect();
            for api in [Api::OpenAi, Api::Ollama] {
                let (_, _, _end) = hear(api, &bytes, 7);
            }
        }
    }

    #[test]
    fn bad_utf_8_inside_an_answer_spoils_one_character() {
        let bytes = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\xffb\"},\"finish_reason\":\"stop\"}]}\n\n";
        assert_eq!(hear(Api::OpenAi, bytes, 1).0, "a\u{fffd}b");
    }

    #[test]
    fn messages_and_lists_are_read() {
        assert_eq!(message_in(b"{\"detail\":\"Not Found\"}"), "Not Found");
        assert_eq!(message_in(b"{\"error\":{\"message\":\"bad\\u0007 key\"}}"), "bad key");
        assert_eq!(message_in(b"<!doctype html><title>502</title>"), "");
        assert_eq!(message_in(b" upstream\r\n down \n"), "upstream down");
        assert!(message_in("ä".repeat(100_000).as_bytes()).chars().count() <= MAX_MESSAGE + 1);
        let models = |json: &[u8]| read_models(json);
        assert_eq!(
            models(b"{\"data\":[{\"id\":\"b\"},{\"id\":\"a\"},{\"id\":\"\"}]}"),
            Ok(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(models(b"{\"models\":[{\"name\":\"llama3:8b\"}]}").unwrap(), ["llama3:8b"]);
        assert!(matches!(models(b"{}"), Err(Unreadable::Garbled(_))));
        assert!(matches!(models(b"[]"), Err(Unreadable::Garbled(_))));
    }
}
