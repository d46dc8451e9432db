// What the editor asks of the screen around it; the editor itself talks to no backend.
import { Facet, StateEffect, StateField } from "@codemirror/state";
import type { Attachment, NameCompletion } from "../api";

export interface EditorHost {
  completeNames(prefix: string): Promise<NameCompletion[]>;
  completeTags(prefix: string): Promise<string[]>;
  /** Stores a pasted or dropped file with the note; rejects with a reason to show. */
  attach(file: File): Promise<Attachment>;
  /** The same for a file on the disk. */
  attachPath(path: string): Promise<Attachment>;
  openAttachment(attachment: Attachment): void;
  /** `name` as in `[[name#heading]]`; the host resolves it and offers to create what is missing. */
  openWikilink(name: string, heading: string, newTab: boolean): void;
  openLink(url: string): void;
  openTag(tag: string): void;
  /** Said to the user: a failed attachment, for example. */
  announce(message: string): void;
  /** Written to the log: nothing the user can do about. */
  report(message: string): void;
}

export const hostFacet = Facet.define<EditorHost, EditorHost | null>({ combine: (values) => values[0] ?? null });

export const setAttachments = StateEffect.define<readonly Attachment[]>();

/** The note's attachments, by which embeds find their picture. */
export const attachmentsField = StateField.define<readonly Attachment[]>({
  create: () => [],
  update(value, transaction) {
    for (const effect of transaction.effects) if (effect.is(setAttachments)) return effect.value;
    return value;
  },
});
