/** Which neighbouring places are emptied for a large record, and that nobody else takes them meanwhile. */
import { assert, assertEquals } from "@std/assert";
import { defaultLimits, segmentCountMax } from "../../../src/store/limits.ts";
import { segmentState, SegmentTable } from "../../../src/store/segment_table.ts";
import { Stretch } from "../../../src/store/stretch.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

const segmentBytes = 4096;
const anyMoves = () => true;

/**
 * A table as a text shows it: a digit is a sealed segment of as many tenths live, `a` one that is live as a whole, `.` a free
 * place, `H` the head, `L` one that is leaving, and `-` goes on with the run that began before.
 */
function tableOf(picture: string, bytes = segmentBytes): SegmentTable {
  const table = new SegmentTable(bytes, new Int32Array(segmentCountMax));
  table.extend(picture.length);
  for (let place = 0; place < picture.length; place++) {
    const what = picture[place];
    if (what === "." || what === "-") continue;
    const length = /^.(-*)/.exec(picture.slice(place))![1].length + 1;
    const state = what === "H" ? segmentState.head : segmentState.sealed;
    table.take(place, length, place + 1, state);
    const tenths = what === "H" ? 1 : what === "a" ? 10 : what === "L" ? 0 : Number(what);
    table.setLive(place, Math.floor(tenths * length * bytes / 10));
    if (what === "L") table.evacuate(place, 0, false);
  }
  return table;
}

function stretchOf(table: SegmentTable, bytes = segmentBytes): Stretch {
  return new Stretch(table, { ...defaultLimits, segmentBytes: bytes });
}

/** Where a stretch begins that is chosen, or the run that it begins within; -1: none is. */
function chosen(picture: string, length: number, freeElsewhere = 0): number {
  const table = tableOf(picture);
  const stretch = stretchOf(table);
  if (!stretch.choose(length, freeElsewhere, anyMoves)) return -1;
  return Array.from(picture).findIndex((_, place) => stretch.touches(table.firstOf[place]));
}

Deno.test("the stretch with the least that is live is chosen", () => {
  assertEquals(chosen("9998888777666.99...99......", 3), 16);
  assertEquals(chosen("aaa3.3aaa2.9aaaa.......H", 3, 3), 16);
  assertEquals(chosen("a.a9.9a3.3a9.9H.a.a.a.a", 3), 7);
  // What is on its way out need not be copied, but is waited for.
  assertEquals(chosen("a.a3.3aLLLa9.9H.a.a.a.a", 3), 7);
});

Deno.test("a run counts as a whole, wherever the stretch begins or ends", () => {
  // Three tenths of a run of three places are nine of a segment.
  assertEquals(chosen("aa3--..aa7..aaa.a.a.a.H", 3), 9);
  assertEquals(chosen("aa1--..aa7..aaa.a.a.a.H", 3), 2);
  assertEquals(chosen("aa..1--aa7..aaa.a.a.a.H", 3), 2);
});

Deno.test("there is no stretch when copies would find no room elsewhere", () => {
  assertEquals(chosen("aaaaaaaaaaaa.H", 3), -1);
  assertEquals(chosen("555555555555.H", 3), -1);
  // Five tenths, four times, and two to spare.
  assertEquals(chosen("5555a5aaaaaaaaH....", 4, 0), 15);
  assertEquals(chosen("5555aaaaaaa.a.a.a.H", 4, 0), 0);
  assertEquals(chosen("5555aaaaaaa.a.a.a.H", 4, 1), -1);
  assertEquals(chosen("...H...", 8), -1);
});

Deno.test("what may not be moved is left out, and what could not be until it is tried again", () => {
  const table = tableOf("a.1.a.a2.2a.a.a.H");
  const stretch = stretchOf(table);
  assert(stretch.choose(3, 0, (segment) => segment !== 2));
  assertEquals(stretch.nextVictim(anyMoves), 7);
  stretch.noteStuck(7);
  assert(stretch.isBlocked);
  assertEquals(stretch.nextVictim(anyMoves), 9);
  assert(stretch.choose(3, 0, anyMoves));
  assert(!stretch.isBlocked);
  assertEquals(stretch.nextVictim(anyMoves), 2);
  stretch.retry();
  assert(stretch.choose(3, 0, (segment) => segment !== 2));
  assertEquals(stretch.nextVictim(anyMoves), 7);
});

Deno.test("no stretch crosses the end of a window", () => {
  // Windows of 16 segments of 64 MiB.
  const bytes = 2 ** 26;
  const table = tableOf("aaaaaaaaaaaaaa..................", bytes);
  const stretch = stretchOf(table, bytes);
  assert(stretch.choose(3, 0, anyMoves));
  assertEquals(stretch.give(), 16);
  assert(stretch.choose(2, 0, anyMoves));
  assertEquals(stretch.give(), 14);
  assert(!stretch.choose(17, 0, anyMoves));
});

Deno.test("what is free of a stretch is held, what becomes free too, and then it is given", () => {
  const table = tableOf("aa.2.aa.a.a.H");
  const stretch = stretchOf(table);
  assert(stretch.choose(3, 0, anyMoves));
  assertEquals([stretch.heldCount, stretch.isReady, stretch.copyPlaces], [2, false, 3]);
  // Nobody finds them, nor are they cut off or made ready.
  assertEquals(table.findFree(1), 7);
  assertEquals([stretch.holds(2), stretch.holds(3), stretch.holds(7)], [true, false, false]);
  assertEquals(table.freeCount, 5);
  table.evacuate(3, 0, false);
  table.release(3);
  assertEquals(table.findFree(1), 3);
  stretch.gather();
  assertEquals([stretch.heldCount, stretch.isReady, stretch.copyPlaces], [3, true, 0]);
  assertEquals(table.findFree(1), 7);
  assertEquals([stretch.give(), stretch.length, stretch.given], [2, 0, 1]);
  assertEquals(table.findFree(3), 2);
});

Deno.test("a stretch that is given up leaves its places free", () => {
  const table = tableOf("..3..H");
  const stretch = stretchOf(table);
  assert(stretch.choose(4, 0, () => true) === false, "there is too little elsewhere");
  assert(stretch.choose(2, 0, anyMoves));
  stretch.drop();
  assertEquals([table.findFree(2), table.freeCount, stretch.heldCount], [0, 4, 0]);
});

Deno.test("the choice is that of trying all of them", () => {
  const random = new SeededRandom(chooseSeed("stretches"));
  for (let round = 0; round < 2000; round++) {
    let picture = "";
    while (picture.length < 40) {
      const what = random.pick([".", ".", "L", "0", "3", "7", "a", "a--"]);
      picture += what;
    }
    const table = tableOf(picture);
    const length = random.between(1, 8);
    const freeElsewhere = random.below(6);
    // By eighths of a segment that are copied, with what each segment costs beside.
    let best = Infinity;
    for (let start = 0; start + length <= picture.length; start++) {
      const segments = new Set(table.firstOf.subarray(start, start + length));
      let cost = 0;
      let live = 0;
      let free = 0;
      for (const segment of segments) {
        const state = table.state[segment];
        const share = table.liveBytes[segment] / segmentBytes;
        if (state === segmentState.free) free++;
        else if (state === segmentState.evacuated) cost += table.runLength[segment] / 16;
        else cost += 1 / 8 + (table.runLength[segment] > 1 && share > 0.99 ? 2 : 1) * share;
        live += table.liveBytes[segment];
      }
      const needed = freeElsewhere + (live > 0 ? Math.ceil(live / segmentBytes) + 2 : 0);
      if (table.freeCount - free >= needed) best = Math.min(best, cost);
    }
    const stretch = stretchOf(table);
    const isChosen = stretch.choose(length, freeElsewhere, anyMoves);
    assertEquals(isChosen, best < Infinity, picture);
    if (!isChosen) continue;
    const segments = new Set(
      Array.from(picture, (_, place) => table.firstOf[place]).filter((s) => stretch.touches(s)),
    );
    let cost = 0;
    for (const segment of segments) {
      const share = table.liveBytes[segment] / segmentBytes;
      const isFree = table.state[segment] <= segmentState.prepared;
      if (table.state[segment] === segmentState.evacuated) cost += table.runLength[segment] / 16;
      else if (!isFree) {
        cost += 1 / 8 + (table.runLength[segment] > 1 && share > 0.99 ? 2 : 1) * share;
      }
    }
    assert(Math.abs(cost - best) < 1e-9, `${picture}, ${length} places: ${cost}, not ${best}`);
  }
});
