/** A libc that lets some calls wait until a test says so: the disk is slow just where it matters. */
import { interceptLibc, type Libc } from "../../src/sys/libc.ts";

type AnyCall = (...args: unknown[]) => Promise<unknown>;

/**
 *     using held = new HeldCalls("msyncInBackground");
 *     held.hold();
 */
export class HeldCalls implements Disposable {
  /** Calls that were made since `hold`. */
  calls = 0;
  /** Resolves when a call was made since `hold`. */
  begun: Promise<void> = Promise.resolve();
  #begin = () => {};
  #gate: Promise<void> | null = null;
  #open = () => {};
  readonly #restore: () => void;

  /** Has the calls of a function of libc's, which must be one that runs on other threads, wait. */
  constructor(name: keyof Libc) {
    this.#restore = interceptLibc((real) => {
      const call = real[name] as AnyCall;
      const wait: AnyCall = async (...args) => {
        this.calls++;
        this.#begin();
        await this.#gate;
        return await call(...args);
      };
      return { ...real, [name]: wait };
    });
  }

  /** From now on calls wait. */
  hold(): void {
    this.calls = 0;
    ({ promise: this.#gate, resolve: this.#open } = Promise.withResolvers<void>());
    ({ promise: this.begun, resolve: this.#begin } = Promise.withResolvers<void>());
  }

  /** They go on. */
  release(): void {
    this.#gate = null;
    this.#open();
  }

  [Symbol.dispose](): void {
    this.release();
    this.#restore();
  }
}
