/** How fast a counter grows: over about the last second, for INFO's `instantaneous` fields. */
const sampleMs = 1000;

export class RateMeter {
  #beforeMs: number;
  #before = 0;
  #sampleMs: number;
  #sample = 0;

  constructor(nowMs: number) {
    this.#beforeMs = nowMs;
    this.#sampleMs = nowMs;
  }

  /** Notes the counter; to be called often, costs a comparison. */
  note(nowMs: number, counter: number): void {
    if (nowMs - this.#sampleMs < sampleMs) return;
    this.#beforeMs = this.#sampleMs;
    this.#before = this.#sample;
    this.#sampleMs = nowMs;
    this.#sample = counter;
  }

  /** Per second. */
  rate(nowMs: number, counter: number): number {
    const elapsedMs = nowMs - this.#beforeMs;
    return elapsedMs <= 0 ? 0 : (counter - this.#before) * 1000 / elapsedMs;
  }

  reset(nowMs: number): void {
    this.#beforeMs = nowMs;
    this.#before = 0;
    this.#sampleMs = nowMs;
    this.#sample = 0;
  }
}
