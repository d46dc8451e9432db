/** The engine’s sentence about a hit’s score, part by part. */
export interface ExplainedPart {
  what: string;
  /** Its share as a number, with what belongs to it; empty: the part says all by itself. */
  value: string;
}

const PART = /^(.*?)\s+(\d*\.\d+.*)$/;

export function explained(explanation: string): ExplainedPart[] {
  return explanation
    .split(/; |, (?=by )| \+ | (?== )/)
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const sum = /^= (.*)$/.exec(part)?.[1];
      if (sum !== undefined) return { what: "score", value: sum };
      const found = PART.exec(part);
      return found ? { what: found[1] ?? "", value: found[2] ?? "" } : { what: part, value: "" };
    });
}
