//! Bytes of a foreign document to title, Markdown, attachments and warnings. Pure: no I/O.
