/** A build that cannot go on, for a reason that its reader can do something about. */
export class BuildError extends Error {
  override readonly name = "BuildError";
}

const lineCharactersMax = 300;

/** Says on standard error what the build does; standard output stays the program's own. */
export function say(line: string): void {
  console.error(`build: ${line}`);
}

/** What a tool said at length, as part of a sentence. */
export function oneLine(output: string): string {
  const line = output.trim().replace(/^error: /, "").replaceAll(/\s+/g, " ");
  if (line === "") return "it does not say why";
  return line.length <= lineCharactersMax ? line : `${line.slice(0, lineCharactersMax)}...`;
}
