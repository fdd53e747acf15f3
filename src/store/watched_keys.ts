/** Keys that somebody watches for changes (WATCH), each with a version that every write raises. */
import { ByteMap } from "./byte_map.ts";

interface WatchedKey {
  version: number;
  watchers: number;
}

export class WatchedKeys {
  readonly #keys = new ByteMap<WatchedKey>();
  #lastVersion = 0;

  /** How many different keys are watched. */
  get size(): number {
    return this.#keys.size;
  }

  /** Begins to watch a key; returns its version. */
  watch(key: Uint8Array): number {
    const watched = this.#keys.get(key);
    if (watched) {
      watched.watchers++;
      return watched.version;
    }
    const version = ++this.#lastVersion;
    this.#keys.set({ version, watchers: 1 }, key);
    return version;
  }

  /** The version of a watched key; 0 for others. */
  versionOf(key: Uint8Array): number {
    return this.#keys.get(key)?.version ?? 0;
  }

  unwatch(key: Uint8Array): void {
    const watched = this.#keys.get(key);
    if (watched && --watched.watchers === 0) this.#keys.delete(key);
  }

  /** The key has changed. */
  touch(bytes: Uint8Array, start: number, end: number): void {
    const watched = this.#keys.get(bytes, start, end);
    if (watched) watched.version = ++this.#lastVersion;
  }

  /** Those of the watched keys for which `changed` says so have changed. */
  touchAll(changed: (key: Uint8Array) => boolean): void {
    for (const [key, watched] of this.#keys) {
      if (changed(key)) watched.version = ++this.#lastVersion;
    }
  }
}
