/** What the prompt shows about the command being typed: how it goes on, and how a word may end. */
import type { CommandSpec } from "../commands/command_spec.ts";
import { commandTable, findCommand } from "../commands/command_table.ts";
import { completions, remainingHint } from "../commands/grammar.ts";
import { splitArguments } from "./line_arguments.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Words that the prompt itself knows. */
const ownWords = ["HELP", "CLEAR", "EXIT", "QUIT"];

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

/**
 * What the last word of `line` may become, and that word: the completer of `node:readline`. Words are
 * offered in the case in which the line is typed.
 */
export function completionsFor(line: string): [string[], string] {
  const bytes = encoder.encode(line);
  const { args, starts, state } = splitArguments(bytes);
  if (state !== "whole") return [[], line];
  const words = args.map((arg) => decoder.decode(arg));
  const inWord = words.length > 0 && !/\s$/.test(line);
  const prefix = inWord ? decoder.decode(bytes.subarray(starts.at(-1))) : "";
  const before = inWord ? words.slice(0, -1) : words;
  const upper = prefix.toUpperCase();
  const candidates = candidatesBehind(before, prefix)
    .map((word) => word.toUpperCase())
    .filter((word) => word.startsWith(upper))
    .sort();
  const lower = (prefix || before[0] || "") === (prefix || before[0] || "").toLowerCase();
  const shown = candidates.map((word) => `${lower ? word.toLowerCase() : word} `);
  return [shown, prefix];
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
