// What following a link in a note does, in the editor and in rendered text alike.
import { api, errorMessage, type NoteId } from "../api";
import type { Navigation } from "../shared/navigation";
import { OpenNotes } from "./openNotes";
import { NotePlaces } from "./places";
import { storageVault } from "./session.svelte";

export const openNotes = new OpenNotes(
  api,
  storageVault(localStorage, (message) => void api.reportError(message)),
);

export const places = new NotePlaces(localStorage, (message) => void api.reportError(message));

void openNotes.recover();

/** Headings that links asked for, until the note's tab has shown them. */
export const wantedHeadings = new Map<NoteId, string>();

export async function openWikilink(navigation: Navigation, name: string, heading: string, newTab: boolean, notebook: string): Promise<void> {
  try {
    let id = await api.resolveName(name);
    if (id === null) {
      const create = await navigation.confirm({
        title: `Create “${name}”?`,
        message: "No note has this name yet.",
        confirmLabel: "Create note",
      });
      if (!create) return;
      id = (await api.createNote({ title: name, body: "", front_matter: "", tags: [], notebook, pinned: false })).id;
    }
    if (heading) wantedHeadings.set(id, heading);
    navigation.openNote(id, { newTab });
  } catch (error) {
    navigation.toast(`The link could not be followed: ${errorMessage(error)}`, undefined, "error");
  }
}

export function openOutside(navigation: Navigation, url: string): void {
  api.openLink(url).catch((error: unknown) => {
    navigation.toast(`Not opened: ${errorMessage(error)}`, undefined, "error");
  });
}

export function openFile(navigation: Navigation, digest: string, name: string): void {
  api.openAttachment(digest, name).catch((error: unknown) => {
    navigation.toast(`${name} could not be opened: ${errorMessage(error)}`, undefined, "error");
  });
}

export function saveFile(navigation: Navigation, digest: string, name: string): void {
  api.saveAttachment(digest, name).then(
    (saved) => saved && navigation.toast(`${name} saved.`),
    (error: unknown) => navigation.toast(`${name} could not be saved: ${errorMessage(error)}`, undefined, "error"),
  );
}

export function searchTag(navigation: Navigation, tag: string): void {
  navigation.openSearch(/\s/.test(tag) ? `tag:"${tag}" ` : `tag:${tag} `);
}
