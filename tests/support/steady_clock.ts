/**
 * A clock that tests wind: how busy a store seems, which decides what is done in the background, is then
 * the same in every run.
 */
export class SteadyClock implements Disposable {
  readonly #now = performance.now;
  #ms = 0;

  /** From now on `performance.now` tells this clock's time, until it is disposed of. */
  constructor() {
    // Each look takes a little: whoever waits for a while to pass comes to an end.
    performance.now = () => this.#ms += 0.01;
  }

  advance(ms: number): void {
    this.#ms += ms;
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
  }
}
