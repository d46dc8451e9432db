/** Imports in words. */
import type { ImportItem, ImportStatus } from "../api";
import { fileName, formatCount, formatDuration, plural } from "../shared/format";

export const STATES: Record<ImportStatus["state"], string> = {
  scanning: "Looking at files",
  running: "Importing",
  paused: "Paused",
  done: "Done",
  cancelled: "Cancelled",
  undone: "Undone",
  failed: "Stopped by an error",
};

export const ITEM_STATES: Record<ImportItem["state"], string> = { pending: "Waiting", imported: "Imported", skipped: "Skipped", failed: "Failed" };

export function nameOf(job: ImportStatus): string {
  const [first, ...more] = job.roots.map(fileName);
  return first === undefined ? `Import ${job.id}` : more.length === 0 ? first : `${first} and ${more.length} more`;
}

export function doneOf(job: ImportStatus): number {
  return job.imported + job.skipped + job.failed;
}

/** 0…1, or null while the files are still being counted. */
export function progressOf(job: ImportStatus): number | null {
  if (job.state === "scanning" || job.found === 0) return job.state === "scanning" ? null : 1;
  return doneOf(job) / job.found;
}

export function paceOf(job: ImportStatus): string {
  if (job.state === "scanning") return `${plural(job.found, "file")} so far`;
  const parts = [`${formatCount(doneOf(job))} of ${plural(job.found, "file")}`];
  if (job.state === "running") {
    if (job.rate > 0) parts.push(`${formatCount(Math.round(job.rate * 10) / 10)} a second`);
    if (job.seconds_left !== null) parts.push(`about ${formatDuration(job.seconds_left)} left`);
  } else if (job.state === "paused") parts.push("goes on where it stopped");
  else if (job.finished !== null) parts.push(`took ${formatDuration((job.finished - job.started) / 1000)}`);
  return parts.join(" · ");
}
