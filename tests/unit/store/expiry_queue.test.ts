import { assert, assertEquals } from "@std/assert";
import { ExpiryQueue, isWaypointOf, waypointOf } from "../../../src/store/expiry_queue.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

/** Takes everything: deadline and hash, in the order of the queue. */
function drain(queue: ExpiryQueue): [number, number][] {
  const taken: [number, number][] = [];
  while (queue.size > 0) {
    const deadline = queue.nextTime;
    taken.push([deadline, queue.take()]);
  }
  return taken;
}

Deno.test("an empty queue has no next deadline", () => {
  const queue = new ExpiryQueue();
  assertEquals(queue.size, 0);
  assertEquals(queue.nextTime, Infinity);
});

Deno.test("entries come in the order of their deadlines, each with its hash", () => {
  const random = new SeededRandom(4);
  const queue = new ExpiryQueue();
  // More than the 256 that the heap begins with room for; the deadlines are all different.
  const entries = Array.from({ length: 3000 }, (_, i): [number, number] => [
    random.below(1_000_000) * 4096 + i,
    random.next() | 0,
  ]);
  for (const [deadline, hash] of entries) queue.push(deadline, hash);
  assertEquals(queue.size, entries.length);
  assertEquals(drain(queue), entries.toSorted((a, b) => a[0] - b[0]));
});

Deno.test("the queue is a sorted array, through pushes, takes and sifting", () => {
  const random = new SeededRandom(chooseSeed("expiry queue"));
  const queue = new ExpiryQueue();
  let model: number[] = [];
  const isCurrent = (deadline: number) => deadline % 3 !== 0;
  const hashOf = (deadline: number) => deadline * 7 | 0;
  for (let step = 0; step < 20_000; step++) {
    const what = random.below(100);
    if (what < 55) {
      const deadline = random.below(5000) * 32768 + step; // No two are equal.
      queue.push(deadline, hashOf(deadline));
      model.push(deadline);
    } else if (what < 90) {
      assertEquals(queue.nextTime, model.length === 0 ? Infinity : Math.min(...model));
      if (model.length === 0) continue;
      const least = Math.min(...model);
      assertEquals(queue.take(), hashOf(least));
      model.splice(model.indexOf(least), 1);
    } else if (what < 91) {
      queue.beginSifting();
    } else {
      // Which entries are looked at first is the queue's choice: the model learns it.
      queue.siftSome(random.below(40), (deadline, hash) => {
        assertEquals(hash, hashOf(deadline));
        if (!isCurrent(deadline)) model.splice(model.indexOf(deadline), 1);
        return isCurrent(deadline);
      });
    }
    assertEquals(queue.size, model.length);
    if (model.length > 300) {
      queue.clear();
      model = [];
    }
  }
});

Deno.test("sifting keeps what is current, and ends", () => {
  const queue = new ExpiryQueue();
  for (let i = 0; i < 1000; i++) queue.push(1000 - i, i);
  queue.beginSifting();
  assert(queue.sifting);
  queue.push(5000, 5000);
  let slices = 0;
  while (queue.sifting) {
    queue.siftSome(64, (deadline) => deadline % 2 === 0);
    slices++;
  }
  assertEquals(slices, Math.ceil(1000 / 64));
  const deadlines = drain(queue).map(([deadline]) => deadline);
  const even = Array.from({ length: 500 }, (_, i) => 2 * i + 2);
  assertEquals(deadlines, [...even, 5000]);
});

Deno.test("entries of one deadline come in the order of their hashes, and sifting leaves one of equal ones", () => {
  const random = new SeededRandom(chooseSeed("equal entries"));
  const queue = new ExpiryQueue();
  const entries = Array.from({ length: 5000 }, (): [number, number] => [
    random.below(20),
    random.below(100) - 50,
  ]);
  for (const [deadline, hash] of entries) queue.push(deadline, hash);
  const inOrder = (a: [number, number], b: [number, number]) => a[0] - b[0] || a[1] - b[1];
  queue.beginSifting();
  while (queue.sifting) queue.siftSome(100, () => true);
  const different = new Map(entries.map((entry) => [entry.join(), entry]));
  assertEquals(drain(queue), [...different.values()].sort(inOrder));
  for (const [deadline, hash] of entries) queue.push(deadline, hash);
  assertEquals(drain(queue), entries.sort(inOrder));
});

Deno.test("entries pushed and taken while a sifting is under way keep the order", () => {
  const queue = new ExpiryQueue();
  for (let i = 0; i < 100; i++) queue.push(i * 10, i);
  queue.beginSifting();
  queue.siftSome(30, () => true);
  for (let i = 0; i < 100; i++) queue.push(i * 10 + 5, i);
  const deadlines = drain(queue).map(([deadline]) => deadline);
  assertEquals(deadlines, Array.from({ length: 200 }, (_, i) => i * 5));
});

Deno.test("a key goes from waypoint to waypoint up to its deadline, by the same way wherever it is looked at", () => {
  const random = new SeededRandom(chooseSeed("waypoints"));
  for (let round = 0; round < 2000; round++) {
    const began = 1_700_000_000_000 + random.below(2 ** 31);
    const hash = random.next() | 0;
    const deadline = began + random.below(2 ** (1 + random.below(32)));
    let horizon = began;
    let stops = 0;
    while (horizon < deadline) {
      const next = waypointOf(deadline, hash, horizon);
      assert(next > horizon && next <= deadline);
      assert(isWaypointOf(next, deadline, hash));
      // Until it is there, it is the one that follows from the deadline.
      const between = horizon + Math.floor((next - horizon) * random.next() / 2 ** 32);
      if (between < next) assertEquals(waypointOf(deadline, hash, between), next);
      // A deadline that has the same waypoint has it as long as it is ahead, and goes on from there.
      const other = deadline + random.below(30_000);
      if (waypointOf(other, hash, horizon) === next) assert(isWaypointOf(next, other, hash));
      horizon = next;
      stops++;
    }
    assert(stops <= 64 + 3, `${stops} stops`);
    assert(!isWaypointOf(deadline + 1, deadline, hash));
    assertEquals(waypointOf(deadline, hash, deadline), deadline, "there is nothing behind it");
  }
});
