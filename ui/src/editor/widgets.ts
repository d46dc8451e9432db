// What stands in the text in place of markup: boxes, bullets, pictures, rules.
import { type EditorView, WidgetType } from "@codemirror/view";
import { localDay } from "../shared/days";
import { ticked } from "../shared/taskLine";
import type { Embed } from "./embeds";
import { sizeLabel } from "./embeds";
import { showFormula } from "./formula";
import { MIN_WIDTH, resized } from "./pictures";

export class CheckboxWidget extends WidgetType {
  constructor(
    readonly checked: boolean,
    readonly label: string,
  ) {
    super();
  }

  override eq(other: CheckboxWidget): boolean {
    return other.checked === this.checked && other.label === this.label;
  }

  override toDOM(view: EditorView): HTMLElement {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.className = "cm-task-box";
    box.checked = this.checked;
    box.setAttribute("aria-label", this.label || "Task");
    box.addEventListener("change", () => {
      toggleMarkerAt(view, view.posAtDOM(box));
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") {
        event.preventDefault();
        event.stopPropagation();
        toggleMarkerAt(view, view.posAtDOM(box));
      } else if (event.key === "Escape") view.focus();
    });
    return box;
  }

  override updateDOM(dom: HTMLElement): boolean {
    if (!(dom instanceof HTMLInputElement)) return false;
    dom.checked = this.checked;
    dom.setAttribute("aria-label", this.label || "Task");
    return true;
  }

  override ignoreEvent(): boolean {
    return true;
  }
}

/** Ticks or unticks the `[ ]` on the line of `pos`; ticking a task that is repeated writes its next turn above it. */
export function toggleMarkerAt(view: EditorView, pos: number): boolean {
  if (view.state.readOnly) return false;
  const line = view.state.doc.lineAt(pos);
  const marker = /^(\s*(?:>\s*)*(?:[-*+]|\d+[.)])\s+\[)(.)\]/.exec(line.text);
  if (!marker?.[1]) return false;
  const at = line.from + marker[1].length;
  const done = marker[2] === " ";
  const [next, ...rest] = (ticked(line.text, done, localDay(new Date())) ?? "").split("\n");
  view.dispatch({
    changes: [
      ...(rest.length > 0 ? [{ from: line.from, insert: `${next ?? ""}\n` }] : []),
      { from: at, to: at + 1, insert: done ? "x" : " " },
    ],
    userEvent: "input.toggle",
  });
  return true;
}

export class TextWidget extends WidgetType {
  constructor(
    readonly text: string,
    readonly className: string,
  ) {
    super();
  }

  override eq(other: TextWidget): boolean {
    return other.text === this.text && other.className === this.className;
  }

  override toDOM(): HTMLElement {
    const span = document.createElement("span");
    span.className = this.className;
    span.textContent = this.text;
    span.setAttribute("aria-hidden", "true");
    return span;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

/** Measured sizes by address, so that a picture scrolled back into view takes its room at once. */
const knownSizes = new Map<string, { width: number; height: number }>();

export class EmbedWidget extends WidgetType {
  constructor(
    readonly embed: Embed,
    readonly alt: string,
    /** Pixels, as in `![[a.png|300]]`; 0 = its own. */
    readonly width: number,
  ) {
    super();
  }

  override eq(other: EmbedWidget): boolean {
    return other.alt === this.alt && other.width === this.width && other.embed.kind === this.embed.kind && source(other.embed) === source(this.embed);
  }

  override toDOM(view: EditorView): HTMLElement {
    const embed = this.embed;
    if (embed.kind === "image") return this.image(view, embed.url, embed.name);
    const chip = document.createElement("span");
    chip.className = `cm-embed-chip cm-embed-${embed.kind}`;
    chip.dataset["link"] = "";
    if (embed.kind === "file") {
      chip.textContent = `${embed.attachment.name} · ${sizeLabel(embed.attachment.size)}`;
      chip.title = "Open with the system";
    } else if (embed.kind === "remote") {
      chip.textContent = `Picture on the web, not loaded: ${embed.url.slice(0, 120)}`;
      chip.title = "Open in the browser";
    } else {
      chip.textContent = `Not attached: ${embed.name.slice(0, 120)}`;
    }
    return chip;
  }

  private image(view: EditorView, url: string, name: string): HTMLElement {
    const image = document.createElement("img");
    image.className = "cm-embed-image";
    image.alt = this.alt || name;
    image.decoding = "async";
    image.draggable = false;
    const known = knownSizes.get(url);
    if (this.width > 0) image.width = this.width;
    if (known) {
      image.width = this.width || known.width;
      image.height = Math.round(image.width * (known.height / known.width));
    }
    image.addEventListener("load", () => {
      knownSizes.set(url, { width: image.naturalWidth || 1, height: image.naturalHeight || 1 });
      view.requestMeasure();
    });
    image.addEventListener("error", () => {
      const chip = document.createElement("span");
      chip.className = "cm-embed-chip cm-embed-missing";
      chip.textContent = `This picture cannot be shown: ${name || "unknown"}`;
      image.replaceWith(chip);
      view.requestMeasure();
    });
    image.src = url;
    if (view.state.readOnly) return image;
    const frame = document.createElement("span");
    frame.className = "cm-embed-frame";
    const handle = document.createElement("span");
    // By keys: the commands that make a picture larger and smaller.
    handle.setAttribute("aria-hidden", "true");
    handle.className = "cm-embed-handle";
    handle.title = "Drag to resize, double-click for its own size";
    handle.addEventListener("pointerdown", (event) => {
      if (event.button === 0) resizeByPointer(view, frame, image, event);
    });
    handle.addEventListener("dblclick", (event) => {
      event.preventDefault();
      const spec = resized(view.state, view.posAtDOM(frame), null);
      if (spec) view.dispatch(spec);
    });
    frame.append(image, handle);
    return frame;
  }

  override ignoreEvent(event: Event): boolean {
    return event.target instanceof HTMLElement && event.target.classList.contains("cm-embed-handle");
  }
}

/** The picture follows the pointer; what it comes to is written once, on release. */
function resizeByPointer(view: EditorView, frame: HTMLElement, image: HTMLImageElement, event: PointerEvent): void {
  event.preventDefault();
  event.stopPropagation();
  const begin = { x: event.clientX, width: image.getBoundingClientRect().width };
  const most = frame.parentElement?.clientWidth ?? begin.width;
  const stop = new AbortController();
  const { signal } = stop;
  let width = begin.width;
  addEventListener(
    "pointermove",
    (move) => {
      width = Math.round(Math.max(MIN_WIDTH, Math.min(most, begin.width + move.clientX - begin.x)));
      image.width = width;
      image.removeAttribute("height");
      view.requestMeasure();
    },
    { signal },
  );
  const end = (): void => {
    stop.abort();
    if (Math.abs(width - begin.width) < 2) return;
    const spec = resized(view.state, view.posAtDOM(frame), width);
    if (spec) view.dispatch(spec);
  };
  addEventListener("pointerup", end, { signal });
  addEventListener("pointercancel", () => stop.abort(), { signal });
}

function source(embed: Embed): string {
  switch (embed.kind) {
    case "image":
    case "remote":
      return embed.url;
    case "file":
      return `${embed.attachment.digest}/${embed.attachment.name}`;
    case "missing":
      return embed.name;
  }
}

export class RuleWidget extends WidgetType {
  override eq(): boolean {
    return true;
  }

  override toDOM(): HTMLElement {
    const rule = document.createElement("span");
    rule.className = "cm-rule";
    rule.setAttribute("role", "separator");
    return rule;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

export class FormulaWidget extends WidgetType {
  constructor(
    readonly tex: string,
    readonly display: boolean,
  ) {
    super();
  }

  override eq(other: FormulaWidget): boolean {
    return other.tex === this.tex && other.display === this.display;
  }

  override toDOM(view: EditorView): HTMLElement {
    const made = document.createElement("span");
    made.className = this.display ? "cm-formula cm-formula-display" : "cm-formula";
    showFormula(made, this.tex, this.display, () => {
      view.requestMeasure();
    });
    return made;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}
