// Pasted and dropped files become attachments, shown where they were put.
import { type Extension, StateEffect, StateField } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { attachmentsField, type EditorHost, setAttachments } from "./host";
import { type Attachment, errorMessage } from "../api";
import { fileName } from "../shared/format";

/** Bytes; a larger file would hold up the page while it is read. */
const MAX_FILE = 200_000_000;

const watchPlace = StateEffect.define<{ key: object; pos: number }>({
  map: (value, changes) => ({ key: value.key, pos: changes.mapPos(value.pos) }),
});
const forgetPlace = StateEffect.define<object>();

/** Where files that are still being stored will stand, moved along as the text changes. */
const places = StateField.define<ReadonlyMap<object, number>>({
  create: () => new Map(),
  update(value, transaction) {
    let next = value;
    if (transaction.docChanged && value.size > 0)
      next = new Map([...value].map(([key, pos]) => [key, transaction.changes.mapPos(pos, 1)]));
    for (const effect of transaction.effects) {
      if (effect.is(watchPlace)) next = new Map(next).set(effect.value.key, effect.value.pos);
      else if (effect.is(forgetPlace)) {
        const rest = new Map(next);
        rest.delete(effect.value);
        next = rest;
      }
    }
    return next;
  },
});

const EXTENSIONS: Readonly<Record<string, string>> = { "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "image/svg+xml": "svg" };

/** Clipboard pictures are all called `image.png`: they get the time as a name, so that names stay apart. */
export function attachmentName(file: Pick<File, "name" | "type">, now: Date): string {
  const plain = file.name.replace(/[[\]|#^\\/:*?"<>\n]/g, " ").replace(/\s+/g, " ").trim();
  if (plain && !/^image\.\w+$/i.test(plain)) return plain;
  const pad = (value: number) => String(value).padStart(2, "0");
  const stamp = `${String(now.getFullYear())}-${pad(now.getMonth() + 1)}-${pad(now.getDate())} ${pad(now.getHours())}${pad(now.getMinutes())}${pad(now.getSeconds())}`;
  return `Pasted ${stamp}.${EXTENSIONS[file.type] ?? "bin"}`;
}

interface Incoming {
  name: string;
  store: () => Promise<Attachment>;
}

function attachFiles(view: EditorView, files: readonly File[], pos: number, host: EditorHost): Promise<void> {
  const small = files.filter((file) => {
    if (file.size > MAX_FILE) host.announce(`Not attached: ${file.name} is larger than ${String(MAX_FILE / 1_000_000)} MB`);
    return file.size <= MAX_FILE;
  });
  const incoming = small.map((file) => ({
    name: file.name || "the picture",
    store: () => host.attach(new File([file], attachmentName(file, new Date()), { type: file.type })),
  }));
  return attach(view, incoming, pos, host);
}

/** Files that the shell reads; the page has no more of them than their paths. */
export function attachPaths(view: EditorView, paths: readonly string[], pos: number, host: EditorHost): Promise<void> {
  return attach(view, paths.map((path) => ({ name: fileName(path), store: () => host.attachPath(path) })), pos, host);
}

export function positionAt(view: EditorView, at: { x: number; y: number }): number {
  return view.posAtCoords(at) ?? view.state.selection.main.head;
}

async function attach(view: EditorView, files: readonly Incoming[], pos: number, host: EditorHost): Promise<void> {
  const key = {};
  view.dispatch({ effects: watchPlace.of({ key, pos }) });
  for (const file of files) {
    try {
      const attachment = await file.store();
      const at = view.state.field(places).get(key) ?? view.state.doc.length;
      const known = view.state.field(attachmentsField);
      const line = view.state.doc.lineAt(at);
      const insert = `${at > line.from && !/\s$/.test(view.state.sliceDoc(line.from, at)) ? " " : ""}![[${attachment.name}]]`;
      view.dispatch({
        changes: { from: at, insert },
        effects: known.some((one) => one.digest === attachment.digest && one.name === attachment.name) ? [] : setAttachments.of([...known, attachment]),
        selection: view.state.selection.main.head === at ? { anchor: at + insert.length } : undefined,
        userEvent: "input.paste",
      });
    } catch (error) {
      host.announce(`Not attached: ${file.name}: ${errorMessage(error)}`);
    }
  }
  view.dispatch({ effects: forgetPlace.of(key) });
}

export function filePasting(host: EditorHost): Extension {
  return [
    places,
    EditorView.domEventHandlers({
      paste(event, view) {
        const files = [...(event.clipboardData?.files ?? [])];
        // Office programs put a picture of the text beside the text.
        if (files.length === 0 || view.state.readOnly || event.clipboardData?.getData("text/plain")) return false;
        event.preventDefault();
        const { from, to } = view.state.selection.main;
        if (from !== to) view.dispatch({ changes: { from, to } });
        void attachFiles(view, files, from, host);
        return true;
      },
      dragover(event) {
        if (!event.dataTransfer?.types.includes("Files")) return false;
        event.preventDefault();
        return true;
      },
      drop(event, view) {
        const files = [...(event.dataTransfer?.files ?? [])];
        if (files.length === 0 || view.state.readOnly) return false;
        event.preventDefault();
        event.stopPropagation();
        void attachFiles(view, files, positionAt(view, { x: event.clientX, y: event.clientY }), host);
        return true;
      },
    }),
  ];
}
