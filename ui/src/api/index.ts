/** The one door to the shell. Without a shell (a browser, a test) an in-memory fake stands in for it. */
import type { Api } from "./types";

export type * from "./types";

interface Backend {
  api: Api;
  attachmentUrl: (digest: string, name: string) => string;
}

async function connect(): Promise<Backend> {
  if ("__TAURI_INTERNALS__" in window) {
    const { tauriApi, tauriAttachmentUrl } = await import("./tauri");
    return { api: tauriApi(), attachmentUrl: tauriAttachmentUrl };
  }
  const { fakeApi, fakeAttachmentUrl } = await import("./fake");
  return { api: fakeApi(), attachmentUrl: fakeAttachmentUrl };
}

export const { api, attachmentUrl } = await connect();

/** Says what went wrong in the shell's own words. */
export function errorMessage(error: unknown): string {
  if (typeof error === "object" && error !== null && "message" in error) return String(error.message);
  return String(error);
}

export function errorCode(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error) return String(error.code);
  return "internal";
}
