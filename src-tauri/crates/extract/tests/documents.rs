//! Small and hostile documents through the public interface.

use extract::{ExtractError, Extracted, Input, MAX_INPUT, extract, media_type, supported};
use proptest::prelude::*;

fn read(file_name: &str, bytes: &[u8]) -> Extracted {
    extract(&Input { file_name, bytes }).expect("a document")
}

#[test]
fn types() {
    for name in [
        "a.md",
        "A.MARKDOWN",
        "x/y.mdown",
        "a.b.txt",
        "n.Log",
        "n.org",
        "n.rst",
        "i.htm",
        "i.xhtml",
        "p.PDF",
        "d.docx",
        "t.XLSX",
        "t.xls",
        "t.ods",
        "t.csv",
        "t.tsv",
        "s.pptx",
        "s.odp",
        "d.odt",
        "d.rtf",
        "b.epub",
        "m.eml",
        "n.ipynb",
        "v.json",
        "v.jsonl",
        "o.opml",
    ] {
        assert!(supported(name), "{name}");
    }
    for name in ["", "a", ".md.exe", "folder.md/file", "a.doc", "a.exe"] {
        assert!(!supported(name), "{name}");
    }
    let error = extract(&Input { file_name: "a.xyz", bytes: b"" }).expect_err("an unknown type");
    assert_eq!(error, ExtractError::Unsupported { file: "a.xyz".into(), extension: "xyz".into() });
    assert_eq!(media_type("Photo.JPG"), "image/jpeg");
    assert_eq!(media_type("what"), "application/octet-stream");
}

#[test]
fn pages() {
    let check = |source: &str, title: Option<&str>, body: &str| {
        let page = read("page.html", source.as_bytes());
        assert_eq!(page.title.as_deref(), title, "{source}");
        assert_eq!(page.body, body, "{source}");
    };
    check("", None, "");
    check(
        "<title>T</title><h1>T</h1><p>a <b>b</b> <a href='/c'>c</a>",
        Some("T"),
        "a **b** [c](/c)\n",
    );
    check("<ul><li>a<ul><li>b</ul><li>c</ul>", None, "- a\n  - b\n- c\n");
    check(
        "<ul><li><input type=checkbox checked> done<li><input type=checkbox> open</ul>",
        None,
        "- [x] done\n- [ ] open\n",
    );
    check("<p>a<br>b<br></p><p>&nbsp;&nbsp;&nbsp; &nbsp;c", None, "a\\\nb\n\nc\n");
    check("<nav>menu</nav><p>text<script>alert(1)</script><footer>foot</footer>", None, "text\n");
    check(
        "<table><tr><th>a<th>b<tr><td>1<td>x|y</table>",
        None,
        "| a | b |\n| --- | --- |\n| 1 | x\\|y |\n",
    );
    check(
        "<table><caption>c</caption><tr><th>a<th>b<tr><th>row<td><p>x<p>y<tr><td colspan=2>z</table>",
        None,
        "c\n\n| a | b |\n| --- | --- |\n| row | x<br>y |\n| z | |\n",
    );
    check(
        "<table><tr><td>a<td>b<tr><td>c<td>d</table>",
        None,
        "| | |\n| --- | --- |\n| a | b |\n| c | d |\n",
    );
    check(
        "<table><tr><td><p>frame<table><tr><th>i<th>j<tr><td>k<td>l</table></table>",
        None,
        "frame\n\n| i | j |\n| --- | --- |\n| k | l |\n",
    );
}

#[test]
fn page_properties() {
    let page = read(
        "page.html",
        b"<!-- saved from url=(0019)https://example.org/ --><meta name=author content='Ann \"A\"'>
          <meta property='article:published_time' content='1970-01-01T00:00:01Z'><title>T</title><p>x",
    );
    assert_eq!(page.created_ms, Some(1000));
    assert_eq!(
        page.front_matter,
        "source: \"https://example.org/\"\nauthor: \"Ann \\\"A\\\"\"\ncreated: \"1970-01-01T00:00:01Z\"\n"
    );
    assert!(page.keep_original && page.kind == "html");
}

#[test]
fn page_encodings() {
    let check =
        |bytes: &[u8]| assert_eq!(read("p.html", bytes).body, "Grüße aus Köln\n", "{bytes:?}");
    check("<p>Grüße aus Köln".as_bytes());
    check(b"<meta charset=iso-8859-1><p>Gr\xfc\xdfe aus K\xf6ln");
    check(b"<meta http-equiv=Content-Type content='text/html; charset=windows-1252'><p>Gr\xfc\xdfe aus K\xf6ln");
    check("<meta charset=windows-1251><p>Grüße aus Köln".as_bytes());
    let utf16: Vec<u8> =
        "\u{feff}<p>Grüße aus Köln".encode_utf16().flat_map(u16::to_be_bytes).collect();
    check(&utf16);
}

#[test]
fn page_images_become_attachments() {
    let page = read("p.html", b"<p>x <img alt=dot src='data:image/png;base64,iVBORw0KGgo='>");
    assert_eq!(page.body, "x ![dot](image.png)\n");
    assert_eq!(page.attachments.len(), 1);
}

#[test]
fn hostile_pages() {
    for tag in [
        "div",
        "b",
        "a href=x",
        "table><tr><td",
        "ul><li",
        "blockquote",
        "font color=red",
        "p><span",
    ] {
        let deep = format!("{}deep", format!("<{tag}>").repeat(50_000));
        assert!(read("p.html", deep.as_bytes()).body.contains("deep"), "{tag}");
    }
    let wide =
        format!("<table><tr><th>{}{}</table>", "w".repeat(1 << 20), "<tr><td>n".repeat(20_000));
    assert!(read("p.html", wide.as_bytes()).body.len() < 2 << 20);
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=x")).collect();
    assert_eq!(read("p.html", format!("<p{attributes}>text").as_bytes()).body, "text\n");
    read("p.html", "<".repeat(1 << 20).as_bytes());
    read("p.html", "<a b='".repeat(100_000).as_bytes());
    read("p.html", "<!--".repeat(100_000).as_bytes());
    read("p.html", "&amp".repeat(100_000).as_bytes());
}

/// A PDF of one page with the given content, its objects and their table.
fn pdf(content: &str, info: &str, page: &str) -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> {page} >>"
        ),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        info.to_owned(),
    ];
    let mut out = "%PDF-1.4\n".to_owned();
    let mut offsets = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", n + 1));
    }
    let start = out.len();
    out.push_str("xref\n0 7\n0000000000 65535 f \n");
    for offset in offsets {
        out.push_str(&format!("{offset:010} 00000 n \n"));
    }
    out.push_str(&format!(
        "trailer\n<< /Size 7 /Root 1 0 R /Info 6 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    out.into_bytes()
}

#[test]
fn pdfs() {
    let info = "<< /Title (Microsoft Word - Report.doc) /Author (Ann) /CreationDate (D:19700101000001Z) >>";
    let read_pdf = |content: &str| read("a.pdf", &pdf(content, info, ""));
    let found = read_pdf("BT /F1 12 Tf 72 720 Td (Hello reader) Tj 0 -14 Td (second line) Tj ET");
    assert_eq!(found.body, "Hello reader\nsecond line\n");
    assert_eq!(found.title.as_deref(), Some("Report"));
    assert_eq!(found.front_matter, "author: \"Ann\"\n");
    assert_eq!((found.created_ms, found.warnings.len()), (Some(1000), 0));
    // Without the table at its end, and with a picture whose bytes look like anything.
    let text = "BT /F1 12 Tf 72 720 Td (Still here) Tj ET";
    let whole = String::from_utf8(pdf(
        text,
        "<< /Subtype /Image /Length 9 >>\nstream\n 9 0 obj \nendstream",
        "",
    ))
    .expect("ASCII");
    let cut = &whole[..whole.find("xref\n0 7").expect("a table")];
    assert_eq!(read("a.pdf", cut.as_bytes()).body, "Still here\n");
    let empty = read_pdf("");
    assert_eq!(empty.body, "");
    assert_eq!(empty.scanned, 1);
}

#[test]
fn hostile_pdfs() {
    for bytes in [&b""[..], b"%PDF-1.7", b"hello"] {
        let error = extract(&Input { file_name: "a.pdf", bytes }).expect_err("no PDF");
        assert!(matches!(error, ExtractError::Damaged { .. }), "{error}");
    }
    // A page tree that is its own child, and one that says it has four billion pages.
    let text = String::from_utf8(pdf("BT /F1 12 Tf (x) Tj ET", "<< >>", "")).expect("ASCII");
    for (from, to) in [
        ("[3 0 R]", "[2 0 R]"),
        ("/Count 1", "/Count 4000000000"),
        ("/Contents 4 0 R", "/Contents 3 0 R"),
    ] {
        let _ = extract(&Input { file_name: "a.pdf", bytes: text.replace(from, to).as_bytes() });
    }
}

#[test]
fn large_inputs() {
    let line = "The quick brown fox jumps over the lazy dog.\r\n";
    let long = line.repeat((100 << 20) / line.len());
    assert_eq!(read("a.txt", long.as_bytes()).body.len(), long.len() - long.len() / line.len());
    let error = extract(&Input { file_name: "a.txt", bytes: &vec![b' '; MAX_INPUT + 1] });
    assert!(matches!(error, Err(ExtractError::TooLarge { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for name in [
            "a.md", "a.txt", "a.html", "a.pdf", "a.docx", "a.xlsx", "a.xls", "a.ods", "a.csv", "a.tsv",
            "a.pptx", "a.odt", "a.odp", "a.epub", "a.rtf", "a.eml", "a.ipynb", "a.json", "a.jsonl",
            "a.org", "a.rst", "a.opml",
        ] {
            let _ = extract(&Input { file_name: name, bytes: &bytes });
        }
    }

    #[test]
    fn any_markup_is_read(parts in proptest::collection::vec("<[a-z/!]{1,6}[ a-z=\"']{0,8}>?|[a-z &;<]{1,8}|\\PC", 0..60)) {
        read("a.html", parts.concat().as_bytes());
        // Signs that stand for broken text make it no text.
        let _ = extract(&Input { file_name: "a.md", bytes: parts.concat().as_bytes() });
    }

    #[test]
    fn any_marks_are_read(parts in proptest::collection::vec("[*/_=+~`|:.#\\[\\]<>-]{1,3}|[a-z]{1,4}| {1,3}|\n{1,2}|\\.\\. [a-z]{1,5}::|\\PC", 0..80)) {
        for name in ["a.org", "a.rst", "a.csv", "a.json", "a.eml"] {
            let _ = extract(&Input { file_name: name, bytes: parts.concat().as_bytes() });
        }
    }

    #[test]
    fn any_words_of_rtf_are_read(parts in proptest::collection::vec("[{}]|\\\\[a-z]{1,9}-?[0-9]{0,6} ?|\\\\(cell|row|par|intbl|itap2|nestcell|footnote|pict|field|fldrslt|u-9|bin3|listtext) ?|\\\\'[0-9a-g]{2}|\\\\[*~_\\\\{}]|[a-z ]{1,6}|\\PC", 0..80)) {
        read("a.rtf", format!("{{\\rtf1 {}", parts.concat()).as_bytes());
    }
}
