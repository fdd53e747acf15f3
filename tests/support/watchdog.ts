/**
 * A loop that never ends keeps every timer of its thread from firing: only another thread sees it. When
 * nothing was heard for too long, it says what was going on, and ends the process.
 */

/** What the other thread is told at its start. */
interface Watch {
  readonly what: string;
  readonly limitMs: number;
  readonly beats: Int32Array;
}

export class Watchdog {
  readonly #worker: Worker;
  readonly #beats = new Int32Array(new SharedArrayBuffer(4));

  /** Ends the process `limitMs` after the last `beat`; `what` says how to repeat the run. */
  constructor(what: string, limitMs: number) {
    this.#worker = new Worker(import.meta.url, { type: "module", name: "watchdog" });
    this.#worker.postMessage({ what, limitMs, beats: this.#beats } satisfies Watch);
  }

  /** Something was done; what comes next is number `count`. */
  beat(count: number): void {
    Atomics.store(this.#beats, 0, count);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

function watch({ what, limitMs, beats }: Watch): void {
  let before = -1;
  let since = performance.now();
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    if (now !== before) {
      before = now;
      since = performance.now();
    } else if (performance.now() - since > limitMs) {
      console.error(`${what}, case ${now}: hangs for ${limitMs} ms`);
      Deno.kill(Deno.pid, "SIGKILL");
    }
  }, limitMs / 10);
}

if (self.name === "watchdog") {
  self.addEventListener("message", (event) => watch((event as MessageEvent<Watch>).data));
}
