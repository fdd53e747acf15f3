/**
 * The faces of the `@std` packages that kv uses. deno.json maps the names to a copy of these packages
 * on npm, which ships without types; this file gives the functions used theirs, in the words of the
 * originals. With `jsr:` addresses in deno.json, which bring their own types, delete this file and
 * the line under `compilerOptions` that names it: nothing else changes.
 */

declare module "@std/assert" {
  // deno-lint-ignore no-explicit-any -- any arguments at all: that is what the original takes.
  type AnyConstructor<T> = abstract new (...args: any[]) => T;

  export class AssertionError extends Error {
    constructor(message: string, options?: ErrorOptions);
  }
  /** True when the two are deeply equal. */
  export function equal(a: unknown, b: unknown): boolean;
  export function fail(msg?: string): never;
  export function unreachable(msg?: string): never;
  export function assert(expr: unknown, msg?: string): asserts expr;
  export function assertFalse(expr: unknown, msg?: string): asserts expr is false;
  export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertStrictEquals<T>(
    actual: unknown,
    expected: T,
    msg?: string,
  ): asserts actual is T;
  export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;
  export function assertInstanceOf<T>(
    actual: unknown,
    expectedType: AnyConstructor<T>,
    msg?: string,
  ): asserts actual is T;
  export function assertNotInstanceOf<A, T>(
    actual: A,
    unexpectedType: AnyConstructor<T>,
    msg?: string,
  ): asserts actual is Exclude<A, T>;
  export function assertAlmostEquals(
    actual: number,
    expected: number,
    tolerance?: number,
    msg?: string,
  ): void;
  export function assertGreater<T>(actual: T, expected: T, msg?: string): void;
  export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;
  export function assertLess<T>(actual: T, expected: T, msg?: string): void;
  export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;
  export function assertMatch(actual: string, expected: RegExp, msg?: string): void;
  export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;
  export function assertStringIncludes(actual: string, expected: string, msg?: string): void;
  export function assertArrayIncludes<T>(
    actual: ArrayLike<T>,
    expected: ArrayLike<T>,
    msg?: string,
  ): void;
  export function assertObjectMatch(
    actual: Record<PropertyKey, unknown>,
    expected: Record<PropertyKey, unknown>,
    msg?: string,
  ): void;
  export function assertIsError<E extends Error = Error>(
    error: unknown,
    ErrorClass?: AnyConstructor<E>,
    msgMatches?: string | RegExp,
    msg?: string,
  ): asserts error is E;
  export function assertThrows(fn: () => unknown, msg?: string): unknown;
  export function assertThrows<E extends Error = Error>(
    fn: () => unknown,
    ErrorClass: AnyConstructor<E>,
    msgIncludes?: string,
    msg?: string,
  ): E;
  export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
  export function assertRejects<E extends Error = Error>(
    fn: () => PromiseLike<unknown>,
    ErrorClass: AnyConstructor<E>,
    msgIncludes?: string,
    msg?: string,
  ): Promise<E>;
}

declare module "@std/cli/parse-args" {
  export interface ParseOptions<
    Booleans extends string,
    Strings extends string,
    Collected extends string,
  > {
    /** Put what stands behind `--` into a property of that name instead of `_`. */
    "--"?: boolean;
    alias?: Record<string, string | readonly string[]>;
    boolean?: boolean | Booleans | readonly Booleans[];
    string?: Strings | readonly Strings[];
    /** Options that may be given several times; each comes as an array. */
    collect?: Collected | readonly Collected[];
    default?: Record<string, unknown>;
    /** Boolean options that `--no-NAME` turns off. */
    negatable?: string | readonly string[];
    /** Everything from the first argument that is no option goes to `_` as it is. */
    stopEarly?: boolean;
    /** Called for each option that is not named above; false leaves it out of the result. */
    unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  }

  export type Args<
    Booleans extends string,
    Strings extends string,
    Collected extends string,
  > =
    & { [Name in Booleans]: boolean }
    & { [Name in Exclude<Strings, Collected>]: string | undefined }
    & { [Name in Collected]: string[] }
    & { _: (string | number)[]; "--"?: string[] }
    & Record<string, unknown>;

  export function parseArgs<
    const Booleans extends string = never,
    const Strings extends string = never,
    const Collected extends string = never,
  >(
    args: readonly string[],
    options?: ParseOptions<Booleans, Strings, Collected>,
  ): Args<Booleans, Strings, Collected>;
}

declare module "@std/path" {
  export interface ParsedPath {
    root: string;
    dir: string;
    base: string;
    ext: string;
    name: string;
  }
  export const SEPARATOR: "/" | "\\";
  export function basename(path: string | URL, suffix?: string): string;
  export function dirname(path: string | URL): string;
  export function extname(path: string | URL): string;
  export function fromFileUrl(url: string | URL): string;
  export function toFileUrl(path: string): URL;
  export function isAbsolute(path: string): boolean;
  export function join(path?: string | URL, ...paths: string[]): string;
  export function normalize(path: string | URL): string;
  export function parse(path: string): ParsedPath;
  export function relative(from: string, to: string): string;
  export function resolve(...paths: string[]): string;
}
