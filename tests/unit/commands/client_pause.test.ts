import { assert, assertEquals } from "@std/assert";
import { ClientPause, pauseMode } from "../../../src/commands/client_pause.ts";

async function isOver(pause: ClientPause): Promise<boolean> {
  const soon = new Promise((resolve) => setTimeout(resolve));
  return await Promise.race([pause.whenOver().then(() => true), soon.then(() => false)]);
}

Deno.test("a pause lasts until it is ended", async () => {
  const pause = new ClientPause();
  assert(await isOver(pause));
  pause.begin(pauseMode.write, 1e6);
  assertEquals(pause.mode, pauseMode.write);
  const over = pause.whenOver();
  assert(!await isOver(pause));
  pause.end();
  await over;
  assertEquals(pause.mode, pauseMode.off);
});

Deno.test("a pause ends by itself, and not before its time", async () => {
  let nowMs = 1000;
  const pause = new ClientPause(() => nowMs);
  pause.begin(pauseMode.all, 10);
  const over = pause.whenOver();
  // The clock says that the time is not over when the timer thinks so.
  nowMs = 1005;
  await new Promise((resolve) => setTimeout(resolve, 12));
  assertEquals(pause.mode, pauseMode.all);
  nowMs = 1010;
  await over;
  assertEquals(pause.mode, pauseMode.off);
});

Deno.test("a second pause makes the first one no shorter and no weaker", () => {
  let nowMs = 0;
  const pause = new ClientPause(() => nowMs);
  pause.begin(pauseMode.all, 1e6);
  pause.begin(pauseMode.write, 1);
  nowMs = 1000;
  assertEquals(pause.mode, pauseMode.all);
  pause.end();
});

Deno.test("a pause of no time is over", () => {
  const pause = new ClientPause();
  pause.begin(pauseMode.all, 0);
  assertEquals(pause.mode, pauseMode.off);
});

Deno.test("a pause may be longer than a timer can be", () => {
  const pause = new ClientPause();
  pause.begin(pauseMode.write, Number(2n ** 63n - 1n));
  assertEquals(pause.mode, pauseMode.write);
  pause.end();
});
