/**
 * What a batch has done to the index, to take it back: pairs of a key's new and old address, where 0
 * stands for "none". Not an array of objects, since a batch may have millions of members.
 */
export class UndoList {
  length = 0;
  #pairs = new Int32Array(64);

  push(newAddress: number, oldAddress: number): void {
    if (this.length * 2 === this.#pairs.length) {
      const grown = new Int32Array(this.#pairs.length * 2);
      grown.set(this.#pairs);
      this.#pairs = grown;
    }
    this.#pairs[this.length * 2] = newAddress;
    this.#pairs[this.length * 2 + 1] = oldAddress;
    this.length++;
  }

  newAddress(i: number): number {
    return this.#pairs[i * 2];
  }

  oldAddress(i: number): number {
    return this.#pairs[i * 2 + 1];
  }

  clear(): void {
    this.length = 0;
    if (this.#pairs.length > 4096) this.#pairs = new Int32Array(64);
  }
}
