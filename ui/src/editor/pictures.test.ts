import { expect, it } from "vitest";
import { withWidth } from "./pictures";

it.each([
  ["![[a.png]]", 300, "![[a.png|300]]"],
  ["![[a.png|200]]", 300.4, "![[a.png|300]]"],
  ["![[a.png|A plan|200x100]]", 300, "![[a.png|A plan|300]]"],
  ["![[a.png|200]]", null, "![[a.png]]"],
  ["![alt](a b.png)", 300, "![alt|300](a b.png)"],
  ["![alt|200](x)", null, "![alt](x)"],
  ["![](x)", 5, "![|40](x)"],
  ["[[a.png]]", 300, "[[a.png]]"],
])("%s at %s", (link, width, expected) => {
  expect(withWidth(link, width)).toBe(expected);
});
