/** The query language, as it is explained to people. */
export interface QueryRow {
  write: string;
  finds: string;
}

export interface QueryGroup {
  title: string;
  rows: QueryRow[];
}

export const queryLanguage: QueryGroup[] = [
  {
    title: "Words",
    rows: [
      { write: "landlord deposit", finds: "both words, and what means the same" },
      { write: '"money back"', finds: "exactly these words, in this order" },
      { write: '"rent paid"~5', finds: "within five words of each other" },
      { write: "rent OR lease", finds: "either" },
      { write: "lease -draft", finds: "without the word draft" },
      { write: "renov*", finds: "words that begin so" },
      { write: "title:lease", finds: "in the title; body: for the text" },
    ],
  },
  {
    title: "Where and what",
    rows: [
      { write: "#home/lease", finds: "that tag and those below it; also tag:" },
      { write: "in:Work", finds: "that notebook and those below it" },
      { write: "type:pdf", finds: "what it was: note, pdf, docx, html …" },
      { write: "is:pinned", finds: "also is:todo, is:done, is:trashed" },
      { write: "has:attachment", finds: "also has:task, has:link, has:image" },
      { write: 'link:"Lease"', finds: "notes that link there" },
      { write: 'like:"Lease"', finds: "near that note by meaning" },
    ],
  },
  {
    title: "When and in which order",
    rows: [
      { write: "updated:7d", finds: "in the last seven days; also “last week”, today" },
      { write: "created:2026-03", finds: "in that month" },
      { write: "updated:2026-01..2026-03", finds: "between the two" },
      { write: "due:today", finds: "with open tasks due then; also overdue, “next week”, due<2026-03" },
      { write: "sort:updated", finds: "newest first; also created, title, relevance" },
    ],
  },
];
