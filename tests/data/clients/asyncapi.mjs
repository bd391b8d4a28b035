// Reads an AsyncAPI document from stdin as AsyncAPI's own parser does. Prints what is wrong with it, and ends with
// status 1 where that is an error.

import { Parser } from "@asyncapi/parser";
import { readFileSync } from "node:fs";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
for (const { severity, path, message } of diagnostics) {
  console.log(["error", "warning", "information", "hint"][severity], path.join("."), message);
}
const hasErrors = diagnostics.some(({ severity }) => severity === 0);
if (hasErrors || document === undefined) process.exit(1);
console.log(document.version(), document.operations().all().map((operation) => operation.id()).sort().join(" "));
