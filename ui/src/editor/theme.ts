// The look of the editor, in the app's tokens, so that light and dark need nothing here.
import { HighlightStyle } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const depths = Object.fromEntries(
  Array.from({ length: 8 }, (_, index) => [
    `.cm-depth-${String(index + 1)}`,
    { paddingInlineStart: `calc(var(--note-inline) + ${String((index + 1) * 1.6)}em)` },
  ]),
);

export const editorTheme = EditorView.theme({
  "&": { flex: "1", color: "var(--text)", backgroundColor: "transparent", fontSize: "var(--text-body)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-text)", lineHeight: "1.65", overflowAnchor: "none" },
  ".cm-content": {
    "--note-inline": "max(1.75rem, calc((100% - var(--measure)) / 2))",
    padding: "0.25rem 0 40vh",
    caretColor: "var(--accent)",
    // Ligatures and kerning cost little and read better in long text.
    fontFeatureSettings: "normal",
  },
  ".cm-line": { padding: "0 var(--note-inline)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 24%, transparent) !important",
  },
  ".cm-placeholder": { color: "var(--text-3)" },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--mark) 55%, transparent)" },

  ".cm-heading": { fontWeight: "650", lineHeight: "1.3", letterSpacing: "-0.012em" },
  ".cm-h1": { fontSize: "1.7em", paddingTop: "0.3em", paddingBottom: "0.1em" },
  ".cm-h2": { fontSize: "1.36em", paddingTop: "0.3em", paddingBottom: "0.1em" },
  ".cm-h3": { fontSize: "1.16em", paddingTop: "0.25em" },
  ".cm-h4, .cm-h5, .cm-h6": { fontSize: "1em", paddingTop: "0.2em" },
  ".cm-h5, .cm-h6": { color: "var(--text-3)" },
  ".cm-strong": { fontWeight: "680" },
  ".cm-em": { fontStyle: "italic" },
  ".cm-strike": { textDecoration: "line-through", color: "var(--text-3)" },
  ".cm-highlight": { backgroundColor: "var(--mark)", color: "var(--mark-text)", borderRadius: "2px" },
  ".cm-sub": { verticalAlign: "sub", fontSize: "0.8em" },
  ".cm-sup": { verticalAlign: "super", fontSize: "0.8em" },
  ".cm-inline-code": {
    fontFamily: "var(--font-mono)",
    fontSize: "0.88em",
    backgroundColor: "var(--code)",
    borderRadius: "4px",
    padding: "0.1em 0.3em",
  },
  ".cm-hidden, .cm-hidden *": { fontSize: "0", letterSpacing: "0", whiteSpace: "nowrap" },
  ".cm-markup, .cm-dim": { color: "var(--text-3)" },
  ".cm-link": { color: "var(--link)", textDecoration: "underline", textDecorationThickness: "1px", textUnderlineOffset: "3px", textDecorationColor: "color-mix(in srgb, currentColor 35%, transparent)" },
  "[data-link]": { cursor: "pointer" },
  ".cm-link[data-link]:hover": { textDecorationColor: "currentColor" },
  ".cm-tag": { color: "var(--link)", backgroundColor: "var(--accent-soft)", borderRadius: "999px", padding: "0.08em 0.5em", fontSize: "0.9em" },

  ".cm-list-first": { textIndent: "-1.6em" },
  ...depths,
  ".cm-list-mark": { display: "inline-block", minWidth: "1.6em", textIndent: "0", color: "var(--text-3)", fontVariantNumeric: "tabular-nums" },
  ".cm-bullet": { paddingInlineStart: "0.45em", boxSizing: "border-box", color: "var(--text-3)" },
  ".cm-task-box": {
    appearance: "none",
    width: "1.05em",
    height: "1.05em",
    margin: "0 0.55em 0 0",
    verticalAlign: "-0.16em",
    border: "1.5px solid var(--field-line)",
    borderRadius: "4px",
    cursor: "pointer",
    backgroundColor: "transparent",
    textIndent: "0",
  },
  ".cm-task-box:hover": { borderColor: "var(--accent)" },
  ".cm-task-box:checked": {
    borderColor: "var(--accent)",
    backgroundColor: "var(--accent)",
  },
  ".cm-task-box:checked::before": {
    content: '""', display: "block", width: "0.32em", height: "0.6em", margin: "0.06em 0 0 0.29em",
    border: "solid var(--on-accent)", borderWidth: "0 2px 2px 0", transform: "rotate(42deg)",
  },
  ".cm-task-box:focus-visible": { outline: "2px solid var(--accent)", outlineOffset: "2px" },
  ".cm-task-done": { color: "var(--text-3)", textDecoration: "line-through", textDecorationColor: "color-mix(in srgb, currentColor 35%, transparent)" },

  ".cm-quote": { position: "relative", color: "var(--text-3)" },
  ".cm-line.cm-quote": { paddingInlineStart: "calc(var(--note-inline) + 1.1em)" },
  ".cm-quote::before": { content: '""', position: "absolute", insetBlock: "0", insetInlineStart: "var(--note-inline)", width: "3px", backgroundColor: "var(--line-strong)" },
  ".cm-callout": { "--callout": "var(--accent)", color: "var(--text)" },
  ".cm-callout::after": {
    content: '""', position: "absolute", insetBlock: "0", insetInline: "var(--note-inline)", zIndex: "-3",
    backgroundColor: "var(--callout)", opacity: "0.09",
  },
  ".cm-callout::before": { backgroundColor: "var(--callout)" },
  ".cm-callout-tip": { "--callout": "var(--ok)" },
  ".cm-callout-warning": { "--callout": "var(--warn)" },
  ".cm-callout-danger": { "--callout": "var(--danger)" },
  ".cm-callout-plain": { "--callout": "var(--text-3)" },
  ".cm-callout-title": { fontWeight: "650" },
  ".cm-line.cm-callout": { paddingInlineEnd: "calc(var(--note-inline) + 0.8em)" },

  ".cm-code-line": { fontFamily: "var(--font-mono)", fontSize: "0.88em", position: "relative", lineHeight: "1.6" },
  ".cm-line.cm-code-line": { paddingInline: "calc(var(--note-inline) + 0.9em)" },
  ".cm-code-line::after": { content: '""', position: "absolute", insetBlock: "0", insetInline: "var(--note-inline)", zIndex: "-3", backgroundColor: "var(--code)" },
  ".cm-code-first::after": { borderRadius: "8px 8px 0 0" },
  ".cm-code-last::after": { borderRadius: "0 0 8px 8px" },
  ".cm-code-info": { color: "var(--text-3)" },

  ".cm-table-line": { fontFamily: "var(--font-mono)", fontSize: "0.86em", fontVariantLigatures: "none" },
  ".cm-table-head": { fontWeight: "650" },
  ".cm-table-bar, .cm-table-bar *, .cm-table-rule, .cm-table-rule *": { color: "var(--line-strong)" },
  ".cm-table-line .cm-inline-code": { padding: "0", fontSize: "1em" },
  ".cm-table-line .cm-tag": { padding: "0", fontSize: "1em" },

  ".cm-term": { backgroundColor: "var(--mark)", color: "var(--mark-text)", borderRadius: "2px" },
  ".cm-term-current": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-rule": { display: "inline-block", width: "100%", height: "1px", verticalAlign: "middle", backgroundColor: "var(--line-strong)" },
  ".cm-embed-image": { display: "block", maxWidth: "100%", height: "auto", borderRadius: "6px", margin: "0.4em 0", textIndent: "0" },
  ".cm-embed-chip": {
    display: "inline-block", border: "1px solid var(--line)", borderRadius: "6px", padding: "0.05em 0.6em", fontSize: "0.88em",
    color: "var(--text-3)", backgroundColor: "var(--surface)", cursor: "pointer", maxWidth: "100%", overflowWrap: "anywhere",
  },
  ".cm-embed-missing": { borderStyle: "dashed" },

  ".cm-panels": { backgroundColor: "var(--surface)", color: "var(--text)", zIndex: "5" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-find": { display: "flex", flexDirection: "column", gap: "0.3rem", padding: "0.4rem max(1rem, calc((100% - var(--measure)) / 2))", fontFamily: "var(--font-ui)", fontSize: "var(--text-ui)" },
  ".cm-find-row": { display: "flex", flexWrap: "wrap", alignItems: "center", gap: "0.25rem" },
  ".cm-textfield": {
    flex: "1 1 9rem", maxWidth: "20rem", minWidth: "0", height: "1.75rem", margin: "0", padding: "0 0.55rem", font: "inherit", color: "var(--text)",
    backgroundColor: "var(--canvas)", border: "1px solid var(--field-line)", borderRadius: "6px",
  },
  ".cm-textfield:focus": { borderColor: "var(--accent)", outline: "1px solid var(--accent)", outlineOffset: "0" },
  ".cm-find-count": { minWidth: "4.2rem", padding: "0 0.4rem", color: "var(--text-3)", fontSize: "var(--text-sm)", fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" },
  ".cm-find-button, .cm-find-toggle": {
    minWidth: "1.75rem", height: "1.75rem", padding: "0 0.5rem", borderRadius: "6px", color: "var(--text-2)", textAlign: "center", fontSize: "var(--text-sm)",
  },
  ".cm-find-button:hover, .cm-find-toggle:hover": { backgroundColor: "var(--hover)", color: "var(--text)" },
  ".cm-find-toggle[aria-pressed=true], .cm-find-toggle[aria-expanded=true]": { backgroundColor: "var(--accent-soft)", color: "var(--accent-strong)" },
  ".cm-find-close": { marginInlineStart: "auto" },
  ".cm-searchMatch": { backgroundColor: "color-mix(in srgb, var(--mark) 55%, transparent)", borderRadius: "2px" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--mark)", outline: "1px solid var(--field-line)" },

  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "8px", boxShadow: "var(--shadow-md)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--font-ui)", fontSize: "0.9rem", maxHeight: "16em", padding: "0.25rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "0.25rem 0.6rem", borderRadius: "5px", display: "flex", gap: "0.75rem", justifyContent: "space-between" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--selected)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--text-3)", fontStyle: "normal", fontSize: "0.85em" },
});

/** Colours of fenced code; Markdown itself is coloured by the live preview. */
export const codeColours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--meaning)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--text-3)", fontStyle: "italic" },
  { tag: tags.meta, color: "var(--text-3)" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], color: "var(--link)" },
  { tag: [tags.typeName, tags.className, tags.namespace], color: "var(--warn)" },
  { tag: [tags.propertyName, tags.attributeName, tags.tagName], color: "var(--link)" },
]);
