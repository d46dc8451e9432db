/** What is remembered between two runs of the page; whatever cannot be read is left out, never an error. */
import type { Mode } from "../api";
import type { SavedTab, TabContent } from "./tabs.svelte";

export interface Session {
  tabs: SavedTab[];
  active: number;
  /** The tab in front of the other side of a split; -1: there is none. */
  beside: number;
  /** The left side's share of the width. */
  splitShare: number;
  sidebarWidth: number;
  sidebarHidden: boolean;
  previewWidth: number;
  previewHidden: boolean;
  expanded: string[];
  keys: Record<string, string>;
}

export const freshSession: Session = {
  tabs: [],
  active: 0,
  beside: -1,
  splitShare: 0.5,
  sidebarWidth: 232,
  sidebarHidden: false,
  previewWidth: 460,
  previewHidden: false,
  expanded: ["notebooks", "saved"],
  keys: {},
};

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown, otherwise: number): number => (typeof value === "number" && Number.isFinite(value) ? value : otherwise);
const oneOf = <T extends string>(value: unknown, all: readonly T[], otherwise: T): T => all.find((v) => v === value) ?? otherwise;

const MODES: readonly Mode[] = ["both", "words", "meaning"];

function readContent(value: unknown): TabContent | null {
  if (!isFields(value)) return null;
  switch (value.kind) {
    case "search":
      return { kind: "search", text: text(value.text), mode: oneOf(value.mode, MODES, "both") };
    case "ask":
      return { kind: "ask", text: text(value.text), asked: (Array.isArray(value.asked) ? value.asked : []).filter((question): question is string => typeof question === "string") };
    case "note":
      return typeof value.noteId === "number" ? { kind: "note", noteId: value.noteId, query: "" } : null;
    case "list":
      return {
        kind: "list",
        view: oneOf(value.view, ["all", "today", "notebook", "tag", "trash"], "all"),
        name: text(value.name),
        sort: oneOf(value.sort, ["updated", "created", "title"], "updated"),
      };
    case "tasks":
    case "settings":
    case "duplicates":
    case "diagnostics":
      return { kind: value.kind };
    case "imports":
      return { kind: "imports", importId: null };
    default:
      return null;
  }
}

export function readSession(json: string): Session {
  let value: unknown;
  try {
    value = json === "" ? {} : JSON.parse(json);
  } catch {
    value = {};
  }
  if (!isFields(value)) return structuredClone(freshSession);
  const tabs = (Array.isArray(value.tabs) ? value.tabs : []).flatMap((saved: unknown): SavedTab[] => {
    if (!isFields(saved)) return [];
    const content = readContent(saved.content);
    if (!content) return [];
    const selected = typeof saved.selected === "number" ? saved.selected : null;
    return [{ content, title: text(saved.title), pinned: saved.pinned === true, passing: saved.passing === true, side: oneOf(saved.side, ["left", "right"], "left"), selected, scroll: number(saved.scroll, 0) }];
  });
  const keys = isFields(value.keys) ? value.keys : {};
  return {
    tabs,
    active: number(value.active, 0),
    beside: number(value.beside, -1),
    splitShare: Math.max(0, Math.min(1, number(value.splitShare, freshSession.splitShare))),
    sidebarWidth: number(value.sidebarWidth, freshSession.sidebarWidth),
    sidebarHidden: value.sidebarHidden === true,
    previewWidth: number(value.previewWidth, freshSession.previewWidth),
    previewHidden: value.previewHidden === true,
    expanded: Array.isArray(value.expanded) ? value.expanded.filter((e): e is string => typeof e === "string") : freshSession.expanded,
    keys: Object.fromEntries(Object.entries(keys).filter((e): e is [string, string] => typeof e[1] === "string")),
  };
}
