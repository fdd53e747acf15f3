import { assert, assertEquals } from "@std/assert";
import { CutPace } from "../../../src/store/cut_pace.ts";
import { shrinkBytesMax } from "../../../src/store/limits.ts";

const much = 20_000;
const little = 1000;

/** A file whose end is cut as soon as it may be, each piece in some milliseconds. */
class CutFile {
  isMuchTooLong = false;
  cutTakesMs = 1;
  #ms = 1e6;
  #bytes = 0;
  readonly pace = new CutPace(() => this.#ms);

  /** How many pieces are cut in so long, while so many bytes are appended in each millisecond. */
  cuts(lengthMs: number, bytesPerMs: number): number {
    let cuts = 0;
    for (const end = this.#ms + lengthMs; this.#ms < end;) {
      this.#bytes += bytesPerMs;
      this.pace.look(this.#bytes);
      if (this.pace.waitMs(this.isMuchTooLong) > 0) {
        this.#ms++;
        continue;
      }
      const done = this.pace.begin();
      this.#ms += this.cutTakesMs;
      done();
      cuts++;
    }
    return cuts;
  }
}

Deno.test("a file that nobody writes is cut as fast as can be, in longer pieces", () => {
  const file = new CutFile();
  assertEquals(file.cuts(500, 0), 500);
  assertEquals(file.pace.pieceBytes, 4 * shrinkBytesMax);
});

Deno.test("a file that is written is not cut, and is again some seconds later", () => {
  const file = new CutFile();
  const atFirst = file.cuts(10, much);
  assert(atFirst <= 4, `${atFirst} until it was noticed that somebody writes`);
  file.cuts(200, much);
  assertEquals(file.cuts(5000, much), 0);
  assertEquals(file.cuts(100, 0), 0);
  file.cuts(5000, 0);
  assert(file.cuts(1000, 0) > 900);
});

Deno.test("where little is written, or the file is much too long, a short piece is cut now and then", () => {
  const file = new CutFile();
  file.cuts(1000, little);
  assertEquals(file.cuts(2020, little), 20);
  assertEquals(file.pace.pieceBytes, shrinkBytesMax);
  file.cuts(1000, much);
  assertEquals(file.cuts(1000, much), 0);
  file.isMuchTooLong = true;
  const often = file.cuts(2020, much);
  assert(often >= 19 && often <= 21, `${often}`);
});

Deno.test("the longer a cut takes, the more seldom is who writes held up", () => {
  const file = new CutFile();
  file.cuts(1000, little);
  file.cutTakesMs = 100;
  const seldom = file.cuts(202_000, little);
  assert(seldom >= 20 && seldom <= 21, `each 10.1 s: ${seldom}`);
});
