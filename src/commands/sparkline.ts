/**
 * A graph of bars in plain text, as Redis's LATENCY GRAPH draws it: four rows, in each of which a bar can
 * be a third, two thirds or all high, and below it a label that is read downwards. Graphs with more
 * than 80 values go on below.
 */
const rowCount = 4;
const columnsMax = 80;
/** A bar's end within a row, from low to high; the rows below it are full. */
const ends = "_o#";
const full = "|";
const stepCount = rowCount * ends.length;

/** The graph of `values`, as many `labels` under it; lines end with LF. */
export function sparkline(values: readonly number[], labels: readonly string[]): string {
  const parts: string[] = [];
  const min = Math.min(...values);
  const range = Math.max(...values) - min || 1;
  const steps = values.map((value) =>
    Math.min(stepCount - 1, Math.floor((value - min) * stepCount / range))
  );
  for (let start = 0; start < values.length; start += columnsMax) {
    const end = start + columnsMax;
    parts.push(part(steps.slice(start, end), labels.slice(start, end)));
  }
  return parts.join("\n");
}

function part(steps: readonly number[], labels: readonly string[]): string {
  const lines: string[] = [];
  for (let row = rowCount - 1; row >= 0; row--) {
    lines.push(steps.map((step) => barIn(row, step)).join(""));
  }
  lines.push(" ".repeat(steps.length));
  const labelLength = Math.max(...labels.map((label) => label.length));
  for (let i = 0; i < labelLength; i++) lines.push(labels.map((label) => label[i] ?? " ").join(""));
  return lines.map((line) => `${line}\n`).join("");
}

/** What is seen of a bar in a row, counted from below. */
function barIn(row: number, step: number): string {
  const height = step - row * ends.length;
  return height >= ends.length ? full : ends[height] ?? " ";
}
