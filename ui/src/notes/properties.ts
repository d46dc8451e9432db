// Front matter as a list to look at. Reading only: the text itself is kept as it is.
export interface Property {
  name: string;
  value: string;
}

/** Top-level `name: value` pairs; nested lists are joined, anything else is shown as written. */
export function readProperties(frontMatter: string): Property[] {
  const properties: Property[] = [];
  for (const line of frontMatter.split("\n")) {
    if (/^(?:---|\.\.\.)?\s*$/.test(line) || line.startsWith("#")) continue;
    const pair = /^([^\s:#][^:]*):(?:\s+(.*))?$/.exec(line);
    if (pair?.[1] !== undefined) {
      properties.push({ name: pair[1].trim(), value: plainValue(pair[2] ?? "") });
      continue;
    }
    const last = properties[properties.length - 1];
    const text = plainValue(line.replace(/^\s*-\s+/, "").trim());
    if (last && text) last.value = last.value ? `${last.value}, ${text}` : text;
  }
  return properties;
}

function plainValue(text: string): string {
  const value = text.trim();
  const quoted = /^(["'])(.*)\1$/.exec(value);
  if (quoted?.[2] !== undefined) return quoted[2];
  const list = /^\[(.*)\]$/.exec(value);
  return list?.[1] === undefined ? value : list[1].split(",").map((one) => plainValue(one)).join(", ");
}
