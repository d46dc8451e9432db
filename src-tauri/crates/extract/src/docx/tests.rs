use super::*;
use crate::package::zip_of as package;

const RELATIONS: &str = r#"<Relationships>
    <Relationship Id="s" Type="http://x/styles" Target="styles.xml"/>
    <Relationship Id="n" Type="http://x/numbering" Target="numbering.xml"/>
    <Relationship Id="f" Type="http://x/footnotes" Target="/word/footnotes.xml"/>
    <Relationship Id="c" Type="http://x/comments" Target="comments.xml"/>
    <Relationship Id="h" Type="http://x/hyperlink" Target="https://example.org/a(b)" TargetMode="External"/>
    <Relationship Id="i" Type="http://x/image" Target="media/image1.png"/>
</Relationships>"#;
const STYLES: &str = r#"<w:styles xmlns:w="w">
    <w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
    <w:style w:type="paragraph" w:styleId="Sub"><w:name w:val="Mine"/><w:basedOn w:val="berschrift1"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
    <w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style>
    <w:style w:type="paragraph" w:styleId="Q"><w:name w:val="Quote"/><w:basedOn w:val="Q"/></w:style>
    <w:style w:type="paragraph" w:styleId="C"><w:name w:val="Source Code"/></w:style>
</w:styles>"#;
const NUMBERING: &str = r#"<w:numbering xmlns:w="w">
    <w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
    <w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>
</w:numbering>"#;
const FOOTNOTES: &str = r#"<w:footnotes xmlns:w="w"><w:footnote w:id="2"><w:p><w:r><w:t>Again</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p></w:footnote></w:footnotes>"#;
const COMMENTS: &str = r#"<w:comments xmlns:w="w"><w:comment w:id="0" w:author="Ann"><w:p><w:r><w:t>Really?</w:t></w:r></w:p></w:comment></w:comments>"#;
const CORE: &str = r#"<cp:coreProperties xmlns:cp="c" xmlns:dc="d" xmlns:dcterms="t"><dc:title>From core</dc:title><dc:creator>Ann "A" Lee</dc:creator><cp:keywords>one, two words</cp:keywords><dcterms:created>1970-01-01T00:00:01Z</dcterms:created></cp:coreProperties>"#;

fn document(body: &str) -> Vec<u8> {
    let document = format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"w\" xmlns:r=\"r\" xmlns:mc=\"mc\"><w:body>{body}</w:body></w:document>"
    );
    package(&[
        ("word/document.xml", &document),
        ("word/_rels/document.xml.rels", RELATIONS),
        ("word/styles.xml", STYLES),
        ("word/numbering.xml", NUMBERING),
        ("word/footnotes.xml", FOOTNOTES),
        ("word/comments.xml", COMMENTS),
        ("word/media/image1.png", "picture"),
        ("docProps/core.xml", CORE),
    ])
}

fn p(properties: &str, text: &str) -> String {
    format!("<w:p><w:pPr>{properties}</w:pPr>{}</w:p>", r("", text))
}

fn r(properties: &str, text: &str) -> String {
    format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space=\"preserve\">{text}</w:t></w:r>")
}

#[test]
fn documents() {
    let check = |body: &str, expected: &str| {
        let read = docx(&document(body)).expect("a document");
        assert_eq!(read.body, expected, "{body}");
    };
    let style = |id: &str| format!("<w:pStyle w:val=\"{id}\"/>");
    let item =
        |level: u8| format!("<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"1\"/></w:numPr>");
    check("", "");
    check(
        &(p(&style("berschrift1"), "One") + &p(&style("Sub"), "Two &amp; &#x41;")),
        "# One\n\n## Two & A\n",
    );
    check(&(p(&item(0), "a") + &p(&item(1), "b") + &p(&item(0), "c")), "3. a\n   - b\n4. c\n");
    check(&(p(&style("Q"), "q") + &p(&style("Q"), "r")), "> q\n>\n> r\n");
    check(&(p(&style("C"), "x *y*") + &p(&style("C"), "  z")), "```\nx *y*\n  z\n```\n");
    let runs = r("<w:b/>", "bold ")
        + &r("<w:b w:val=\"0\"/><w:i/>", "it")
        + &r("<w:vanish/>", "gone")
        + &r("<w:dstrike/>", "no");
    check(&format!("<w:p>{runs}</w:p>"), "**bold** *it*~~no~~\n");
    check(
        &format!(
            "<w:p><w:ins>{}</w:ins><w:del>{}</w:del></w:p>",
            r("", "in"),
            "<w:r><w:delText>out</w:delText></w:r>"
        ),
        "in\n",
    );
    check(&(p("<w:rPr><w:del/></w:rPr>", "joined ") + &p("", "line")), "joined line\n");
    check(
        &format!("<w:p><w:hyperlink r:id=\"h\">{}</w:hyperlink></w:p>", r("", "here")),
        "[here](https://example.org/a%28b%29)\n",
    );
    let field = "<w:r><w:fldChar w:fldCharType=\"begin\"/></w:r><w:r><w:instrText> HYPERLINK \"http://x/\" \\l \"top\" </w:instrText></w:r><w:r><w:fldChar w:fldCharType=\"separate\"/></w:r>";
    let end = "<w:r><w:fldChar w:fldCharType=\"end\"/></w:r>";
    check(
        &format!("<w:p>{field}{}{end}{}</w:p>", r("", "far"), r("", " near")),
        "[far](http://x/#top) near\n",
    );
    let note =
        "<w:r><w:footnoteReference w:id=\"2\"/></w:r><w:r><w:commentReference w:id=\"0\"/></w:r>";
    check(
        &format!("<w:p>{}{note}</w:p>", r("", "See")),
        "See[^1][^c1]\n\n[^1]: Again\n\n[^c1]: Ann: Really?\n",
    );
    check(
        "<w:p><w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>c</w:t><w:sym w:font=\"Symbol\" w:char=\"F061\"/></w:r></w:p>",
        "a\\\nb cα\n",
    );
    let choice = format!(
        "<mc:AlternateContent><mc:Choice>{}</mc:Choice><mc:Fallback>{}</mc:Fallback></mc:AlternateContent>",
        r("", "once"),
        r("", "twice")
    );
    check(&format!("<w:p>{choice}</w:p>"), "once\n");
}

#[test]
fn tables() {
    let check = |rows: &str, expected: &str| {
        let read = docx(&document(&format!("<w:tbl>{rows}</w:tbl>"))).expect("a document");
        assert_eq!(read.body, expected, "{rows}");
    };
    let cell = |properties: &str, content: &str| {
        format!("<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>")
    };
    let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
    let plain = |text: &str| cell("", &p("", text));
    check(
        &(row(&[plain("a"), plain("b|c")])
            + &row(&[plain("1"), cell("", &(p("", "x") + &p("", "y")))])),
        "| a | b\\|c |\n| --- | --- |\n| 1 | x<br>y |\n",
    );
    check(
        &(row(&[cell("<w:gridSpan w:val=\"2\"/>", &p("", "wide"))])
            + &row(&[cell("<w:vMerge/>", &p("", "hidden")), plain("z")])),
        "| wide | |\n| --- | --- |\n| | z |\n",
    );
    check(&row(&[plain("box")]), "box\n");
    let inner = format!("<w:tbl>{}</w:tbl>", row(&[plain("m"), plain("n")]));
    check(&row(&[plain("o"), cell("", &inner)]), "| o | m n |\n| --- | --- |\n");
    check(
        &row(&[cell("<w:gridSpan w:val=\"4000000000\"/>", &p("", "x")), plain("y")])
            .replace("4000000000", "2"),
        "| x | | y |\n| --- | --- | --- |\n",
    );
}

#[test]
fn images_are_attached_once() {
    let drawing =
        "<w:r><w:drawing><wp:docPr descr=\"A [cat]\"/><a:blip r:embed=\"i\"/></w:drawing></w:r>";
    let read = docx(&document(&format!("<w:p>{drawing}{drawing}</w:p>"))).expect("a document");
    assert_eq!(read.body, "![A \\[cat\\]](image1.png)![A \\[cat\\]](image1.png)\n");
    assert_eq!(read.attachments.len(), 1);
    assert_eq!(read.attachments[0].bytes, b"picture");
}

#[test]
fn properties() {
    let read = docx(&document(&p("", "x"))).expect("a document");
    assert_eq!(read.title.as_deref(), Some("From core"));
    assert_eq!(read.front_matter, "author: \"Ann \\\"A\\\" Lee\"\n");
    assert_eq!(read.tags, ["one", "two-words"]);
    assert_eq!(read.created_ms, Some(1000));
    let read = docx(&document(&p("<w:pStyle w:val=\"T\"/>", "On the page"))).expect("a document");
    assert_eq!((read.title.as_deref(), read.body.as_str()), (Some("On the page"), ""));
}

#[test]
fn hostile_packages() {
    let is_damaged = |bytes: &[u8]| matches!(docx(bytes), Err(Failure::Damaged(_)));
    assert!(is_damaged(b""));
    assert!(is_damaged(b"PK\x03\x04"));
    assert!(is_damaged(&package(&[("a.txt", "x")])));
    assert!(is_damaged(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
    let mut encrypted = b"\xd0\xcf\x11\xe0".to_vec();
    encrypted.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert!(matches!(docx(&encrypted), Err(Failure::Encrypted)));
    // Entities that stand for ten others each.
    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]><w:document><w:body><w:p><w:r><w:t>&b;.</w:t></w:r></w:p></w:body></w:document>";
    assert_eq!(docx(&package(&[("word/document.xml", laughs)])).expect("a document").body, ".\n");
    let bomb = " ".repeat(100 << 20);
    assert!(matches!(docx(&package(&[("word/document.xml", &bomb)])), Err(Failure::TooLarge(_))));
    let deep = format!(
        "{}{}{}",
        "<w:tbl><w:tr><w:tc>".repeat(20_000),
        p("", "deep"),
        "</w:tc></w:tr></w:tbl>".repeat(20_000)
    );
    assert!(docx(&document(&deep)).expect("a document").body.contains("deep"));
    let deep = format!("<w:p>{}{}", "<w:sdt><w:sdtContent>".repeat(20_000), r("", "deep"));
    let read = docx(&document(&deep)).expect("what can be read");
    assert!(read.body.contains("deep"));
}
