/** The sidebar as rows: paths such as Home/Flat become a tree, and a closed branch hides what is below it. */
import type { Mode, Sidebar } from "../api";

export type RowKind = "all" | "today" | "tasks" | "imports" | "trash" | "group" | "notebook" | "tag" | "search";

export interface TreeRow {
  key: string;
  kind: RowKind;
  label: string;
  level: number;
  count: number | null;
  /** null: has nothing below it. */
  expanded: boolean | null;
  /** The notebook's path, the tag, or the name of the saved search. */
  name: string;
  query?: { text: string; mode: Mode };
}

interface Branch {
  path: string;
  count: number;
}

/** Orders paths so that each follows its parent, and adds the parents that are missing. */
export function withParents(branches: Branch[]): Branch[] {
  const all = new Map(branches.map((b) => [b.path, b]));
  for (const { path } of branches) {
    const parts = path.split("/");
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join("/");
      if (!all.has(parent)) all.set(parent, { path: parent, count: 0 });
    }
  }
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  return [...all.values()].sort((a, b) => {
    const left = a.path.split("/");
    const right = b.path.split("/");
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const by = order.compare(left[i] ?? "", right[i] ?? "");
      if (by !== 0) return by;
    }
    return left.length - right.length;
  });
}

function branchRows(kind: "notebook" | "tag", branches: Branch[], open: ReadonlySet<string>): TreeRow[] {
  const sorted = withParents(branches.filter((b) => b.path !== ""));
  const parents = new Set(sorted.map((b) => b.path.slice(0, Math.max(0, b.path.lastIndexOf("/")))));
  const rows: TreeRow[] = [];
  for (const { path, count } of sorted) {
    const parts = path.split("/");
    const hidden = parts.some((_, i) => i > 0 && !open.has(`${kind}:${parts.slice(0, i).join("/")}`));
    if (hidden) continue;
    const key = `${kind}:${path}`;
    rows.push({ key, kind, label: parts.at(-1) ?? path, level: parts.length + 1, count, expanded: parents.has(path) ? open.has(key) : null, name: path });
  }
  return rows;
}

/** `hits`: how many notes a saved search finds, by its text, as far as they are counted. */
export function treeRows(sidebar: Sidebar, open: ReadonlySet<string>, hits: ReadonlyMap<string, number> = new Map()): TreeRow[] {
  const top = (kind: RowKind, label: string, count: number | null): TreeRow => ({ key: kind, kind, label, level: 1, count, expanded: null, name: "" });
  const group = (key: string, label: string): TreeRow => ({ key, kind: "group", label, level: 1, count: null, expanded: open.has(key), name: key });
  const rows = [
    top("all", "All notes", sidebar.notes),
    top("today", "Today", sidebar.today || null),
    top("tasks", "Tasks", sidebar.open_tasks || null),
    top("imports", "Imports", sidebar.running_imports || null),
    group("notebooks", "Notebooks"),
  ];
  if (open.has("notebooks")) rows.push(...branchRows("notebook", sidebar.notebooks, open));
  if (sidebar.tags.length > 0) {
    rows.push(group("tags", "Tags"));
    const tags = sidebar.tags.map(({ tag, count }) => ({ path: tag, count }));
    if (open.has("tags")) rows.push(...branchRows("tag", tags, open));
  }
  if (sidebar.saved_searches.length > 0) {
    rows.push(group("saved", "Saved searches"));
    if (open.has("saved")) {
      rows.push(
        ...sidebar.saved_searches.map(
          (s): TreeRow => ({ key: `search:${s.name}:${s.text}`, kind: "search", label: s.name, level: 2, count: hits.get(s.text) ?? null, expanded: null, name: s.name, query: { text: s.text, mode: s.mode } }),
        ),
      );
    }
  }
  rows.push(top("trash", "Trash", sidebar.trashed || null));
  return rows;
}
