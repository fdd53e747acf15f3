/** CLIENT PAUSE: for a while, requests of some kinds are kept back. */

/** What is kept back: the later ones include the earlier ones. */
export const pauseMode = { off: 0, write: 1, all: 2 } as const;

/** The longest that a timer can wait. */
const timerMsMax = 2 ** 31 - 1;

export class ClientPause {
  /** A value of `pauseMode`. */
  mode: number = pauseMode.off;
  /** When it ends, in Unix ms. */
  #endMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over: PromiseWithResolvers<void> | null = null;
  readonly #clock: () => number;

  /** `clock` tells the Unix time in ms. */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
  }

  /** Begins a pause. One that is going on becomes no shorter and keeps back no less. */
  begin(mode: number, milliseconds: number): void {
    this.mode = Math.max(this.mode, mode);
    this.#endMs = Math.max(this.#endMs, this.#clock() + milliseconds);
    this.#over ??= Promise.withResolvers();
    this.#wait();
  }

  /** Ends the pause. */
  end(): void {
    clearTimeout(this.#timer);
    this.mode = pauseMode.off;
    this.#endMs = 0;
    this.#over?.resolve();
    this.#over = null;
  }

  /** Resolves when there is no pause. */
  whenOver(): Promise<void> {
    return this.#over?.promise ?? Promise.resolve();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const left = this.#endMs - this.#clock();
    if (left <= 0) return this.end();
    this.#timer = setTimeout(() => this.#wait(), Math.min(left, timerMsMax));
  }
}
