/** Stops on a bug of the engine. What a damaged file or a failing disk can cause is no assertion. */
export function assert(condition: boolean, expectation: string): asserts condition {
  if (!condition) throw new Error(`Bug in kv: expected that ${expectation}; please report it`);
}
