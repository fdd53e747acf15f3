import { assertEquals } from "@std/assert";
import { Pauses } from "../../../src/store/pauses.ts";

/** Its thread is told for how long it works, and for how long it waits for a processor. */
function scripted() {
  let now = 5000;
  let waited = 300;
  let asked = 0;
  const pauses = new Pauses(() => now, () => {
    asked++;
    return waited;
  });
  return {
    pauses,
    asked: () => asked,
    work: (ms: number) => now += ms * 1000,
    wait: (ms: number) => {
      now += ms * 1000;
      waited += ms * 1000;
    },
  };
}

Deno.test("a pause is its own but for the wait for a processor within it", () => {
  const { pauses, work, wait } = scripted();
  pauses.begin();
  work(2);
  wait(4);
  work(1);
  assertEquals(pauses.end(), 7);
  assertEquals([pauses.all.longestMs, pauses.own.longestMs], [7, 3]);
});

Deno.test("a wait before a pause is none of it", () => {
  const { pauses, work, wait } = scripted();
  pauses.begin();
  work(1);
  pauses.end();
  wait(8);
  pauses.begin();
  work(3);
  pauses.end();
  assertEquals([pauses.all.longestMs, pauses.own.longestMs], [3, 3]);
});

Deno.test("many short stretches do not ask the kernel each time", () => {
  const { pauses, work, asked } = scripted();
  for (let i = 0; i < 1000; i++) {
    pauses.begin();
    work(0.01);
    pauses.end();
  }
  assertEquals(asked() <= 21, true, `${asked()} times in 10 ms`);
  assertEquals([pauses.all.total, pauses.own.total], [1000, 1000]);
});

Deno.test("none are left after a reset", () => {
  const { pauses, work } = scripted();
  pauses.begin();
  work(9);
  pauses.end();
  pauses.reset();
  assertEquals([pauses.all.total, pauses.own.total, pauses.own.longestMs], [0, 0, 0]);
});
