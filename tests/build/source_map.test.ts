import { assertEquals } from "@std/assert";
import { linesOnly, slimSourceMap } from "../../scripts/build/source_map.ts";

const prefix = "//# sourceMappingURL=data:application/json;base64,";

function bundled(map: unknown): string {
  return `run();\n${prefix}${new TextEncoder().encode(JSON.stringify(map)).toBase64()}\n`;
}

Deno.test("a slim source map has the mappings, but neither sources nor names", () => {
  const before = {
    version: 3,
    sources: ["../src/a.ts"],
    sourcesContent: ["a"],
    mappings: "AAAA",
    names: ["a"],
  };
  const after = { version: 3, sources: ["src/a.ts"], mappings: "AAAA" };
  assertEquals(slimSourceMap(bundled(before), "/home/kv/out/main.js", "/home/kv"), bundled(after));
});

Deno.test("a slim source map names no folder of the machine that it was made on", () => {
  const sources = [
    "../../kv/main.ts",
    "../../.cache/deno/npm/registry.example/deno-std/1.4.0/path/join.js",
    "../../elsewhere/b.ts",
  ];
  const slim = ["main.ts", "npm/deno-std/1.4.0/path/join.js", "b.ts"];
  assertEquals(
    slimSourceMap(bundled({ version: 3, sources, mappings: "" }), "/home/tmp/out/a.js", "/home/kv"),
    bundled({ version: 3, sources: slim, mappings: "" }),
  );
});

Deno.test("code without a source map stays as it is", () => {
  assertEquals(slimSourceMap("run();\n", "/out/main.js", "/"), "run();\n");
});

Deno.test("linesOnly leaves out segments of the line before, and the names", () => {
  // Columns 0, 4 (with a name) and 9 are of line 0; column 20 is of line 1, column 4.
  assertEquals(linesOnly("AAAA,IAAIA,KAAE,WACF"), "AAAA,oBACI");
});

Deno.test("linesOnly keeps the first segment of each generated line, and another source", () => {
  assertEquals(linesOnly("AAAA;AAAA,IAAI;;EACA,ECDA"), "AAAA;AAAA;;EACI,ECDA");
});

Deno.test("linesOnly leaves out segments of no source, and goes back in lines", () => {
  assertEquals(linesOnly("AAgCA,E,IAhCA"), "AAgCA,MAhCA");
});

Deno.test("linesOnly of nothing is nothing", () => {
  assertEquals(linesOnly(""), "");
  assertEquals(linesOnly(";;"), ";;");
});
