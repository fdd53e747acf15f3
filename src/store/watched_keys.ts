/** Keys that somebody watches for changes (WATCH), each with a version that every write raises. */
const decoder = new TextDecoder("latin1");

interface WatchedKey {
  version: number;
  watchers: number;
  readonly key: Uint8Array;
}

export class WatchedKeys {
  readonly #keys = new Map<string, WatchedKey>();
  #lastVersion = 0;

  /** How many different keys are watched. */
  get size(): number {
    return this.#keys.size;
  }

  /** Begins to watch a key; returns its version. */
  watch(key: Uint8Array): number {
    const name = decoder.decode(key);
    const watched = this.#keys.get(name);
    if (watched) {
      watched.watchers++;
      return watched.version;
    }
    const version = ++this.#lastVersion;
    this.#keys.set(name, { version, watchers: 1, key: key.slice() });
    return version;
  }

  /** The version of a watched key; 0 for others. */
  versionOf(key: Uint8Array): number {
    return this.#keys.get(decoder.decode(key))?.version ?? 0;
  }

  unwatch(key: Uint8Array): void {
    const name = decoder.decode(key);
    const watched = this.#keys.get(name);
    if (watched && --watched.watchers === 0) this.#keys.delete(name);
  }

  /** The key has changed. */
  touch(bytes: Uint8Array, start: number, end: number): void {
    const watched = this.#keys.get(decoder.decode(bytes.subarray(start, end)));
    if (watched) watched.version = ++this.#lastVersion;
  }

  /** Those of the watched keys for which `changed` says so have changed. */
  touchAll(changed: (key: Uint8Array) => boolean): void {
    for (const watched of this.#keys.values()) {
      if (changed(watched.key)) watched.version = ++this.#lastVersion;
    }
  }
}
