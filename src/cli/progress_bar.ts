/** A bar on standard error, on a terminal; elsewhere nothing. */
const redrawMs = 100;
const widthCells = 30;

const encoder = new TextEncoder();

/** Returns a function that shows a share from 0 to 1; at 1 the bar goes away. */
export function progressBar(title: string): (share: number) => void {
  if (!Deno.stderr.isTerminal()) return () => {};
  let shownAt = performance.now();
  return (share) => {
    const now = performance.now();
    if (now - shownAt < redrawMs && share < 1) return;
    shownAt = now;
    const bar = "#".repeat(Math.round(share * widthCells)).padEnd(widthCells, ".");
    const text = share < 1 ? `${title} [${bar}] ${Math.floor(share * 100)}%` : "";
    Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${text}`));
  };
}
