// Colours of fenced code outside the editor, by the same grammars.
import { LanguageDescription } from "@codemirror/language";
import { languages } from "@codemirror/language-data";
import { classHighlighter, highlightCode } from "@lezer/highlight";

/** Characters; more would hold up the page, and nobody reads it for its colours. */
const MAX_CODE = 50_000;

/** Rejects if the grammar cannot be loaded; does nothing for a language that is not known. */
export async function colourCode(element: HTMLElement, name: string): Promise<void> {
  const text = element.textContent;
  const language = name && text.length <= MAX_CODE ? LanguageDescription.matchLanguageName(languages, name, true) : null;
  if (!language) return;
  const { language: grammar } = await language.load();
  if (element.textContent !== text) return;
  const made = document.createDocumentFragment();
  highlightCode(
    text,
    grammar.parser.parse(text),
    classHighlighter,
    (part, classes) => {
      if (!classes) {
        made.append(part);
        return;
      }
      const span = document.createElement("span");
      span.className = classes;
      span.textContent = part;
      made.append(span);
    },
    () => made.append("\n"),
  );
  element.replaceChildren(made);
}
