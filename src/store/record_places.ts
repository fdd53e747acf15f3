/** Where in memory the record at an address stands: where the log is mapped, or where it is staged; see `stage.ts`. */
import type { Window } from "../sys/mapped_file.ts";
import { offsetOf } from "./record.ts";

export class RecordPlaces {
  /** What has the staged records. */
  window: Window;
  /** Records whose addresses are `from` and less than `units` above it are staged. */
  from = 0;
  units = 0;
  /** Where the record at `from` stands: a byte offset in `window`. */
  start = 0;
  readonly #windows: readonly Window[];

  /** `windows` are those of the log. */
  constructor(windows: readonly Window[], window: Window) {
    this.#windows = windows;
    this.window = window;
  }

  /** The window in which the record at an address stands. */
  windowOf(address: number): Window {
    return address - this.from >>> 0 < this.units ? this.window : this.#windows[address >>> 26];
  }

  /** Where in that window it begins, in bytes. */
  offsetOf(address: number): number {
    const staged = address - this.from >>> 0;
    return staged < this.units ? this.start + (staged << 4) : offsetOf(address);
  }
}
