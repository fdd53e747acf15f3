/** The kinds of parameters that CONFIG and the configuration file know, with Redis's error texts. */
import { quoteBytes } from "../protocol/quoted_bytes.ts";

/** What became of a new value: `apply` sets it, or `error` says why it cannot be. */
export type Checked = { readonly apply: () => void } | { readonly error: string };

export interface Parameter {
  /** As CONFIG GET shows it. */
  get(): string;
  /** Looks at a new value, and does not set it yet. */
  check(text: string): Checked;
  /** Why CONFIG SET may not set it, but only the configuration file; missing where it may. */
  readonly refusal?: "can't set immutable config" | "can't set protected config";
  /** In the configuration file, it may have several words. */
  readonly isList?: boolean;
  /** Its value is not shown in logs. */
  readonly isSecret?: boolean;
  /** How the file has it, where that is not what CONFIG GET shows. */
  inFile?(): string;
}

type Changeable = Omit<Parameter, "refusal">;

/** Only at the start. */
export function immutable(parameter: Changeable): Parameter {
  return { ...parameter, refusal: "can't set immutable config" };
}

/** Only at the start, because it decides where files are written. */
export function guarded(parameter: Changeable): Parameter {
  return { ...parameter, refusal: "can't set protected config" };
}

/**
 * What Redis can change and kv cannot. Setting it to what it is succeeds, so that scripts that make
 * sure of it go on. `normalize` gives the value's usual form, or says why it is none.
 */
export function only(
  value: string,
  reason: string,
  normalize: (text: string) => Normalized = (text) => ({ value: text.toLowerCase() }),
): Parameter {
  return {
    get: () => value,
    check(text) {
      const normalized = normalize(text);
      if ("error" in normalized) return normalized;
      if (normalized.value === value) return { apply: () => {} };
      return { error: `kv supports only '${value}' here: ${reason}` };
    },
  };
}

export function choice<T extends string>(
  values: readonly T[],
  get: () => T,
  set: (value: T) => void,
): Parameter {
  return {
    get,
    check(text) {
      const value = values.find((value) => value === text.toLowerCase());
      return value === undefined ? oneOfError(values) : { apply: () => set(value) };
    },
  };
}

export function yesNo(get: () => boolean, set: (value: boolean) => void): Parameter {
  return {
    get: () => get() ? "yes" : "no",
    check(text) {
      const normalized = checkYesNo(text);
      return "error" in normalized ? normalized : { apply: () => set(normalized.value === "yes") };
    },
  };
}

/** The limits of a number; those beyond 2^53 are bigints. */
export type Range = readonly [min: number, max: number | bigint];

export function integer(range: Range, get: () => number, set: (value: number) => void): Parameter {
  return number(range, {
    get,
    set,
    parse: parseInteger,
    hint: "couldn't be parsed into an integer",
  });
}

/** A size in bytes. */
export function memory(range: Range, get: () => number, set: (value: number) => void): Parameter {
  return {
    ...number(range, { get, set, parse: parseMemory, hint: "must be a memory value" }),
    inFile: () => formatMemory(get()),
  };
}

/** An octal number, such as the permissions of a file. */
export function octal(max: number, get: () => number, set: (value: number) => void): Parameter {
  return {
    get: () => get().toString(8),
    check(text) {
      const value = /^[0-7]{1,21}$/.test(text) ? parseInt(text, 8) : NaN;
      if (Number.isNaN(value)) return { error: "argument couldn't be parsed as an octal number" };
      if (value <= max) return { apply: () => set(value) };
      return { error: `argument must be between 0 and ${max.toString(8)} inclusive` };
    },
  };
}

interface NumberParts {
  get(): number;
  set(value: number): void;
  parse(text: string): bigint | null;
  /** What is said of what is no number. */
  readonly hint: string;
}

function number([min, max]: Range, { get, set, parse, hint }: NumberParts): Parameter {
  // A double does not hold each 64-bit number: what was set is what is shown.
  let exact = 0n;
  return {
    get: () => String(Number(exact) === get() ? exact : get()),
    check(text) {
      const value = parse(text);
      if (value === null) return { error: `argument ${hint}` };
      if (value < BigInt(min) || value > BigInt(max)) {
        return { error: `argument must be between ${min} and ${max} inclusive` };
      }
      const apply = () => {
        exact = value;
        set(Number(value));
      };
      return { apply };
    },
  };
}

/** A text, which the file has in quotes. */
export function text(get: () => string, check: (text: string) => Checked): Changeable {
  return { get, check, inFile: () => quoteInFile(get()) };
}

// --- reading and writing values --------------------------------------------------------------------

export type Normalized = { readonly value: string } | { readonly error: string };

export function checkYesNo(text: string): Normalized {
  const value = text.toLowerCase();
  if (value === "yes" || value === "no") return { value };
  return { error: "argument must be 'yes' or 'no'" };
}

export function oneOfError(values: readonly string[]): { error: string } {
  return { error: `argument(s) must be one of the following: ${values.join(", ")}` };
}

/** A 64-bit integer without leading zeros, a plus or spaces. */
function parseInteger(text: string): bigint | null {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : null;
}

const memoryUnits: Record<string, bigint> = {
  "": 1n,
  "b": 1n,
  "k": 1000n,
  "kb": 2n ** 10n,
  "m": 1000n ** 2n,
  "mb": 2n ** 20n,
  "g": 1000n ** 3n,
  "gb": 2n ** 30n,
};

/**
 * A size such as `100`, `1k` (1000) or `1kb` (1024). As in Redis, digits may be missing altogether
 * (then it is 0), what exceeds 64 bits is their largest number, and products wrap around.
 */
export function parseMemory(text: string): bigint | null {
  const match = /^(\d{0,127})([a-z]*)$/i.exec(text);
  if (match === null) return null;
  const unit = memoryUnits[match[2].toLowerCase()];
  if (unit === undefined) return null;
  const digits = match[1] === "" ? 0n : BigInt(match[1]);
  const number = digits < 2n ** 64n ? digits : 2n ** 64n - 1n;
  return BigInt.asIntN(64, number * unit);
}

/** `64mb`, where a unit leaves no rest. */
export function formatMemory(bytes: number): string {
  for (const [unit, size] of [["gb", 2 ** 30], ["mb", 2 ** 20], ["kb", 2 ** 10]] as const) {
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

/** In quotes, as the configuration file's reader takes it: the text's UTF-8, escaped. */
export function quoteInFile(text: string): string {
  return quoteBytes(new TextEncoder().encode(text));
}
