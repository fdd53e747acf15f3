/**
 * Functions of a C library. For each one that it loads the runtime compiles code that makes calls cheap, which takes
 * 0.2 ms: a start of kv would wait 7 ms for functions of which most are called once. So that is done for those alone that are
 * called often.
 */

type Functions = Readonly<Record<string, Deno.ForeignFunction>>;

/** Their JavaScript side, by name. */
export type ForeignFunctions<S extends Functions> = Deno.DynamicLibrary<S>["symbols"];

/**
 * Loads `functions` from the library `file`. A call of one that is in `often`, or nonblocking, takes 80 ns, of
 * another 1 us. Throws an Error when the library or one of the functions is not there.
 *
 *     const { getpid } = loadFunctions("libc.so.6", { getpid: { parameters: [], result: "i32" } }, []);
 */
export function loadFunctions<S extends Functions>(
  file: string,
  functions: S,
  often: readonly (keyof S)[],
): ForeignFunctions<S> {
  const symbols: Record<string, Deno.ForeignFunction | Deno.ForeignStatic> = {};
  for (const [name, definition] of Object.entries(functions)) {
    const isFast = definition.nonblocking || often.includes(name);
    // Of what is said to be a pointer the address is told, and nothing is compiled.
    symbols[name] = isFast ? definition : { name: definition.name ?? name, type: "pointer" };
  }
  const loaded = Deno.dlopen(file, symbols).symbols as Record<string, unknown>;
  const result: Record<string, unknown> = {};
  for (const [name, found] of Object.entries(loaded)) {
    result[name] = typeof found === "function"
      ? found
      : callable(found as Deno.PointerObject<Deno.ForeignFunction>, functions[name]);
  }
  return result as ForeignFunctions<S>;
}

function callable(
  address: Deno.PointerObject<Deno.ForeignFunction>,
  definition: Deno.ForeignFunction,
): (...values: unknown[]) => unknown {
  const pointer = new Deno.UnsafeFnPointer(address, definition);
  return pointer.call.bind(pointer) as (...values: unknown[]) => unknown;
}
