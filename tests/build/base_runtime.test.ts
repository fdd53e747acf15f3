import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { assertPlatform, findBaseRuntime, probe } from "../../scripts/build/base_runtime.ts";
import { BuildError } from "../../scripts/build/build_error.ts";

Deno.test("kv is built on Linux on x64 and arm64", () => {
  assertPlatform("linux", "x86_64");
  assertPlatform("linux", "aarch64");
});

Deno.test("building elsewhere is refused with the platform's name", () => {
  assertThrows(() => assertPlatform("darwin", "aarch64"), BuildError, "on darwin aarch64");
  assertThrows(() => assertPlatform("windows", "x86_64"), BuildError, "use Linux");
});

/** Calls `body` with DENORT_BIN set to `path`. */
async function withDenortBin(path: string, body: () => Promise<unknown>): Promise<void> {
  const before = Deno.env.get("DENORT_BIN");
  Deno.env.set("DENORT_BIN", path);
  try {
    await body();
  } finally {
    if (before === undefined) Deno.env.delete("DENORT_BIN");
    else Deno.env.set("DENORT_BIN", before);
  }
}

Deno.test("DENORT_BIN names the base runtime", async () => {
  await withDenortBin(Deno.execPath(), async () => {
    assertEquals((await findBaseRuntime()).path, Deno.execPath());
  });
});

Deno.test("DENORT_BIN that names nothing, or a folder, is refused", async () => {
  for (const path of ["/nowhere/denort", "/"]) {
    await withDenortBin(path, async () => {
      await assertRejects(findBaseRuntime, BuildError, "correct DENORT_BIN, or unset it");
    });
  }
});

/** Calls `body` with the address of a server that answers with `status`, or not at all without one. */
async function withServer(
  status: number | undefined,
  body: (url: string) => Promise<void>,
): Promise<void> {
  const answers = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: answers.signal },
    () => status === undefined ? new Promise<Response>(() => {}) : new Response(null, { status }),
  );
  try {
    await body(`http://127.0.0.1:${server.addr.port}/denort.zip`);
  } finally {
    answers.abort();
    await server.finished;
  }
}

Deno.test("a download that answers is found", async () => {
  await withServer(200, async (url) => assertEquals(await probe(url, 5_000), undefined));
});

Deno.test("a download that is refused tells the status", async () => {
  await withServer(
    403,
    async (url) => assertEquals(await probe(url, 5_000), "its host answers 403"),
  );
});

Deno.test("a host that never answers is given up after the time set", async () => {
  await withServer(undefined, async (url) => {
    assertEquals(await probe(url, 50), "its host does not answer in 0.05 s");
  });
});

Deno.test("a host that is not there is told apart from one that does not answer", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  assertEquals(await probe(`http://127.0.0.1:${port}/`, 5_000), "its host is not reached");
});
