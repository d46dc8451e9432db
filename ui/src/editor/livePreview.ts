// Live preview: markup is hidden except at the cursor, and only what is on the screen is decorated.
// It never adds or removes a line, so the text does not jump while one moves through it.
import { syntaxTree } from "@codemirror/language";
import { searchPanelOpen } from "@codemirror/search";
import { type EditorState, type Extension, type Range, StateEffect } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import type { SyntaxNode, SyntaxNodeRef } from "@lezer/common";
import { resolveEmbed } from "./embeds";
import { attachmentsField, setAttachments } from "./host";
import { addressTarget, linkAddress, wikilinkInner } from "./links";
import { splitWikilink } from "./markdown";
import { displayWidth, splitRow } from "./rows";
import { CheckboxWidget, EmbedWidget, FormulaWidget, RuleWidget, TextWidget } from "./widgets";

/** Sent when a mouse selection ends: until then nothing is revealed, or the text would slide under the pointer. */
const settle = StateEffect.define();

/** Lines of a table that are looked at for its column widths. */
const MAX_TABLE_LINES = 400;
/** A table wider than this many characters is left to wrap. */
const MAX_TABLE_WIDTH = 110;
const MAX_DEPTH = 8;

/**
 * Hidden markup stays in the line at no size. Replacing it would put breaking points around it (a full stop after a
 * link could begin a line), and may not be done across a line end.
 */
const hide = Decoration.mark({ class: "cm-hidden" });
const marks = new Map<string, Decoration>();
const lines = new Map<string, Decoration>();

function mark(className: string): Decoration {
  let found = marks.get(className);
  if (!found) marks.set(className, (found = Decoration.mark({ class: className })));
  return found;
}

const linkMark = Decoration.mark({ class: "cm-link", attributes: { "data-link": "" } });
const footnoteMark = Decoration.mark({ class: "cm-footnote", attributes: { "data-link": "" } });
const tagMark = Decoration.mark({ class: "cm-tag", attributes: { "data-link": "" } });

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
const ownDirection = Decoration.line({ attributes: { dir: "auto" } });

function line(className: string): Decoration {
  let found = lines.get(className);
  if (!found) lines.set(className, (found = Decoration.line({ class: className })));
  return found;
}

const INLINE: Readonly<Record<string, { style: string; marks: string }>> = {
  Emphasis: { style: "cm-em", marks: "EmphasisMark" },
  StrongEmphasis: { style: "cm-strong", marks: "EmphasisMark" },
  Strikethrough: { style: "cm-strike", marks: "StrikethroughMark" },
  Highlight: { style: "cm-highlight", marks: "HighlightMark" },
  InlineCode: { style: "cm-inline-code", marks: "CodeMark" },
  Subscript: { style: "cm-sub", marks: "SubscriptMark" },
  Superscript: { style: "cm-sup", marks: "SuperscriptMark" },
};

/** Obsidian's callout names, folded to the few looks there are. */
const CALLOUTS: Readonly<Record<string, string>> = {
  tip: "tip", hint: "tip", important: "tip", success: "tip", check: "tip", done: "tip",
  warning: "warning", caution: "warning", attention: "warning", question: "warning", help: "warning", faq: "warning",
  danger: "danger", error: "danger", failure: "danger", fail: "danger", missing: "danger", bug: "danger",
  quote: "plain", cite: "plain", example: "plain", abstract: "plain", summary: "plain", tldr: "plain",
};

export function calloutLook(name: string): string {
  return CALLOUTS[name.toLowerCase()] ?? "note";
}

class Builder {
  readonly ranges: Range<Decoration>[] = [];
  readonly atoms: Range<Decoration>[] = [];
  /** Hidden spans inside tables, to count what a cell shows. */
  private readonly hidden: { from: number; to: number }[] = [];
  private readonly listLines = new Map<number, { depth: number; first: boolean }>();
  private readonly codeLines = new Set<number>();
  private readonly tables: SyntaxNode[] = [];
  private from = 0;
  private to = 0;

  constructor(
    private readonly state: EditorState,
    private readonly reveal: boolean,
  ) {}

  span(from: number, to: number): void {
    this.from = from;
    this.to = to;
    this.listLines.clear();
    this.codeLines.clear();
    this.tables.length = 0;
    syntaxTree(this.state).iterate({ from, to, enter: (node) => this.enter(node) });
    this.directions();
    this.finishLists();
    for (const table of this.tables) this.table(table);
  }

  /** Lines with letters that run from right to left begin where their first letter says. */
  private directions(): void {
    for (const at of this.visibleLines(this.from, this.to)) if (RIGHT_TO_LEFT.test(at.text)) this.ranges.push(ownDirection.range(at.from));
  }

  private touches(from: number, to: number): boolean {
    return this.reveal && this.state.selection.ranges.some((range) => range.from <= to && range.to >= from);
  }

  private lineTouched(pos: number): boolean {
    const at = this.state.doc.lineAt(pos);
    return this.touches(at.from, at.to);
  }

  private add(decoration: Decoration, from: number, to: number): void {
    if (from < to) this.ranges.push(decoration.range(from, to));
  }

  private hide(from: number, to: number): void {
    if (from >= to) return;
    this.ranges.push(hide.range(from, to));
    this.hidden.push({ from, to });
  }

  private lineClass(pos: number, className: string): void {
    this.ranges.push(line(className).range(this.state.doc.lineAt(pos).from));
  }

  /** The visible lines between two places. */
  private *visibleLines(from: number, to: number) {
    const last = Math.min(to, this.to);
    for (let at = this.state.doc.lineAt(Math.max(from, this.from)); ; ) {
      yield at;
      if (at.to >= last || at.number >= this.state.doc.lines) return;
      at = this.state.doc.line(at.number + 1);
    }
  }

  private enter(ref: SyntaxNodeRef): boolean | undefined {
    const { name, from, to } = ref;
    const inline = INLINE[name];
    if (inline) {
      this.add(mark(inline.style), from, to);
      if (!this.touches(from, to))
        for (const child of ref.node.getChildren(inline.marks)) this.hide(child.from, child.to);
      return name !== "InlineCode";
    }
    const heading = /^(?:ATX|Setext)Heading([1-6])$/.exec(name);
    if (heading) {
      this.heading(ref.node, Number(heading[1]));
      return true;
    }
    switch (name) {
      case "Link":
        this.link(ref.node);
        return true;
      case "Image":
      case "WikiEmbed":
        this.embed(ref.node);
        return false;
      case "WikiLink":
        this.wikilink(ref.node);
        return false;
      case "Autolink":
        if (this.touches(from, to)) return false;
        this.hide(from, from + 1);
        this.hide(to - 1, to);
        this.add(linkMark, from + 1, to - 1);
        return false;
      case "URL":
        if (ref.node.parent?.name !== "Link" && ref.node.parent?.name !== "LinkReference") this.add(this.touches(from, to) ? mark("cm-link") : linkMark, from, to);
        return false;
      case "Hashtag":
        this.add(this.touches(from, to) ? mark("cm-tag") : tagMark, from, to);
        return false;
      case "Escape":
        if (!this.touches(from, to)) this.hide(from, from + 1);
        return false;
      case "Footnote":
        if (this.touches(from, to)) this.add(mark("cm-link"), from, to);
        else {
          this.hide(from, from + 2);
          this.hide(to - 1, to);
          this.add(footnoteMark, from + 2, to - 1);
        }
        return false;
      case "Formula":
        this.formula(from, to);
        return false;
      case "FormulaBlock":
        this.formulaBlock(ref.node);
        return false;
      case "HorizontalRule":
        if (!this.lineTouched(from)) this.ranges.push(Decoration.replace({ widget: new RuleWidget() }).range(from, to));
        return false;
      case "Blockquote":
        this.quote(ref.node);
        return true;
      case "QuoteMark":
        if (!this.lineTouched(from)) this.hide(from, this.pastSpace(to));
        return false;
      case "ListItem":
        this.listItem(ref.node);
        return true;
      case "ListMark":
        this.listMark(ref.node);
        return false;
      case "FencedCode":
        this.fence(ref.node);
        return false;
      case "CodeBlock":
        for (const at of this.visibleLines(from, to)) this.ranges.push(line("cm-code-line").range(at.from));
        return false;
      case "Table":
        this.tables.push(ref.node);
        return true;
      case "HTMLBlock":
      case "CommentBlock":
      case "Comment":
      case "HTMLTag":
      case "LinkReference":
        // A footnote of one word looks like the address of a link.
        if (this.state.sliceDoc(from, from + 2) === "[^") this.add(mark("cm-footnote-mark"), from, from + this.state.sliceDoc(from, to).indexOf("]") + 1);
        else this.add(mark("cm-dim"), from, to);
        return false;
      default:
        return undefined;
    }
  }

  private pastSpace(pos: number): number {
    return this.state.sliceDoc(pos, pos + 1) === " " ? pos + 1 : pos;
  }

  private heading(node: SyntaxNode, level: number): void {
    const setext = node.name.startsWith("Setext");
    for (const at of this.visibleLines(node.from, node.to)) this.ranges.push(line(`cm-heading cm-h${String(level)}`).range(at.from));
    for (const child of node.getChildren("HeaderMark")) {
      if (setext) this.add(mark("cm-dim"), child.from, child.to);
      else if (this.lineTouched(node.from)) this.add(mark("cm-markup"), child.from, child.to);
      else if (child.from === node.from) this.hide(child.from, this.pastSpace(child.to));
      else this.hide(child.from - (this.state.sliceDoc(child.from - 1, child.from) === " " ? 1 : 0), child.to);
    }
  }

  private link(node: SyntaxNode): void {
    const brackets = node.getChildren("LinkMark");
    const [open, close] = brackets;
    // `[word]` without an address is a link only if a definition exists; it is left as text.
    if (!open || !close || (!node.getChild("URL") && !node.getChild("LinkLabel"))) return;
    if (this.touches(node.from, node.to) || open.to === close.from) {
      this.add(mark("cm-link"), node.from, node.to);
      return;
    }
    this.hide(open.from, open.to);
    this.hide(close.from, node.to);
    const address = linkAddress(this.state, node);
    const target = address === null ? null : addressTarget(address);
    this.add(
      target?.kind === "url" ? Decoration.mark({ class: "cm-link", attributes: { "data-link": "", title: target.url } }) : linkMark,
      open.to,
      close.from,
    );
  }

  private wikilink(node: SyntaxNode): void {
    if (this.touches(node.from, node.to)) {
      this.add(mark("cm-link"), node.from, node.to);
      return;
    }
    const inner = wikilinkInner(this.state, node);
    const bar = inner.indexOf("|");
    const shown = bar >= 0 && inner.slice(bar + 1).trim() ? node.from + 2 + bar + 1 : node.from + 2;
    this.hide(node.from, shown);
    this.add(linkMark, shown, node.to - 2);
    this.hide(node.to - 2, node.to);
  }

  private embed(node: SyntaxNode): void {
    let address: string | null;
    let alt = "";
    let width = 0;
    if (node.name === "WikiEmbed") {
      const { target, label } = splitWikilink(wikilinkInner(this.state, node));
      address = target;
      if (/^\d+(?:x\d+)?$/.test(label)) width = Number.parseInt(label, 10);
      else alt = label === target ? "" : label;
    } else {
      address = linkAddress(this.state, node);
      const [open, close] = node.getChildren("LinkMark");
      if (open && close) alt = this.state.sliceDoc(open.to, close.from);
      const size = /\|(\d+)(?:x\d+)?$/.exec(alt);
      if (size?.[1]) {
        width = Number.parseInt(size[1], 10);
        alt = alt.slice(0, size.index);
      }
    }
    // What spans lines may not be replaced here.
    if (!address || this.state.doc.lineAt(node.from).to < node.to) return;
    const embed = resolveEmbed(address, this.state.field(attachmentsField));
    const widget = new EmbedWidget(embed, alt, Math.min(width, 4000));
    if (this.touches(node.from, node.to)) {
      this.add(mark("cm-markup"), node.from, node.to);
      // The picture stays while its address is edited: taking it away would move everything below.
      if (embed.kind === "image") this.ranges.push(Decoration.widget({ widget, side: 1 }).range(node.to));
    } else {
      this.ranges.push(Decoration.replace({ widget }).range(node.from, node.to));
      this.hidden.push({ from: node.from, to: node.to });
    }
  }

  private formula(from: number, to: number): void {
    const source = this.state.sliceDoc(from, to);
    const display = source.startsWith("$$");
    const widget = new FormulaWidget(source.slice(display ? 2 : 1, display ? -2 : -1).trim(), display);
    if (!this.touches(from, to)) {
      this.ranges.push(Decoration.replace({ widget }).range(from, to));
      this.hidden.push({ from, to });
      return;
    }
    this.add(mark("cm-formula-source"), from, to);
    if (display) this.ranges.push(Decoration.widget({ widget, side: 1 }).range(to));
  }

  /** Its source stays to be seen, so that nothing moves when the cursor comes or goes; below it is what it says. */
  private formulaBlock(node: SyntaxNode): void {
    for (const at of this.visibleLines(node.from, node.to)) this.ranges.push(line("cm-formula-line").range(at.from));
    const tex = this.state.sliceDoc(node.from, node.to).replace(/^\s*\$\$|\$\$\s*$/g, "").trim();
    if (tex !== "" && node.to <= this.to) this.ranges.push(Decoration.widget({ widget: new FormulaWidget(tex, true), side: 1 }).range(node.to));
  }

  private quote(node: SyntaxNode): void {
    const firstLine = this.state.doc.lineAt(node.from);
    const callout = /^[\s>]*\[!([\w-]+)\][+-]?\s*/.exec(firstLine.text);
    const look = callout?.[1] ? `cm-quote cm-callout cm-callout-${calloutLook(callout[1])}` : "cm-quote";
    for (const at of this.visibleLines(node.from, node.to)) this.ranges.push(line(look).range(at.from));
    if (!callout?.[1]) return;
    this.lineClass(node.from, "cm-callout-title");
    if (this.lineTouched(node.from) || firstLine.from < this.from) return;
    const from = firstLine.from + callout[0].indexOf("[!");
    const to = firstLine.from + callout[0].length;
    const bare = to >= firstLine.to;
    const label = callout[1].charAt(0).toUpperCase() + callout[1].slice(1).toLowerCase();
    if (bare) this.ranges.push(Decoration.replace({ widget: new TextWidget(label, "cm-callout-name") }).range(from, to));
    else this.hide(from, to);
  }

  private listItem(node: SyntaxNode): void {
    let depth = 0;
    for (let up: SyntaxNode | null = node; up; up = up.parent) if (up.name === "ListItem") depth += 1;
    depth = Math.min(depth, MAX_DEPTH);
    const firstLine = this.state.doc.lineAt(node.from).number;
    for (const at of this.visibleLines(node.from, node.to)) this.listLines.set(at.number, { depth, first: at.number === firstLine });
    const task = node.getChild("Task");
    const marker = task?.getChild("TaskMarker");
    if (task && marker && /x/i.test(this.state.sliceDoc(marker.from + 1, marker.from + 2)))
      this.add(mark("cm-task-done"), marker.to, task.to);
  }

  private listMark(node: SyntaxNode): void {
    const item = node.parent;
    const marker = item?.getChild("Task")?.getChild("TaskMarker");
    const ordered = item?.parent?.name === "OrderedList";
    if (marker) {
      if (this.touches(node.from, marker.to)) {
        this.add(mark("cm-markup"), node.from, marker.to);
        return;
      }
      const task = item?.getChild("Task");
      const label = task ? this.state.sliceDoc(marker.to, Math.min(task.to, marker.to + 200)).trim() : "";
      const widget = new CheckboxWidget(/x/i.test(this.state.sliceDoc(marker.from + 1, marker.from + 2)), label);
      const from = ordered ? marker.from : node.from;
      if (ordered) this.add(mark("cm-list-mark"), node.from, this.pastSpace(node.to));
      this.ranges.push(Decoration.replace({ widget }).range(from, this.pastSpace(marker.to)));
      return;
    }
    const end = this.pastSpace(node.to);
    if (ordered || this.touches(node.from, node.to)) this.add(mark("cm-list-mark"), node.from, end);
    else this.ranges.push(Decoration.replace({ widget: new TextWidget("•", "cm-list-mark cm-bullet") }).range(node.from, end));
  }

  private finishLists(): void {
    const { doc } = this.state;
    for (const [number, { depth, first }] of this.listLines) {
      if (this.codeLines.has(number)) continue;
      const at = doc.line(number);
      if (/^\s*>/.test(at.text)) continue;
      this.ranges.push(line(`cm-list-line cm-depth-${String(depth)}${first ? " cm-list-first" : ""}`).range(at.from));
      const indent = /^[ \t]+/.exec(at.text)?.[0].length ?? 0;
      if (indent > 0 && indent < at.text.length) {
        const range = hide.range(at.from, at.from + indent);
        this.ranges.push(range);
        this.atoms.push(range);
      }
    }
  }

  private fence(node: SyntaxNode): void {
    const { doc } = this.state;
    const first = doc.lineAt(node.from).number;
    const last = doc.lineAt(node.to).number;
    const closed = node.getChildren("CodeMark").length > 1;
    for (const at of this.visibleLines(node.from, node.to)) {
      this.codeLines.add(at.number);
      const edge = at.number === first ? " cm-code-first" : at.number === last && closed ? " cm-code-last" : "";
      this.ranges.push(line(`cm-code-line${edge}`).range(at.from));
    }
    const active = this.touches(node.from, node.to);
    const info = node.getChild("CodeInfo");
    if (info) this.add(mark("cm-code-info"), info.from, info.to);
    for (const child of node.getChildren("CodeMark")) {
      if (active) this.add(mark("cm-markup"), child.from, child.to);
      else this.hide(child.from, child.to);
    }
  }

  /** Columns are made even with spaces that are shown but not in the text. */
  private table(node: SyntaxNode): void {
    const { doc } = this.state;
    for (const at of this.visibleLines(node.from, node.to)) {
      const head = at.from <= node.from ? " cm-table-head" : "";
      const rule = /^[\s|:-]+$/.test(at.text) && at.from > node.from ? " cm-table-rule" : "";
      this.ranges.push(line(`cm-table-line${head}${rule}`).range(at.from));
    }
    const first = doc.lineAt(node.from).number;
    const last = Math.min(doc.lineAt(node.to).number, first + MAX_TABLE_LINES);
    const rows: { from: number; rule: boolean; cells: { from: number; to: number; width: number }[] }[] = [];
    const widths: number[] = [];
    const sides = splitRow(doc.line(Math.min(first + 1, last)).text).map(({ from, to }) => {
      const rule = doc.line(Math.min(first + 1, last)).text.slice(from, to).trim();
      return rule.endsWith(":") ? (rule.startsWith(":") ? "centre" : "right") : "left";
    });
    for (let number = first; number <= last; number++) {
      const at = doc.line(number);
      const rule = number === first + 1;
      const cells = splitRow(at.text).map((cell) => {
        const [from, to] = [at.from + cell.from, at.from + cell.to];
        return { from, to, width: this.shownLength(from, to) };
      });
      rows.push({ from: at.from, rule, cells });
      cells.forEach((cell, column) => {
        // A rule of many dashes does not make a column wide.
        widths[column] = Math.max(widths[column] ?? 0, rule ? 0 : cell.width);
      });
    }
    if (widths.reduce((sum, width) => sum + width + 1, 0) > MAX_TABLE_WIDTH) return;
    for (const { from, rule, cells } of rows) {
      if (from > this.to || from < this.from - 1000) continue;
      cells.forEach((cell, column) => {
        const missing = (widths[column] ?? 0) - cell.width;
        if (missing <= 0) return;
        const side = rule ? "left" : (sides[column] ?? "left");
        const before = side === "right" ? missing : side === "centre" ? Math.floor(missing / 2) : 0;
        this.pad(cell.from, before, rule, -1);
        // The rule goes on where its dashes end.
        const end = rule ? cell.to - (/:?\s*$/.exec(doc.sliceString(cell.from, cell.to))?.[0].length ?? 0) : cell.to;
        this.pad(end, missing - before, rule, 1);
      });
    }
    for (const at of this.visibleLines(node.from, node.to))
      for (let i = at.text.indexOf("|"); i >= 0; i = at.text.indexOf("|", i + 1))
        if (at.text[i - 1] !== "\\") this.add(mark("cm-table-bar"), at.from + i, at.from + i + 1);
  }

  private pad(pos: number, count: number, rule: boolean, side: 1 | -1): void {
    if (count <= 0) return;
    const widget = rule ? new TextWidget("-".repeat(count), "cm-table-rule") : new TextWidget("\u00a0".repeat(count), "cm-table-pad");
    this.ranges.push(Decoration.widget({ widget, side }).range(pos));
  }

  private shownLength(from: number, to: number): number {
    let length = displayWidth(this.state.sliceDoc(from, to));
    for (const span of this.hidden)
      if (span.from >= from && span.to <= to) length -= displayWidth(this.state.sliceDoc(span.from, span.to));
    return length;
  }
}

class LivePreview {
  decorations: DecorationSet = Decoration.none;
  atoms: DecorationSet = Decoration.none;
  private selecting = false;
  /** Nothing is revealed by the focus alone: a note that was just opened shows itself as it reads. */
  private engaged = false;
  private readonly release: () => void;

  constructor(private readonly view: EditorView) {
    this.release = () => {
      if (!this.selecting) return;
      this.selecting = false;
      // After CodeMirror's own handling of the release.
      queueMicrotask(() => {
        this.view.dispatch({ effects: settle.of(null) });
      });
    };
    view.dom.ownerDocument.addEventListener("mouseup", this.release);
    this.build(view);
  }

  press(): void {
    this.selecting = true;
    this.engaged = true;
  }

  update(update: ViewUpdate): void {
    const wasEngaged = this.engaged;
    this.engaged ||= update.transactions.some((transaction) => transaction.isUserEvent("select") || transaction.isUserEvent("input") || transaction.isUserEvent("delete"));
    const told = update.transactions.some((transaction) =>
      transaction.effects.some((effect) => effect.is(settle) || effect.is(setAttachments)),
    );
    if (
      update.docChanged ||
      update.viewportChanged ||
      told ||
      wasEngaged !== this.engaged ||
      syntaxTree(update.startState) !== syntaxTree(update.state) ||
      (!this.selecting && (update.selectionSet || update.focusChanged)) ||
      searchPanelOpen(update.startState) !== searchPanelOpen(update.state)
    )
      this.build(update.view);
  }

  private build(view: EditorView): void {
    const reveal = !view.state.readOnly && ((view.hasFocus && this.engaged) || searchPanelOpen(view.state));
    const builder = new Builder(view.state, reveal);
    for (const { from, to } of view.visibleRanges) builder.span(from, to);
    this.decorations = Decoration.set(builder.ranges, true);
    this.atoms = Decoration.set(builder.atoms, true);
  }

  destroy(): void {
    this.view.dom.ownerDocument.removeEventListener("mouseup", this.release);
  }
}

export function livePreview(): Extension {
  return ViewPlugin.fromClass(LivePreview, {
    decorations: (plugin) => plugin.decorations,
    provide: (plugin) => EditorView.atomicRanges.of((view) => view.plugin(plugin)?.atoms ?? Decoration.none),
    eventHandlers: {
      mousedown() {
        this.press();
      },
    },
  });
}
