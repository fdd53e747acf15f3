/**
 * An outside record of what one client did: what was acknowledged, and what was sent and not answered
 * when the server died. Requests of one connection are applied in order, so what is found afterwards
 * must be what was acknowledged and then the first so many of the unanswered ones.
 */

/** One change, which is one request or one transaction: keys and their new values, null for none. */
export interface Change {
  readonly requests: readonly (readonly string[])[];
  readonly effects: readonly (readonly [key: string, value: string | null])[];
}

export class Oracle {
  /** What is acknowledged. */
  readonly values = new Map<string, string>();
  #unanswered: Change[] = [];

  sent(change: Change): void {
    this.#unanswered.push(change);
  }

  /** The oldest unanswered change was acknowledged. */
  acknowledged(): void {
    const change = this.#unanswered.shift();
    if (change === undefined) throw new Error("Bug in the test: nothing was waiting for an answer");
    apply(this.values, change);
  }

  /**
   * Compares with what is found after a restart (every key that may exist, and its value), and takes
   * it over. Throws an error that says what was lost or came back.
   */
  verify(found: ReadonlyMap<string, string>): void {
    const expected = new Map(this.values);
    let difference = firstDifference(expected, found);
    for (const change of this.#unanswered) {
      if (difference === null) break;
      apply(expected, change);
      const next = firstDifference(expected, found);
      if (next === null) difference = null;
    }
    if (difference !== null) {
      throw new Error(
        `Lost or changed: ${difference} (compared with what was acknowledged; ` +
          `${this.#unanswered.length} unanswered changes do not explain it)`,
      );
    }
    this.values.clear();
    for (const [key, value] of found) this.values.set(key, value);
    this.#unanswered = [];
  }
}

function apply(values: Map<string, string>, { effects }: Change): void {
  for (const [key, value] of effects) {
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
}

function firstDifference(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): string | null {
  for (const [key, value] of expected) {
    if (found.get(key) !== value) {
      return `${key} should be ${brief(value)}, is ${brief(found.get(key))}`;
    }
  }
  for (const [key, value] of found) {
    if (!expected.has(key)) return `${key} should not exist, is ${brief(value)}`;
  }
  return null;
}

function brief(value: string | undefined): string {
  if (value === undefined) return "missing";
  return `"${value.slice(0, 24)}" (${value.length} bytes)`;
}
