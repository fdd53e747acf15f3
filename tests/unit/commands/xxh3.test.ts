import { assertEquals } from "@std/assert";
import { xxh3 } from "../../../src/commands/xxh3.ts";

/**
 * From libxxhash 0.8.1, `XXH3_64bits`, at both sides of the lengths where the algorithm changes: bytes
 * `i * 7 + floor(i / 256)`.
 */
const hashesBySize: readonly (readonly [number, string])[] = [
  [0, "2d06800538d394c2"],
  [1, "c44bdff4074eecdb"],
  [2, "9093381c8763d62e"],
  [3, "c3489259e968ad9e"],
  [4, "d3d60c1519014e89"],
  [5, "559935c0f3f7327f"],
  [8, "b88dee77f6bf6980"],
  [9, "03688dcad730d826"],
  [12, "305c5bae3681d0e0"],
  [16, "9da23836adf2be1e"],
  [17, "f34c3c9cf5a112d1"],
  [24, "25da37b787c3b790"],
  [32, "99cb9ad0f1a11fbe"],
  [33, "c077b45492d29cde"],
  [64, "6efb76ff16f37561"],
  [65, "2640848e9137156b"],
  [96, "764d2d5db92942df"],
  [97, "077acb7e5f4fd940"],
  [128, "65f3c2c00fa93185"],
  [129, "28065c6ec25f5b25"],
  [144, "600e8d345ff9620d"],
  [200, "7c64f3b17285e96a"],
  [239, "6ce0b13191e635ea"],
  [240, "4917a75c0ef8eed7"],
  [241, "541b19226f0052e8"],
  [256, "ff5a1cefade75bb9"],
  [319, "4e73b066a345c29d"],
  [320, "a1de328cc060b895"],
  [321, "b7a04524d1a97d29"],
  [512, "e0410eb388a9c9fa"],
  [1_024, "71bee625238addb4"],
  [1_025, "d9b414f4e1bbf7ad"],
  [1_088, "b74e423e955e509d"],
  [1_089, "6acaa6909cdbe786"],
  [2_048, "3293e8238bd8f743"],
  [2_049, "922549b11c04c2eb"],
  [5_000, "ed0146266d138bd8"],
  [100_000, "b25cea78018497ff"],
];

/** In tests of Redis and its relatives. */
const hashesOfText = {
  "": "2d06800538d394c2",
  "hello": "9555e8555c62dcfd",
  "123": "404a763b3f4c8c9a",
  "v8": "0cc76dbb41381419",
  "Hello world": "b6acb9d84a38ff74",
};

function hashOf(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return xxh3(bytes, start, end).toString(16).padStart(16, "0");
}

Deno.test("values of all lengths have the hashes that the library gives them", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7 + (i >> 8));
  for (const [size, hash] of hashesBySize) {
    assertEquals(hashOf(bytes, 0, size), hash, `${size} bytes`);
    // Wherever they stand.
    const moved = new Uint8Array(size + 10);
    moved.set(bytes.subarray(0, size), 3);
    assertEquals(hashOf(moved, 3, 3 + size), hash, `${size} bytes, moved`);
  }
});

Deno.test("known texts have their known hashes", () => {
  for (const [text, hash] of Object.entries(hashesOfText)) {
    assertEquals(hashOf(new TextEncoder().encode(text)), hash, text);
  }
});
