/**
 * Writes docs/benchmarks.md, its plots and the README's table of speed from docs/benchmarks/results.json.
 *
 *     deno run -A scripts/bench/page/write.ts            write them
 *     deno run -A scripts/bench/page/write.ts --check    exit 1 if they are not what would be written
 */
import { dirname, join } from "@std/path";
import { projectRoot, resultsFile } from "../project.ts";
import { readResults } from "../results.ts";
import { benchmarksPage, readmeWithSpeed } from "./benchmarks_page.ts";
import { renderSvg } from "./chart.ts";
import { chartsOf } from "./charts.ts";
import { formatted } from "./markdown.ts";

/** What the files have to be, by their paths in the project. */
export async function wantedFiles(): Promise<Map<string, string>> {
  const results = await readResults(resultsFile);
  const charts = chartsOf(results);
  const readme = await Deno.readTextFile(join(projectRoot, "README.md"));
  const files = new Map<string, string>();
  files.set("README.md", await formatted(readmeWithSpeed(readme, results)));
  if (results.rows.length === 0) return files;
  files.set("docs/benchmarks.md", await formatted(benchmarksPage(results, charts)));
  for (const chart of charts) {
    files.set(`docs/benchmarks/${chart.name}.svg`, renderSvg(chart, "light"));
    files.set(`docs/benchmarks/${chart.name}-dark.svg`, renderSvg(chart, "dark"));
  }
  return files;
}

export async function writePages(): Promise<void> {
  for (const [path, text] of await wantedFiles()) {
    const full = join(projectRoot, path);
    await Deno.mkdir(dirname(full), { recursive: true });
    await Deno.writeTextFile(full, text);
  }
}

/** Which files are not what would be written. */
async function staleFiles(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, text] of await wantedFiles()) {
    const current = await Deno.readTextFile(join(projectRoot, path)).catch(() => "");
    if (current !== text) stale.push(path);
  }
  return stale;
}

if (import.meta.main) {
  if (Deno.args.includes("--check")) {
    const stale = await staleFiles();
    for (const path of stale) {
      console.error(`${path} is not what docs/benchmarks/results.json gives`);
    }
    if (stale.length > 0) Deno.exit(1);
  } else {
    await writePages();
  }
}
