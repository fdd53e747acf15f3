/** What the prompt shows about the command being typed: how it goes on, and how a word may end. */
import type { CommandSpec } from "../commands/command_spec.ts";
import { commandTable, findCommand } from "../commands/command_table.ts";
import { completions, remainingHint } from "../commands/grammar.ts";
import { splitArguments } from "../protocol/line_arguments.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Words that the prompt itself knows. */
const ownWords = ["help", "clear", "exit"];

interface TypedCommand {
  readonly spec: CommandSpec;
  /** Words behind the name, or behind the names of command and subcommand. */
  readonly args: readonly string[];
}

/** The command whose name, and subcommand's name, begin `words`. */
function typedCommand(words: readonly string[]): TypedCommand | null {
  if (words.length === 0) return null;
  const spec = findCommand(words[0]);
  if (spec === undefined) return null;
  if (spec.subcommands?.length && words.length > 1) {
    const name = `${spec.name}|${words[1].toLowerCase()}`;
    const sub = spec.subcommands.find((sub) => sub.name === name);
    if (sub) return { spec: sub, args: words.slice(2) };
  }
  return { spec, args: words.slice(1) };
}

/** What may follow `line`, to be shown behind the cursor; empty when there is nothing to say. */
export function hintFor(line: string): string {
  const { args, state } = splitArguments(encoder.encode(line));
  if (state !== "whole") return "";
  const typed = typedCommand(args.map((arg) => decoder.decode(arg)));
  if (typed === null) return "";
  const hint = remainingHint(typed.spec, [...typed.args]);
  return hint === "" || line.endsWith(" ") ? hint : ` ${hint}`;
}

/** What the Tab key does to the text before the cursor. */
export interface Completion {
  /** The text, with as much added to its last word as is certain. */
  readonly line: string;
  /** The words that the last one may become, when nothing is certain. */
  readonly choices: readonly string[];
}

/** Completes the last word of `line`, in the case in which it is typed. */
export function complete(line: string): Completion {
  const { words, prefix } = candidatesFor(line);
  if (words.length === 0) return { line, choices: [] };
  const before = line.slice(0, line.length - prefix.length);
  if (words.length === 1) return { line: `${before}${words[0]} `, choices: [] };
  const common = commonPrefix(words);
  if (common !== prefix) return { line: before + common, choices: [] };
  return { line, choices: words };
}

/** What the words, two or more and sorted, begin with. */
function commonPrefix(words: readonly string[]): string {
  const first = words[0];
  const last = words[words.length - 1];
  let length = 0;
  while (length < first.length && first[length] === last[length]) length++;
  return first.slice(0, length);
}

/** The words that the last one of `line` may become, sorted, and what there is of it. */
function candidatesFor(line: string): { words: string[]; prefix: string } {
  const bytes = encoder.encode(line);
  const { args, starts, state } = splitArguments(bytes);
  if (state !== "whole") return { words: [], prefix: "" };
  const typed = args.map((arg) => decoder.decode(arg));
  const inWord = typed.length > 0 && !/\s$/.test(line);
  const prefix = inWord ? decoder.decode(bytes.subarray(starts.at(-1))) : "";
  const before = inWord ? typed.slice(0, -1) : typed;
  const upper = prefix.toUpperCase();
  const candidates = candidatesBehind(before, prefix)
    .map((word) => word.toUpperCase())
    .filter((word) => word.startsWith(upper))
    .sort();
  const model = prefix || before[0] || "";
  const isLower = model === model.toLowerCase();
  return { words: isLower ? candidates.map((word) => word.toLowerCase()) : candidates, prefix };
}

function candidatesBehind(before: readonly string[], prefix: string): string[] {
  const commandNames = () => commandTable.map((spec) => spec.name);
  if (before.length === 0) return [...commandNames(), ...ownWords];
  if (/^(help|\?)$/i.test(before[0])) return before.length === 1 ? commandNames() : [];
  const typed = typedCommand(before);
  if (typed === null) return [];
  if (typed.args.length === 0 && typed.spec.subcommands?.length) {
    return typed.spec.subcommands.map((sub) => sub.name.slice(typed.spec.name.length + 1));
  }
  return completions(typed.spec, [...typed.args], prefix);
}

/** The words in columns, as many as fit into a terminal of that width, with line feeds behind. */
export function inColumns(words: readonly string[], widthMax: number): string {
  const width = Math.max(...words.map((word) => word.length)) + 2;
  const perLine = Math.max(1, Math.floor(widthMax / width));
  const lines: string[] = [];
  for (let i = 0; i < words.length; i += perLine) {
    const row = words.slice(i, i + perLine).map((word) => word.padEnd(width));
    lines.push(`${row.join("").trimEnd()}\n`);
  }
  return lines.join("");
}
