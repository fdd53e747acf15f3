import { assertEquals } from "@std/assert";
import { LongBuffers } from "../../../src/server/long_buffers.ts";

const mebibyte = 2 ** 20;

/** Buffers, and how many of those that are used together have been used before. */
class Use {
  readonly buffers: LongBuffers;
  readonly #known = new Set<Uint8Array>();
  #call: (() => void) | null = null;

  constructor() {
    this.buffers = new LongBuffers((call) => {
      this.#call = call;
      return () => this.#call = null;
    });
  }

  /** Takes `count` buffers of a megabyte and gives them back; returns how many of them are not new. */
  together(count: number): number {
    const taken = Array.from({ length: count }, () => this.buffers.take(mebibyte));
    const known = taken.filter((buffer) => this.#known.has(buffer)).length;
    for (const buffer of taken) {
      this.#known.add(buffer);
      this.buffers.give(buffer);
    }
    return known;
  }

  /** A second goes by; returns whether anybody waited for it. */
  second(): boolean {
    const call = this.#call;
    this.#call = null;
    call?.();
    return call !== null;
  }
}

Deno.test("long buffers are kept while as many are used together, and let go when they were not for a second", () => {
  const use = new Use();
  assertEquals(use.together(50), 0);
  for (let i = 0; i < 5; i++) {
    assertEquals(use.second(), true);
    assertEquals(use.together(50), 50);
  }
  // From now on 20 are enough. In the second that has begun 50 were used.
  for (let i = 0; i < 2; i++) {
    use.second();
    assertEquals(use.together(20), 20);
  }
  assertEquals(use.together(50), 20);
});

Deno.test("16 MiB of long buffers stay when nobody comes any more, and nothing waits for a time", () => {
  const use = new Use();
  use.together(50);
  assertEquals([use.second(), use.second(), use.second()], [true, true, false]);
  assertEquals(use.together(50), 16);
});

Deno.test("no more than 256 MiB of long buffers are kept, and none when the server has stopped", () => {
  const use = new Use();
  use.together(300);
  assertEquals(use.together(300), 256);
  use.buffers.close();
  assertEquals([use.together(20), use.together(20)], [0, 0]);
  assertEquals(use.second(), false);
});
