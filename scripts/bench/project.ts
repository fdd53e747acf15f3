/** Where things are in the project. */
import { dirname, fromFileUrl, join } from "@std/path";

export const projectRoot = dirname(dirname(dirname(fromFileUrl(import.meta.url))));
export const resultsFile = join(projectRoot, "docs", "benchmarks", "results.json");
