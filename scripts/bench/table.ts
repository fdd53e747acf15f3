/** Columns for people, aligned before they are coloured, so that a pipe gets the same picture. */
import type { Output, Style } from "./output.ts";

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

export interface Column {
  readonly title: string;
  /** Numbers stand right. */
  readonly align: "left" | "right";
}

/** The lines of a table: the titles first. `styled` colours a text that has its width already. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly (string | Cell)[])[],
  styled: (text: string, style: Style | undefined) => string = (text) => text,
): string[] {
  const head: Cell[] = columns.map(({ title }) => ({ text: title, style: "faint" }));
  const cells = rows.map((row) =>
    row.map((cell) => typeof cell === "string" ? asCell(cell) : cell)
  );
  const all = [head, ...cells];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i]?.text.length ?? 0)));
  return all.map((row) => {
    const texts = columns.map(({ align }, i) => {
      const { text, style } = row[i] ?? asCell("");
      const padding = " ".repeat(widths[i] - text.length);
      const coloured = styled(text, style);
      return align === "left" ? coloured + padding : padding + coloured;
    });
    return `  ${texts.join("  ")}`.trimEnd();
  });
}

export function printTable(
  output: Output,
  columns: readonly Column[],
  rows: readonly (readonly (string | Cell)[])[],
): void {
  const lines = tableLines(columns, rows, (text, style) => output.styled(text, style));
  for (const line of lines) output.print(line);
}

function asCell(text: string): Cell {
  return { text };
}
