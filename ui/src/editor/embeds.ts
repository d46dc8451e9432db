// Where an embedded picture or file comes from. Only the note's own attachments are ever loaded.
import { type Attachment, attachmentUrl } from "../api";

export type Embed =
  | { kind: "image"; url: string; name: string; attachment: Attachment | null }
  | { kind: "file"; attachment: Attachment }
  | { kind: "remote"; url: string }
  | { kind: "missing"; name: string };

const OWN_URL = /^attachment:\/\/localhost\/([0-9a-f]{16,128})\/([^/?#]*)$/i;
/** SVG is left out: as a picture it is harmless, but a data: SVG can be opened as a page. */
const DATA_IMAGE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$/;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Resolves what stands in `![[…]]` or `![](…)`. */
export function resolveEmbed(address: string, attachments: readonly Attachment[]): Embed {
  const wanted = address.trim();
  const own = OWN_URL.exec(wanted);
  if (own) {
    const known = attachments.find((attachment) => attachment.digest === own[1]) ?? null;
    if (known && !known.mime.startsWith("image/")) return { kind: "file", attachment: known };
    const name = known?.name ?? decoded(own[2] ?? "");
    return { kind: "image", url: attachmentUrl(own[1] ?? "", name), name, attachment: known };
  }
  if (DATA_IMAGE.test(wanted)) return { kind: "image", url: wanted, name: "", attachment: null };
  if (/^[a-z][a-z0-9+.-]+:/i.test(wanted) || wanted.startsWith("//")) return { kind: "remote", url: wanted };
  const path = decoded(wanted.replace(/[?#].*$/, "")).replace(/\\/g, "/");
  const name = path.slice(path.lastIndexOf("/") + 1);
  const same = (attachment: Attachment, other: string) =>
    attachment.name.localeCompare(other, undefined, { sensitivity: "base" }) === 0;
  const found =
    attachments.find((attachment) => attachment.name === name) ??
    attachments.find((attachment) => same(attachment, path)) ??
    attachments.find((attachment) => same(attachment, name));
  if (!found) return { kind: "missing", name: name || wanted };
  if (!found.mime.startsWith("image/")) return { kind: "file", attachment: found };
  return { kind: "image", url: attachmentUrl(found.digest, found.name), name: found.name, attachment: found };
}

/** `http`, `https` and `mailto` leave the app; every other scheme is refused. */
export function isOutsideLink(url: string): boolean {
  return /^(?:https?:\/\/|mailto:)[^\s]+$/i.test(url.trim());
}

export function sizeLabel(bytes: number): string {
  if (bytes < 1000) return `${String(bytes)} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
  return `${(bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 1 : 0)} MB`;
}
