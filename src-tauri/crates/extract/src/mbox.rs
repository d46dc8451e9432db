//! Mailboxes: mails one after the other, each after a line that begins with `From ` (RFC 4155, and the
//! `mboxrd` form, which quotes such lines within a mail).

use std::io::BufRead;

use crate::container::{Outcome, Sink, path_of};
use crate::{Failure, MAX_INPUT, date, mail, one_line, tag};

pub(crate) fn is_mailbox(head: &[u8]) -> bool {
    head.starts_with(b"From ")
}

/// A longer line is no mail's.
const MAX_LINE: u64 = 16 << 20;

pub(crate) fn read(
    source: &mut dyn BufRead,
    notebook: &str,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let mut mail: Vec<u8> = Vec::new();
    let (mut begun, mut after_empty, mut too_large) = (false, true, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut *source, MAX_LINE).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Failure::Damaged(error.to_string()))?;
        let starts = read > 0 && after_empty && line.starts_with(b"From ");
        if read == 0 || starts {
            if begun && !give_out(&mail, too_large, notebook, sink) {
                return Ok(());
            }
            mail.clear();
            mail.shrink_to(4 << 20);
            too_large = false;
            if read == 0 {
                break;
            }
            begun = true;
            after_empty = false;
            continue;
        }
        if !begun && !line.iter().all(u8::is_ascii_whitespace) {
            return Err(Failure::Damaged(
                "it is no mailbox: it does not begin with “From ”".to_owned(),
            ));
        }
        after_empty = matches!(line.as_slice(), b"\n" | b"\r\n");
        // `>From ` was `From `.
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        let quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
        if mail.len() + line.len() > MAX_INPUT {
            too_large = true;
        } else {
            mail.extend_from_slice(&line[usize::from(quoted)..]);
        }
    }
    if begun { Ok(()) } else { Err(Failure::Damaged("it holds no mail".to_owned())) }
}

/// Gives out one mail. False: no more are wanted.
fn give_out(bytes: &[u8], too_large: bool, notebook: &str, sink: &mut Sink<'_>) -> bool {
    if too_large {
        return sink.put(
            "A mail",
            notebook,
            Outcome::Failed(Failure::TooLarge(MAX_INPUT).reason()),
        );
    }
    match mail::eml(bytes) {
        Ok(mut document) => {
            let day = document.created_ms.and_then(date::day).unwrap_or_default();
            let title = document.title.clone().unwrap_or_else(|| "No subject".to_owned());
            let path = format!("{day} {}.eml", path_of(&title));
            document.tags.extend(labels(bytes));
            document.title = Some(title);
            document.keep_original = false;
            sink.document(path.trim(), notebook, document)
        }
        Err(failure) => sink.put("A mail", notebook, Outcome::Failed(failure.reason())),
    }
}

/// The labels that Gmail puts into its export.
fn labels(bytes: &[u8]) -> Vec<String> {
    let message = mail_parser::MessageParser::default().parse_headers(bytes);
    let value = message.as_ref().and_then(|message| message.header_raw("X-Gmail-Labels"));
    let list = value.and_then(one_line).unwrap_or_default();
    list.split(',').filter(|label| !label.contains("=?")).filter_map(tag).take(50).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;
    use crate::container::{Item, read_container};

    fn items(source: &str) -> (Vec<Item>, bool) {
        let mut items = Vec::new();
        let result = read_container("Box.mbox", &mut Cursor::new(source), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        });
        (items, result.is_ok())
    }

    #[test]
    fn mailboxes() {
        let source = "From a@b Thu Jan  1 00:00:00 1970\nSubject: One/two\nDate: Thu, 1 Jan 1970 00:00:01 +0000\nX-Gmail-Labels: Inbox,My label\n\nHello\n>From here\nFrom there\n\nFrom c@d x\nSubject: One/two\nDate: Thu, 1 Jan 1970 00:00:01 +0000\n\nAgain\n";
        for source in [source.to_owned(), source.replace('\n', "\r\n")] {
            let (items, whole) = items(&source);
            assert!(whole && items.len() == 2, "{items:?}");
            assert_eq!(items[0].path, "1970-01-01 One-two.eml");
            assert_eq!(items[1].path, "1970-01-01 One-two (2).eml");
            assert_eq!(items[0].notebook, "Box");
            let Outcome::Document(mail) = &items[0].outcome else { panic!("{items:?}") };
            assert_eq!(
                (mail.body.as_str(), mail.created_ms),
                ("Hello\nFrom here\nFrom there\n", Some(1000))
            );
            assert_eq!(mail.tags, ["Inbox", "My-label"]);
        }
        assert!(!items("").1 && !items("Subject: x\n\ny").1);
    }
}
