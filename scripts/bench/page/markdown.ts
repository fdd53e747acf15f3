/** Pieces of Markdown. Their looks (the width of columns) are the formatter's business. */
import { BenchError } from "../bench_error.ts";
import { projectRoot } from "../project.ts";

export function markdownTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  alignment: readonly ("left" | "right")[] = [],
): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(" | ")} |\n`;
  const dashes = titles.map((_, i) => alignment[i] === "right" ? "--:" : "---");
  return `${line(titles)}| ${dashes.join(" | ")} |\n${rows.map(line).join("")}`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** What GitHub folds away until it is clicked. */
export function details(summary: string, content: string): string {
  return `<details>\n<summary>${summary}</summary>\n\n${content.trim()}\n\n</details>\n`;
}

/** A picture in the reader's theme; `name` is that of its files, without the theme. */
export function picture(name: string, description: string): string {
  return `<picture>\n` +
    `  <source media="(prefers-color-scheme: dark)" srcset="benchmarks/${name}-dark.svg">\n` +
    `  <img alt="${description}" src="benchmarks/${name}.svg">\n` +
    `</picture>\n`;
}

/** As `deno fmt` would have it. */
export async function formatted(markdown: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext", "md", "-"],
    cwd: projectRoot,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) throw new BenchError(`Cannot format the page: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
