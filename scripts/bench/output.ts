/** What people see: lines on standard output, and on a terminal a line that tells how far it is. */

const encoder = new TextEncoder();

export type Style = "bold" | "faint" | "good" | "bad";

const styleCodes: Readonly<Record<Style, readonly [on: string, off: string]>> = {
  bold: ["\x1b[1m", "\x1b[22m"],
  faint: ["\x1b[2m", "\x1b[22m"],
  good: ["\x1b[32m", "\x1b[39m"],
  bad: ["\x1b[1;31m", "\x1b[22;39m"],
};

const barCells = 20;

export class Output {
  readonly #hasColour = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  readonly #hasProgress = Deno.stderr.isTerminal();
  #isProgressShown = false;

  print(line = ""): void {
    this.clearProgress();
    writeAll(Deno.stdout, `${line}\n`);
  }

  /** In its own style on a terminal that may have colours, and plain elsewhere. */
  styled(text: string, style: Style | undefined): string {
    if (!this.#hasColour || style === undefined) return text;
    const [on, off] = styleCodes[style];
    return `${on}${text}${off}`;
  }

  /**
   * Replaces the line about the progress, with a bar when it is known how much is done; without a
   * terminal there is none.
   */
  progress(text: string, share?: number): void {
    if (!this.#hasProgress) return;
    const line = share === undefined ? text : `${bar(share)} ${text}`;
    // A line that wraps could not be taken back.
    writeAll(Deno.stderr, `\r\x1b[K${line.slice(0, terminalColumns() - 1)}`);
    this.#isProgressShown = true;
  }

  clearProgress(): void {
    if (!this.#isProgressShown) return;
    writeAll(Deno.stderr, "\r\x1b[K");
    this.#isProgressShown = false;
  }
}

/** "[####................]" */
function bar(share: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * barCells);
  return `[${"#".repeat(full).padEnd(barCells, ".")}]`;
}

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
