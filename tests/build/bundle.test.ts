import { assertEquals } from "@std/assert";
import { slimSourceMap } from "../../scripts/build/bundle.ts";

const prefix = "//# sourceMappingURL=data:application/json;base64,";

function bundled(map: unknown): string {
  return `run();\n${prefix}${new TextEncoder().encode(JSON.stringify(map)).toBase64()}\n`;
}

Deno.test("a slim source map keeps the mappings and leaves out the sources", () => {
  const before = { version: 3, sources: ["../src/a.ts"], sourcesContent: ["a"], mappings: "AAAA" };
  const after = { version: 3, sources: ["src/a.ts"], mappings: "AAAA" };
  assertEquals(slimSourceMap(bundled(before), "/home/kv/out/main.js", "/home/kv"), bundled(after));
});

Deno.test("a slim source map names no folder of the machine that it was made on", () => {
  const sources = [
    "../../kv/main.ts",
    "../../.cache/deno/npm/registry.example/deno-std/1.4.0/path/join.js",
    "../../elsewhere/b.ts",
  ];
  assertEquals(
    slimSourceMap(bundled({ sources }), "/home/tmp/out/main.js", "/home/kv"),
    bundled({ sources: ["main.ts", "npm/deno-std/1.4.0/path/join.js", "b.ts"] }),
  );
});

Deno.test("code without a source map stays as it is", () => {
  assertEquals(slimSourceMap("run();\n", "/out/main.js", "/"), "run();\n");
});
