import { assert } from "@std/assert";
import { chooseSeed } from "../support/seeded_random.ts";
import { proveReaders } from "./reader_proof.ts";

const reads = Number(Deno.env.get("KV_READER_READS") ?? Infinity);
const seconds = Number(Deno.env.get("KV_READER_SECONDS") ?? 8);

Deno.test(`no value read beside the server is torn or stale, in ${seconds} s of four readers`, async () => {
  const seed = chooseSeed("reader proof");
  const result = await proveReaders({ readers: 4, seconds, reads, seed });
  const { changes, kills, stops, reports } = result;
  const sum = (what: (report: typeof reports[number]) => number) =>
    reports.reduce((total, report) => total + what(report), 0);
  console.log(
    `${result.reads} reads, ${sum((r) => r.missing)} of keys that were not there, ` +
      `${sum((r) => r.fromLog)} by the log, ${sum((r) => r.wholePairs)} pairs, ` +
      `${sum((r) => r.scans)} scans; ${sum((r) => r.retries)} ` +
      `times again, ${
        sum((r) => r.sleeps)
      } sleeps; ${changes} changes, ${kills} kills, ${stops} stops`,
  );
  assert(sum((report) => report.found) > 10_000 && sum((report) => report.missing) > 100);
  assert(changes > 1000 && kills > 0, "the server was written, and killed");
});
