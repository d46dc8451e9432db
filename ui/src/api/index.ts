/** The one door to the shell. Without a shell (a browser, a test) an in-memory fake stands in for it. */
import { fakeApi, fakeAttachmentUrl } from "./fake";
import { tauriApi, tauriAttachmentUrl } from "./tauri";
import type { Api } from "./types";

export type * from "./types";

const inShell = "__TAURI_INTERNALS__" in window;

export const api: Api = inShell ? tauriApi() : fakeApi();
export const attachmentUrl: (digest: string, name: string) => string = inShell ? tauriAttachmentUrl : fakeAttachmentUrl;

/** Says what went wrong in the shell's own words. */
export function errorMessage(error: unknown): string {
  if (typeof error === "object" && error !== null && "message" in error) return String(error.message);
  return String(error);
}

export function errorCode(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error) return String(error.code);
  return "internal";
}
