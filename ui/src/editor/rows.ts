// Table rows as text: where their cells are and how wide they look.
/** Wide (Chinese, Japanese, Korean, emoji) characters take two columns. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text)
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\u{1f300}-\u{1faff}]/u.test(char) ? 2 : 1;
  return width;
}

/** A table row's cells from bar to bar, as offsets into its text. */
export function splitRow(text: string): { from: number; to: number }[] {
  const bars: number[] = [];
  for (let i = 0; i < text.length; i++) if (text[i] === "|" && text[i - 1] !== "\\") bars.push(i);
  const bounds = /^\s*\|/.test(text) ? bars : [-1, ...bars];
  if (!/\|\s*$/.test(text)) bounds.push(text.length);
  return bounds.slice(0, -1).map((bar, index) => ({ from: bar + 1, to: bounds[index + 1] ?? text.length }));
}
