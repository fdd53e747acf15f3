/**
 * Fills an LMDB database with the keys and values that `deno task measure` loads into a server.
 *
 *     deno run -A scripts/measure/lmdb_filler.ts PATH KEYS
 */
import { open } from "lmdb";

const [path, count] = Deno.args;
const encoder = new TextEncoder();
const database = open({ path, encoding: "binary", keyEncoding: "binary" });
for (let i = 0; i < Number(count); i++) {
  const key = encoder.encode(`key:${String(i).padStart(12, "0")}`);
  const value = encoder.encode(String(i).padStart(32, "0"));
  const written = database.put(key as never, value);
  if (i % 10_000 === 0) await written;
}
await database.flushed;
await database.close();
