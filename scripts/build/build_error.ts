/** A build that cannot go on, for a reason that its reader can do something about. */
export class BuildError extends Error {
  override readonly name = "BuildError";
}

/** Says on standard error what the build does; standard output stays the program's own. */
export function say(line: string): void {
  console.error(`build: ${line}`);
}
