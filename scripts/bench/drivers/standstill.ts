/**
 * How long the machine stands still by itself: a program on each processor looks at the clock, and nothing else, while
 * another one writes to the disk past the kernel's memory. No server can have shorter pauses under load than these.
 */
import { dirname, fromFileUrl, join } from "@std/path";
import { BenchError } from "../bench_error.ts";
import { type Driver, measurement } from "../context.ts";
import type { Gaps } from "../load/clock_watcher.ts";
import type { Run } from "../workload.ts";

const watcher = join(dirname(dirname(fromFileUrl(import.meta.url))), "load", "clock_watcher.ts");
/** A few times as much as a disk writes while it is watched. */
const mebibytesMax = 16_384;

export const measureStandstill: Driver<Run & { kind: "standstill" }> = async (
  run,
  side,
  context,
) => {
  const { processes } = context;
  const folder = await context.makeFolder(side.label);
  const seconds = context.isQuick ? 0.2 : run.seconds;
  const watch = async (): Promise<Gaps> => {
    const args = ["run", "--no-check", "--quiet", watcher, String(seconds)];
    return JSON.parse((await processes.run("deno", args, { path: Deno.execPath() })).stdout);
  };
  const measure = async () => {
    const args = ["if=/dev/zero", `of=${join(folder, "file")}`, "bs=1M", "oflag=direct"];
    const writer = processes.start("dd", [...args, `count=${mebibytesMax}`]);
    let hasEnded = false;
    void writer.status.then(() => hasEnded = true);
    try {
      const watchers = Array.from({ length: navigator.hardwareConcurrency }, watch);
      const gaps = await Promise.all(watchers);
      if (hasEnded) {
        throw new BenchError(`dd does not write to ${folder}; name a folder on a disk (TMPDIR)`);
      }
      return {
        figures: {
          maxMs: Math.max(...gaps.map(({ longestMs }) => longestMs)),
          pausesAbove5: Math.max(...gaps.map(({ aboveFiveMs }) => aboveFiveMs)),
          stillShare: gaps.reduce((sum, { share }) => sum + share, 0) / gaps.length,
        },
      };
    } finally {
      await processes.end(writer);
    }
  };
  return measurement(measure, () => Deno.remove(folder, { recursive: true }));
};
