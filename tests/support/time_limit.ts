/** Nothing that a test waits for may take for ever. */

export class TimeLimitError extends Error {
  constructor(what: string, limitMs: number) {
    super(`Cannot wait longer for ${what}: nothing after ${limitMs} ms`);
    this.name = "TimeLimitError";
  }
}

/** What `promise` comes to, or a TimeLimitError. What was waited for goes on unless `giveUp` ends it. */
export async function withTimeLimit<T>(
  promise: Promise<T>,
  limitMs: number,
  what: string,
  giveUp: () => void = () => {},
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TimeLimitError(what, limitMs));
      giveUp();
    }, limitMs);
  });
  // Whatever comes of it after the limit is nobody's any more.
  promise.catch(() => {});
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again and again until the answer is true: for conditions that nothing reports, such as a key
 * that expires.
 */
export async function until(
  condition: () => Promise<boolean>,
  what: string,
  limitMs = 10_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!await condition()) {
    if (performance.now() > end) throw new TimeLimitError(what, limitMs);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
