/** How far the indexes are, and which imports are running: the shell's word for it, kept up to date. */
import { api, errorMessage, type ImportStatus, type IndexStatus } from "../api";

export class IndexState {
  status = $state.raw<IndexStatus | null>(null);
  imports = $state.raw<ImportStatus[]>([]);
  running = $derived(this.imports.filter((i) => i.state === "running" || i.state === "scanning"));

  watch(): () => void {
    const stops = [
      api.onIndexStatus((status) => (this.status = status)),
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
    } catch (error) {
      void api.reportError(`status: ${errorMessage(error)}`);
    }
  }
}
