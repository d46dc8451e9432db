/** How far the indexes are, which imports are running, and how watched folders stand: the shell's word for it, kept up to date. */
import { api, errorMessage, type ImportStatus, type IndexStatus, type WatchedFolder } from "../api";

export class IndexState {
  status = $state.raw<IndexStatus | null>(null);
  imports = $state.raw<ImportStatus[]>([]);
  folders = $state.raw<WatchedFolder[]>([]);
  /** Watched folders that only the person can go on with. */
  asking = $derived(this.folders.filter((folder) => folder.state === "asking"));
  running = $derived(this.imports.filter((i) => i.state === "running" || i.state === "scanning"));

  watch(): () => void {
    const stops = [
      api.onIndexStatus((status) => (this.status = status)),
      api.onFolders((folders) => (this.folders = folders)),
      api.onImportProgress((changed) => {
        const known = this.imports.some((i) => i.id === changed.id);
        this.imports = known ? this.imports.map((i) => (i.id === changed.id ? changed : i)) : [changed, ...this.imports];
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }

  async load(): Promise<void> {
    try {
      [this.status, this.imports] = await Promise.all([api.getStatus(), api.listImports()]);
      this.folders = await api.listFolders();
    } catch (error) {
      void api.reportError(`status: ${errorMessage(error)}`);
    }
  }
}
