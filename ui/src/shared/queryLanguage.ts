/** The query language, as it is explained to people and completed while they type. The parser itself is the shell's. */
export interface QueryRow {
  write: string;
  finds: string;
  /** Other ways to write it. */
  also?: string[];
}

export interface QueryGroup {
  title: string;
  rows: QueryRow[];
}

export const queryLanguage: QueryGroup[] = [
  {
    title: "Words",
    rows: [
      { write: "landlord deposit", finds: "by words and by meaning; notes with both words, near each other, first" },
      { write: '"money back"', finds: "exactly these words, in this order" },
      { write: '"rent paid"~5', finds: "in this order with up to five words between them" },
      { write: "renov*", finds: "words that begin so; so does the last word while it is typed" },
      { write: "title:lease", finds: "in the title", also: ["intitle:"] },
      { write: 'body:"notice period"', finds: "in the text" },
    ],
  },
  {
    title: "Together",
    rows: [
      { write: "rent OR lease", finds: "either" },
      { write: "rent AND lease", finds: "a hit of each side; a space ranks notes with both first" },
      { write: "lease -draft", finds: "without the word draft", also: ["NOT draft"] },
      { write: "(rent OR lease) -tag:old", finds: "parentheses group; any part can be left out with −" },
    ],
  },
  {
    title: "Where and what",
    rows: [
      { write: "#home/lease", finds: "that tag and those below it", also: ["tag:home/lease"] },
      { write: "in:Work", finds: "that notebook and those below it", also: ["notebook:", "path:"] },
      { write: "type:pdf", finds: "what it was: note, markdown, pdf, docx, html, mail …", also: ["ext:", "mime:application/pdf"] },
      { write: "is:todo", finds: "with open tasks; also is:done, is:pinned, is:trashed", also: ["task:open"] },
      { write: "has:attachment", finds: "also has:task, has:link, has:image" },
      { write: 'link:"Lease"', finds: "notes that link to that one" },
      { write: 'like:"Lease"', finds: "near that note by meaning" },
    ],
  },
  {
    title: "When and in which order",
    rows: [
      { write: "updated:7d", finds: "changed in the last seven days; h, d, w, m, y" },
      { write: "created:2026-03", finds: "made in that month; 2026, 2026-03-01, today, yesterday, tomorrow" },
      { write: 'updated:"last week"', finds: "this, last or next week, month or year; also last-week" },
      { write: "updated:2025..2026-03", finds: "between the two; either end may be left out" },
      { write: "created>=2025", finds: "from then on; also >, <, <=, with created, updated and due" },
      { write: "after:2026-03", finds: "changed after; before: changed before", also: ["newer_than:2w", "older_than:1y"] },
      { write: "due:7d", finds: "with open tasks due by then; also overdue, today, due<2026-03" },
      { write: "sort:updated", finds: "newest first; also created, title, relevance" },
    ],
  },
];

const DAYS = ["today", "yesterday", "this week", "last week", "this month", "last month", "this year", "last year", "24h", "7d", "2w", "3m", "1y"];

/** What a filter takes: some words, or names that only the store knows. */
export type FilterValues = readonly string[] | "tags" | "notebooks" | "notes" | "words";

/** Every filter with what it takes, in the order in which they are offered. */
export const filters: { key: string; also: string[]; values: FilterValues; about: string }[] = [
  { key: "tag", also: [], values: "tags", about: "a tag and those below it" },
  { key: "in", also: ["notebook", "path"], values: "notebooks", about: "a notebook and those below it" },
  { key: "title", also: ["intitle"], values: "words", about: "words in the title" },
  { key: "body", also: [], values: "words", about: "words in the text" },
  {
    key: "type",
    also: ["ext"],
    values: ["note", "markdown", "pdf", "docx", "html", "text", "epub", "eml", "xlsx", "csv", "pptx", "odt", "ods", "odp", "rtf", "xls", "ipynb", "json", "keep", "org", "rst", "opml"],
    about: "what it was",
  },
  { key: "mime", also: [], values: ["application/pdf", "text/markdown", "text/html", "text/plain"], about: "its media type" },
  { key: "is", also: ["task"], values: ["todo", "done", "pinned", "trashed"], about: "todo, done, pinned, trashed" },
  { key: "has", also: [], values: ["task", "link", "attachment", "image"], about: "task, link, attachment, image" },
  { key: "updated", also: [], values: DAYS, about: "when it was changed" },
  { key: "created", also: [], values: DAYS, about: "when it was made" },
  { key: "due", also: [], values: ["today", "tomorrow", "overdue", "this week", "next week", "7d", "this month"], about: "open tasks due then" },
  { key: "after", also: ["newer_than"], values: DAYS, about: "changed after" },
  { key: "before", also: ["older_than"], values: DAYS, about: "changed before" },
  { key: "link", also: [], values: "notes", about: "links to a note" },
  { key: "like", also: [], values: "notes", about: "near a note by meaning" },
  { key: "sort", also: [], values: ["relevance", "updated", "created", "title"], about: "the order" },
];
