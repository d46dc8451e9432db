// Completion of `[[` with note names and of `#` with tags.
import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { syntaxTree } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import type { EditorHost } from "./host";

function inCode(context: CompletionContext): boolean {
  for (let node = syntaxTree(context.state).resolveInner(context.pos, -1); ; ) {
    if (/Code/.test(node.name)) return true;
    if (!node.parent) return false;
    node = node.parent;
  }
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
    override: [names, tags],
    icons: false,
    activateOnTypingDelay: 60,
    maxRenderedOptions: 50,
    closeOnBlur: true,
  });
}
