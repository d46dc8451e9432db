// Completion of `[[` with note names, of `#` with tags, of `@` with days, and of `/` with what can be put here.
import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { dateOf, daysFor, localDay } from "../shared/days";
import type { EditorHost } from "./host";
import { insideCode } from "./paste";
import { slashMenu } from "./slash";

function inCode(context: CompletionContext): boolean {
  return insideCode(context.state, context.pos);
}

const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });

/** In a task the day is when it is due; elsewhere it is written, or linked as that day's note is called. */
function days(context: CompletionContext): CompletionResult | null {
  const typed = context.matchBefore(/(?:^|[\s([])@[\p{L}\p{N}]?[\p{L}\p{N} -]{0,18}$/u);
  if (!typed || inCode(context)) return null;
  const from = typed.from + typed.text.lastIndexOf("@");
  const wanted = context.state.sliceDoc(from + 1, context.pos);
  const found = daysFor(wanted, localDay(new Date()));
  if (found.length === 0) return null;
  const inTask = /^[\s>]*(?:[-*+]|\d+[.)])\s+\[.\]\s/.test(context.state.doc.lineAt(from).text);
  return {
    from,
    filter: false,
    options: found.flatMap(({ label, day }): Completion[] => [
      { label, detail: weekday.format(dateOf(day)), apply: inTask ? `📅 ${day} ` : `${day} `, type: "day" },
      // Only of what was asked for by name, or the list would be twice as long.
      ...(wanted.trim() !== "" && !inTask ? [{ label: `${label}, linked`, detail: `[[${day}]]`, apply: `[[${day}]] `, type: "day" }] : []),
    ]),
  };
}

function insertName(title: string) {
  return (view: EditorView, _completion: Completion, from: number, to: number) => {
    const closed = view.state.sliceDoc(to, to + 2) === "]]";
    view.dispatch({
      changes: { from, to, insert: closed ? title : `${title}]]` },
      selection: { anchor: from + title.length + 2 },
      userEvent: "input.complete",
    });
  };
}

export function completion(host: EditorHost): Extension {
  async function names(context: CompletionContext): Promise<CompletionResult | null> {
    const typed = context.matchBefore(/!?\[\[[^[\]\n|#]*/);
    if (!typed || inCode(context)) return null;
    const prefix = typed.text.replace(/^!?\[\[/, "");
    const found = await host.completeNames(prefix);
    if (context.aborted) return null;
    return {
      from: context.pos - prefix.length,
      filter: false,
      options: found.map((note) => ({
        label: note.title || "Untitled",
        ...(note.notebook ? { detail: note.notebook } : {}),
        apply: insertName(note.title),
        type: "note",
      })),
    };
  }

  async function tags(context: CompletionContext): Promise<CompletionResult | null> {
    const typed = context.matchBefore(/(?:^|[\s([{,;])#[\p{L}\p{N}_/-]+/u);
    if (!typed || inCode(context)) return null;
    const prefix = typed.text.replace(/^[^#]*#/, "");
    const found = await host.completeTags(prefix);
    if (context.aborted) return null;
    return {
      from: context.pos - prefix.length,
      filter: false,
      options: found.filter((tag) => tag !== prefix).map((tag) => ({ label: tag, apply: `${tag} `, type: "tag" })),
    };
  }

  return autocompletion({
    override: [names, tags, days, slashMenu],
    icons: false,
    activateOnTypingDelay: 60,
    maxRenderedOptions: 50,
    closeOnBlur: true,
  });
}
