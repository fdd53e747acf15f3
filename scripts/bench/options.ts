/** The command line of `deno task bench`. */
import { parseArgs } from "@std/cli/parse-args";
import { BenchError, exitStatus } from "./bench_error.ts";

export interface BenchOptions {
  /** Rows and groups of the table; none: the default ones. */
  readonly names: readonly string[];
  readonly isAll: boolean;
  readonly isList: boolean;
  /** Short runs of few keys, to see that all works: the figures are rough, and not kept. */
  readonly isQuick: boolean;
  /** How often each row is measured, on all sides in turn. */
  readonly rounds: number;
  /** How long a run of reads takes; one of writes takes longer. */
  readonly runSeconds: number;
  /** Where all raw numbers go; undefined: nowhere. */
  readonly jsonPath: string | undefined;
  /** Keep the results in docs/benchmarks/, and write the page from them. */
  readonly isSaved: boolean;
  /** Write the page from the results that are kept, without measuring. */
  readonly isPageOnly: boolean;
  /** A revision, or the folder of a checkout, to compare this one with. */
  readonly against: string | undefined;
  /** A goal that is missed is a failure. */
  readonly isStrict: boolean;
  readonly isHelp: boolean;
}

/** An evening's worth. */
export const roundsMax = 99;
const roundsDefault = 5;
const quickRoundsDefault = 2;
/** Two syncs of `everysec` at least are within a run: with one or none in it, its rate is one of chance. */
const runSecondsDefault = 2;
const quickRunSeconds = 0.1;
const runSecondsMax = 60;
/** With fewer pairs, no interval of 95% can be told. */
export const againstRoundsMin = 6;
const againstRoundsDefault = 12;

export const usage = `deno task bench [NAME ...] [--rounds N] [--save] [--json FILE]
  Measure kv against others, all sides in turn, and quote medians

  NAME is a row or a group of the table that --list shows; without one, the speed and cost targets
  are measured, in about half an hour. The other servers are as durable as kv, where they can be.

Options
  --list             Show the table: what can be measured, with its goals
  --all              All of the table, which takes about an hour and a half
  --rounds N         How often each row is measured, 1 to ${roundsMax}; ${roundsDefault} unless given
  --seconds N        How long a run of requests takes, ${quickRunSeconds} to ${runSecondsMax}; ${runSecondsDefault} unless given
  --quick            Short runs, few keys, ${quickRoundsDefault} rounds: a look at whether all works
  --save             Keep the results in docs/benchmarks/results.json, and write the page from them
  --write-docs       Write the page and the plots from the results that are kept; measure nothing
  --against CHECKOUT Compare with another checkout of kv: a revision or a folder; at least
                     ${againstRoundsMin} rounds, ${againstRoundsDefault} unless given
  --strict           Exit with 3 if a goal is missed
  --json FILE        Write all raw numbers to a file
  -h, --help         Show what can be written here

The servers' folder is made in TMPDIR, or else in the current folder; it has to be on a disk.

Exit status
  0   measured
  1   something failed
  2   a program to measure with is missing
  3   a goal is missed (with --strict)
  64  the command line is wrong
`;

/** Reads the command line; a BenchError with the status for wrong usage says what is wrong. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    boolean: ["quick", "help", "all", "list", "save", "write-docs", "strict"],
    string: ["rounds", "seconds", "json", "against"],
    alias: { help: "h" },
    unknown: (arg) => {
      if (!arg.startsWith("-")) return true;
      unknown.push(arg);
      return false;
    },
  });
  const [stray] = unknown;
  if (stray !== undefined) throw usageError(`cannot make sense of '${stray}'`);
  const { quick: isQuick, json: jsonPath, against } = parsed;
  const names = parsed._.map(String);
  const isAll = parsed.all;
  if (jsonPath === "") throw usageError("--json takes the name of a file");
  if (against === "") throw usageError("--against takes a revision or a folder");
  if (isAll && names.length > 0) throw usageError("--all and names exclude each other");
  if (parsed.save && isQuick) throw usageError("--save keeps no --quick results");
  if (parsed.save && against !== undefined) throw usageError("--save keeps no comparison");
  return {
    names,
    isAll,
    isList: parsed.list,
    isQuick,
    rounds: parseRounds(parsed.rounds, { isQuick, isAgainst: against !== undefined }),
    runSeconds: parseSeconds(parsed.seconds, isQuick),
    jsonPath,
    isSaved: parsed.save,
    isPageOnly: parsed["write-docs"],
    against,
    isStrict: parsed.strict,
    isHelp: parsed.help,
  };
}

function parseRounds(
  text: string | undefined,
  { isQuick, isAgainst }: { readonly isQuick: boolean; readonly isAgainst: boolean },
): number {
  const roundsMin = isAgainst ? againstRoundsMin : 1;
  if (text === undefined) {
    if (isAgainst) return isQuick ? againstRoundsMin : againstRoundsDefault;
    return isQuick ? quickRoundsDefault : roundsDefault;
  }
  const rounds = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(rounds >= roundsMin && rounds <= roundsMax)) {
    throw usageError(`--rounds takes a number from ${roundsMin} to ${roundsMax}`);
  }
  return rounds;
}

function parseSeconds(text: string | undefined, isQuick: boolean): number {
  if (text === undefined) return isQuick ? quickRunSeconds : runSecondsDefault;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds >= quickRunSeconds && seconds <= runSecondsMax)) {
    throw usageError(`--seconds takes a number from ${quickRunSeconds} to ${runSecondsMax}`);
  }
  return seconds;
}

export function usageError(what: string): BenchError {
  return new BenchError(`${what}; see deno task bench --help`, exitStatus.usage);
}
