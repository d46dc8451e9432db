// Two people's changes to one note, joined where that is safe.
import type { NoteDraft } from "../api";
import { minimalChange } from "../editor/change";

/** Null where both changed the same thing: then somebody has to choose. */
export function mergeDrafts(base: NoteDraft, mine: NoteDraft, theirs: NoteDraft): NoteDraft | null {
  const title = pick(base.title, mine.title, theirs.title);
  const body = mergeText(base.body, mine.body, theirs.body);
  const frontMatter = pick(base.front_matter, mine.front_matter, theirs.front_matter);
  const notebook = pick(base.notebook, mine.notebook, theirs.notebook);
  if (title === null || body === null || frontMatter === null || notebook === null) return null;
  const pinned = mine.pinned === base.pinned ? theirs.pinned : mine.pinned;
  const tags = [
    ...theirs.tags.filter((tag) => mine.tags.includes(tag) || !base.tags.includes(tag)),
    ...mine.tags.filter((tag) => !theirs.tags.includes(tag) && !base.tags.includes(tag)),
  ];
  return { title, body, front_matter: frontMatter, notebook, pinned, tags };
}

function pick(base: string, mine: string, theirs: string): string | null {
  if (mine === theirs || theirs === base) return mine;
  return mine === base ? theirs : null;
}

/** Joins two changes of a text if at least one whole line lies between them. */
export function mergeText(base: string, mine: string, theirs: string): string | null {
  const simple = pick(base, mine, theirs);
  if (simple !== null) return simple;
  const a = minimalChange(base, mine);
  const b = minimalChange(base, theirs);
  if (!a || !b) return null;
  const [first, second] = a.from <= b.from ? [a, b] : [b, a];
  const between = base.slice(first.to, second.from);
  if (first.to > second.from || !between.includes("\n")) return null;
  return base.slice(0, first.from) + first.insert + between + second.insert + base.slice(second.to);
}
