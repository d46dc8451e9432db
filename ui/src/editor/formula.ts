// TeX as MathML, which the webview draws itself. The converter is loaded with the first formula that is seen.
import type temmlModule from "temml";

let temml: typeof temmlModule | null = null;
let loading: Promise<void> | null = null;

/** Puts a formula into an element: at once if the converter is there, else its source until then. `done` is told of the change. */
export function showFormula(element: HTMLElement, tex: string, display: boolean, done?: () => void): void {
  if (temml) {
    draw(temml, element, tex, display);
    return;
  }
  element.textContent = tex;
  loading ??= import("temml").then((module) => {
    temml = module.default;
  });
  loading.then(
    () => {
      if (temml) draw(temml, element, tex, display);
      done?.();
    },
    () => {
      // The source stays, and says so; the next formula tries again.
      loading = null;
      element.classList.add("formula-error");
    },
  );
}

function draw(converter: typeof temmlModule, element: HTMLElement, tex: string, display: boolean): void {
  try {
    // Without trust no command reaches outside: no links, no pictures, no styles of one's own.
    converter.render(tex, element, { displayMode: display, throwOnError: true, trust: false, maxExpand: 500, maxSize: [40, 40] });
    element.classList.remove("formula-error");
    element.removeAttribute("title");
  } catch (error) {
    element.textContent = tex;
    element.classList.add("formula-error");
    element.title = error instanceof Error ? error.message.slice(0, 300) : String(error);
  }
}
