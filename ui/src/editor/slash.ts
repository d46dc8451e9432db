// The slash menu: what can be put here, by name. In a table: what can be done with it.
import { type Completion, type CompletionContext, type CompletionResult, pickedCompletion, startCompletion } from "@codemirror/autocomplete";
import type { StateCommand } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { localDay } from "../shared/days";
import { insideCode } from "./paste";
import { cellAt, newTable, tableCommands } from "./tables";

interface Offer {
  label: string;
  /** Found by these words, too. */
  also: string;
  /** Shown beside it: how it is written. */
  detail?: string;
  /** ‹ and › enclose what is selected afterwards; one ‹ alone: the cursor. */
  text: () => string;
  /** It begins a line. */
  block: boolean;
  /** Whether something is to be completed right after it. */
  completes?: boolean;
}

const block = (label: string, detail: string, text: string, also = ""): Offer => ({ label, detail, also, text: () => text, block: true });

const OFFERS: readonly Offer[] = [
  block("Heading 1", "#", "# ‹", "title h1"),
  block("Heading 2", "##", "## ‹", "section h2"),
  block("Heading 3", "###", "### ‹", "h3"),
  block("Task", "- [ ]", "- [ ] ‹", "todo to-do checkbox check"),
  block("List", "-", "- ‹", "bullet unordered"),
  block("Numbered list", "1.", "1. ‹", "ordered"),
  block("Quote", ">", "> ‹", "blockquote"),
  block("Callout", "> [!note]", "> [!note] ‹Title›\n> ", "info box admonition note"),
  block("Warning", "> [!warning]", "> [!warning] ‹Title›\n> ", "callout caution"),
  block("Tip", "> [!tip]", "> [!tip] ‹Title›\n> ", "callout hint"),
  block("Code", "```", "```‹language›\n\n```", "block fence source"),
  block("Formula", "$$", "$$\n‹x = y›\n$$", "math latex tex equation"),
  {
    label: "Table",
    also: "grid columns",
    detail: "| |",
    block: true,
    text: () => `${newTable.text.slice(0, newTable.from)}‹${newTable.text.slice(newTable.from, newTable.to)}›${newTable.text.slice(newTable.to)}`,
  },
  block("Divider", "---", "---\n‹", "rule line separator hr"),
  { label: "Link to a note", also: "wikilink page", detail: "[[", text: () => "[[‹", block: false, completes: true },
  { label: "Day", also: "date due calendar", detail: "@", text: () => "@‹", block: false, completes: true },
  { label: "Today’s date", also: "now day", text: () => localDay(new Date()) + "‹", block: false },
  { label: "Time", also: "now clock hour", text: () => new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }) + "‹", block: false },
];

/** A footnote's mark goes here, its text at the end of the note. */
function insertFootnote(view: EditorView, completion: Completion, from: number, to: number): void {
  const doc = view.state.doc.toString();
  const used = new Set([...doc.matchAll(/\[\^(\d+)\]/g)].map((found) => Number(found[1])));
  let number = 1;
  while (used.has(number)) number += 1;
  const mark = `[^${String(number)}]`;
  const gap = /\n\[\^[^\]\n]+\]:[^\n]*\s*$/.test(doc) ? (doc.endsWith("\n") ? "" : "\n") : doc.endsWith("\n\n") ? "" : doc.endsWith("\n") ? "\n" : "\n\n";
  const note = `${gap}${mark}: `;
  view.dispatch({
    changes: [
      { from, to, insert: mark },
      { from: doc.length, insert: note },
    ],
    selection: { anchor: doc.length - (to - from) + mark.length + note.length },
    scrollIntoView: true,
    userEvent: "input.complete",
    annotations: pickedCompletion.of(completion),
  });
}

function applyOffer(offer: Offer) {
  return (view: EditorView, completion: Completion, from: number, to: number): void => {
    const written = offer.text();
    const [open, close] = [written.indexOf("‹"), written.indexOf("›")];
    const line = view.state.doc.lineAt(from);
    // What continues a quote or an item goes on in its following lines.
    const before = offer.block ? (/^[\s>]*/.exec(line.text.slice(0, from - line.from))?.[0] ?? "") : "";
    const prefixed = (text: string): string => text.replace(/[‹›]/g, "").replace(/\n/g, `\n${before}`);
    const insert = prefixed(written);
    const anchor = from + prefixed(written.slice(0, open)).length;
    view.dispatch({
      changes: { from, to, insert },
      selection: close < 0 ? { anchor } : { anchor, head: from + prefixed(written.slice(0, close)).length },
      scrollIntoView: true,
      userEvent: "input.complete",
      annotations: pickedCompletion.of(completion),
    });
    if (offer.completes) startCompletion(view);
  };
}

/** A command about what the slash stands in: the slash itself goes first. */
function applyCommand(run: StateCommand) {
  return (view: EditorView, completion: Completion, from: number, to: number): void => {
    view.dispatch({ changes: { from, to }, userEvent: "delete.complete", annotations: pickedCompletion.of(completion) });
    run(view);
  };
}

function fits(words: string, wanted: string): boolean {
  return wanted === "" || words.toLowerCase().split(/[\s-]+/).some((word) => word.startsWith(wanted)) || words.toLowerCase().startsWith(wanted);
}

export function slashMenu(context: CompletionContext): CompletionResult | null {
  const typed = context.matchBefore(/(?:^|[\s|])\/[\p{L}\p{N} ]{0,20}$/u);
  if (!typed || context.state.readOnly || insideCode(context.state, context.pos)) return null;
  const from = typed.from + typed.text.lastIndexOf("/");
  const wanted = context.state.sliceDoc(from + 1, context.pos).toLowerCase();
  const line = context.state.doc.lineAt(from);
  const table = cellAt(context.state, from) !== null;
  // At the beginning of what the line says, behind the marks of quotes and items.
  const begins = /^[\s>]*(?:[-*+]\s+(?:\[.\]\s+)?|\d+[.)]\s+)?$/.test(line.text.slice(0, from - line.from));
  const options: Completion[] = table
    ? tableCommands.filter(({ title }) => fits(title, wanted)).map(({ title, run }) => ({ label: title, apply: applyCommand(run), type: "slash" }))
    : [
        ...OFFERS.filter((offer) => (begins || !offer.block) && fits(`${offer.label} ${offer.also}`, wanted)).map((offer) => ({
          label: offer.label,
          ...(offer.detail === undefined ? {} : { detail: offer.detail }),
          apply: applyOffer(offer),
          type: "slash",
        })),
        ...(fits("footnote note reference", wanted) ? [{ label: "Footnote", detail: "[^1]", apply: insertFootnote, type: "slash" }] : []),
      ];
  return options.length === 0 ? null : { from, filter: false, options };
}
