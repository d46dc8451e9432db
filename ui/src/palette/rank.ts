/** Orders things by how well a few typed letters name them, then by how much they are used; what the letters don't name is left out. */
export function rank<T>(typed: string, all: readonly T[], nameOf: (thing: T) => string, useOf: (thing: T) => number = () => 0): T[] {
  const wanted = typed.toLowerCase();
  const scored = all.map((thing, index) => ({ thing, index, use: useOf(thing), score: wanted === "" ? 1 : score(wanted, nameOf(thing).toLowerCase()) })).filter((s) => s.score > 0);
  return scored.sort((a, b) => b.score - a.score || b.use - a.use || a.index - b.index).map((s) => s.thing);
}

/** 4: starts with it; 3: a word does; 2: contains it; 1: its letters, in order, each new word's first letter or following on. 0: no. */
export function score(wanted: string, name: string): number {
  if (name.startsWith(wanted)) return 4;
  const at = name.indexOf(wanted);
  if (at > 0) return /[\s/_-]/.test(name[at - 1] ?? "") ? 3 : 2;
  return initials(wanted, name) ? 1 : 0;
}

function initials(wanted: string, name: string): boolean {
  let from = 0;
  let previous = -2;
  for (const letter of wanted.replace(/\s+/g, "")) {
    let at = name.indexOf(letter, from);
    while (at >= 0 && at !== previous + 1 && at !== 0 && !/[\s/_-]/.test(name[at - 1] ?? "")) at = name.indexOf(letter, at + 1);
    if (at < 0) return false;
    previous = at;
    from = at + 1;
  }
  return true;
}
