import { assertEquals, assertThrows } from "@std/assert";
import { loadFunctions } from "../../../src/sys/foreign_functions.ts";

const functions = {
  getpid: { parameters: [], result: "i32" },
  strlen: { parameters: ["buffer"], result: "usize" },
  length: { name: "strlen", parameters: ["buffer"], result: "usize" },
  sched_yield: { parameters: [], result: "i32", nonblocking: true },
} as const satisfies Record<string, Deno.ForeignFunction>;

Deno.test("functions are called alike, whether they are called often or not", async () => {
  const text = new TextEncoder().encode("seven b\0");
  for (const often of [[], ["getpid", "strlen", "length"]] as const) {
    const libc = loadFunctions("libc.so.6", functions, often);
    assertEquals(libc.getpid(), Deno.pid);
    assertEquals(Number(libc.strlen(text)), 7);
    assertEquals(Number(libc.length(text.subarray(2))), 5);
    assertEquals(await libc.sched_yield(), 0);
  }
});

Deno.test("an error number is there after a call of either kind", () => {
  const definitions = {
    close: { parameters: ["i32"], result: "i32" },
    __errno_location: { parameters: [], result: "pointer" },
  } as const;
  for (const often of [[], ["close"]] as const) {
    const libc = loadFunctions("libc.so.6", definitions, often);
    const address = libc.__errno_location()!;
    const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(address, 4));
    errno[0] = 0;
    assertEquals([libc.close(-1), errno[0]], [-1, 9]); // EBADF
  }
});

Deno.test("a library or a function that is not there is an error", () => {
  const missing = { no_such_function: { parameters: [], result: "i32" } } as const;
  assertThrows(() => loadFunctions("libc.so.6", missing, []), Error, "no_such_function");
  assertThrows(() => loadFunctions("libnone.so.1", functions, []), Error, "libnone.so.1");
});
