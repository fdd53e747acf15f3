/** The command line of `deno task bench`. */
import { parseArgs } from "@std/cli/parse-args";
import { BenchError, exitStatus } from "./bench_error.ts";

export interface BenchOptions {
  /** Short runs, to see that all works: the figures are rough. */
  readonly isQuick: boolean;
  /** How often each row is measured, on both servers in turn. */
  readonly rounds: number;
  /** Where all raw numbers go; undefined: nowhere. */
  readonly jsonPath: string | undefined;
  readonly isHelp: boolean;
}

/** Below three, a median is no better than any single run. */
export const roundsMin = 3;
/** An evening's worth. */
export const roundsMax = 99;
const roundsDefault = 5;
const quickRoundsDefault = roundsMin;

export const usage = `deno task bench [--quick] [--rounds N] [--json FILE]
  Measure kv against redis-server with equal durability, in turn, and quote medians

Options
  --quick      Short runs and ${quickRoundsDefault} rounds: a look at whether all works, not a measurement
  --rounds N   How often each row is measured, ${roundsMin} to ${roundsMax}; ${roundsDefault} unless given
  --json FILE  Write all raw numbers to a file
  -h, --help   Show what can be written here

The servers' folder is made in TMPDIR, or else in the current folder; it has to be on a disk.

Exit status
  0   measured, whether or not the goals are met
  1   something failed
  2   a program to measure with is missing
  64  the command line is wrong
`;

/** Reads the command line; a BenchError with the status for wrong usage says what is wrong. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    boolean: ["quick", "help"],
    string: ["rounds", "json"],
    alias: { help: "h" },
    unknown: (arg) => {
      unknown.push(arg);
      return false;
    },
  });
  const [stray] = [...unknown, ...parsed._];
  if (stray !== undefined) throw usageError(`cannot make sense of '${stray}'`);
  const isQuick = parsed.quick;
  const jsonPath = parsed.json;
  if (jsonPath === "") throw usageError("--json takes the name of a file");
  return { isQuick, rounds: parseRounds(parsed.rounds, isQuick), jsonPath, isHelp: parsed.help };
}

function parseRounds(text: string | undefined, isQuick: boolean): number {
  if (text === undefined) return isQuick ? quickRoundsDefault : roundsDefault;
  const rounds = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(rounds >= roundsMin && rounds <= roundsMax)) {
    throw usageError(`--rounds takes a number from ${roundsMin} to ${roundsMax}`);
  }
  return rounds;
}

function usageError(what: string): BenchError {
  return new BenchError(`${what}; see deno task bench --help`, exitStatus.usage);
}
