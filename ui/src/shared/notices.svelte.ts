/** What the window says in passing: toasts, questions, menus, and words for a screen reader. */
import { createContext, type Component } from "svelte";
import type { ConfirmOptions, ToastAction } from "./navigation";

export interface Toast {
  id: number;
  message: string;
  kind: "info" | "error";
  action: ToastAction | null;
}

export interface MenuItem {
  label: string;
  run: () => void;
  icon?: Component;
  /** Key combination shown beside it. */
  combo?: string;
  danger?: boolean;
  disabled?: boolean;
  checked?: boolean;
}

/** A list of items, with "separator" between groups. */
export type MenuEntry = MenuItem | "separator";

interface OpenMenu {
  entries: MenuEntry[];
  x: number;
  y: number;
  label: string;
  returnTo: HTMLElement | null;
}

/** Long enough to read and to reach for "Undo". */
const TOAST_MS = 7_000;

export class Notices {
  toasts = $state<Toast[]>([]);
  question = $state<(ConfirmOptions & { answer: (yes: boolean) => void }) | null>(null);
  menu = $state<OpenMenu | null>(null);
  announcement = $state("");
  #nextId = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  announce = (message: string): void => {
    // The same words twice would not be read again.
    this.announcement = message === this.announcement ? `${message}\u00a0` : message;
  };

  toast = (message: string, action: ToastAction | null = null, kind: Toast["kind"] = "info"): void => {
    const id = this.#nextId++;
    this.toasts = [...this.toasts.slice(-2), { id, message, kind, action }];
    this.resume(id);
  };

  dismiss = (id: number): void => {
    this.pause(id);
    this.toasts = this.toasts.filter((t) => t.id !== id);
  };

  /** Under the pointer or the focus a toast stays. */
  pause = (id: number): void => {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  };

  resume = (id: number): void => {
    this.pause(id);
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), TOAST_MS),
    );
  };

  confirm = (options: ConfirmOptions): Promise<boolean> => {
    this.question?.answer(false);
    return new Promise((resolve) => {
      this.question = {
        ...options,
        answer: (yes) => {
          this.question = null;
          resolve(yes);
        },
      };
    });
  };

  /** Opens a menu at the pointer, or under the element that has the focus when a key asked for it. */
  openMenu = (event: MouseEvent | KeyboardEvent, label: string, entries: MenuEntry[]): void => {
    event.preventDefault();
    event.stopPropagation();
    const target = event.currentTarget instanceof HTMLElement ? event.currentTarget : null;
    const pointer = event instanceof MouseEvent && event.type === "contextmenu" && (event.clientX > 0 || event.clientY > 0);
    // A list has the focus for its rows: the menu belongs at the row.
    const row = document.getElementById(target?.getAttribute("aria-activedescendant") ?? "");
    const box = (row ?? target)?.getBoundingClientRect();
    const at = pointer ? { x: event.clientX, y: event.clientY } : { x: box?.left ?? 0, y: (box?.bottom ?? 0) + 4 };
    const active = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    this.menu = { entries, label, ...at, returnTo: target?.matches("button, [tabindex]") ? target : active };
  };

  closeMenu = (): void => {
    const back = this.menu?.returnTo;
    this.menu = null;
    back?.focus({ preventScroll: true });
  };
}

export const [getNotices, setNotices] = createContext<Notices>();
