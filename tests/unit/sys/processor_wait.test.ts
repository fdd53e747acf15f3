import { assert } from "@std/assert";
import { processorWaitMicroseconds } from "../../../src/sys/processor_wait.ts";

const waitUsWanted = 1000;
const longestMs = 30_000;

/** A program that keeps a processor busy until its input ends. */
function busyProgram(): Deno.ChildProcess {
  const script = "while :; do :; done & read _; kill $!";
  return new Deno.Command("sh", { args: ["-c", script], stdin: "piped" }).spawn();
}

Deno.test("who is ready to run while others have all processors is known to wait", async () => {
  const started = performance.now();
  const first = processorWaitMicroseconds();
  assert(first >= 0, `${first}`);
  const others = Array.from({ length: 2 * navigator.hardwareConcurrency }, busyProgram);
  try {
    let last = first;
    while (last < first + waitUsWanted) {
      const now = processorWaitMicroseconds();
      assert(now >= last, `it went back from ${last} to ${now}`);
      last = now;
      assert(performance.now() < started + longestMs, `${last - first} us of waits in 30 s`);
    }
    assert(last - first <= (performance.now() - started) * 1000, "it has waited all the time");
  } finally {
    for (const other of others) await other.stdin.close();
    for (const other of others) await other.status;
  }
});
