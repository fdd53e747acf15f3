/**
 * How a command is written, from its table entry: the whole of it, and what may follow what is typed
 * already. The notation is that of Redis's documentation:
 *
 *     key value        words to put something in for
 *     EX seconds       capitals stand for themselves
 *     [NX | XX]        may be left out, one of them
 *     <ON | OFF>       one of them
 *     key [key ...]    one or more
 */
import type { ArgumentSpec, CommandSpec } from "./command_spec.ts";

/** Something that may, or has to, follow the words that are there. */
interface Remaining {
  readonly text: string;
  /** Words with which it can begin, where it does not begin with free text. */
  readonly tokens: readonly string[];
  readonly optional: boolean;
}

/** How far an argument, or several, reach into the words. */
interface Match {
  /** The first word that is not theirs. */
  readonly end: number;
  /** What of them can follow; means something only when `end` is the end of all words. */
  readonly remaining: readonly Remaining[];
}

/** `SET key value [NX | XX] [GET] ...` */
export function grammar(spec: CommandSpec): string {
  const name = spec.name.replace("|", " ").toUpperCase();
  return joinTexts([{ text: name }, ...argumentsOf(spec).map(remainingWhole)]);
}

/**
 * What may follow `args`, the words behind the command's name: `value [NX | XX] ...` behind `SET key`.
 * Empty when the command is whole, and when the words do not fit its grammar.
 */
export function remainingHint(spec: CommandSpec, args: readonly string[]): string {
  return joinTexts(remainingAfter(spec, args));
}

/** The options, in capitals, that may be the next word behind `args` and begin with `prefix`. */
export function completions(
  spec: CommandSpec,
  args: readonly string[],
  prefix: string,
): string[] {
  const tokens: string[] = [];
  for (const next of remainingAfter(spec, args)) {
    tokens.push(...next.tokens);
    if (!next.optional) break;
  }
  const upper = prefix.toUpperCase();
  return tokens.filter((token) => token.startsWith(upper));
}

function remainingAfter(spec: CommandSpec, args: readonly string[]): readonly Remaining[] {
  const match = matchSequence(argumentsOf(spec), args, 0);
  return match === null || match.end < args.length ? [] : match.remaining;
}

/** The arguments of a container of subcommands are their names. */
function argumentsOf(spec: CommandSpec): readonly ArgumentSpec[] {
  if (!spec.subcommands?.length) return spec.arguments;
  const names = spec.subcommands.map(({ name }): ArgumentSpec => {
    const token = name.slice(spec.name.length + 1).toUpperCase();
    return { name: token, type: "pure-token", token };
  });
  // An arity of -1: COMMAND is whole without a subcommand.
  return [{ name: "subcommand", type: "oneof", optional: spec.arity === -1, arguments: names }];
}

function joinTexts(parts: readonly { readonly text: string }[]): string {
  return parts.map((part) => part.text).join(" ");
}

// --- Notation

/** An argument of which nothing is there yet. */
function remainingWhole(argument: ArgumentSpec): Remaining {
  return { text: textOf(argument), tokens: firstTokens(argument), optional: !!argument.optional };
}

function textOf(argument: ArgumentSpec): string {
  const { token, type } = argument;
  let text = valueText(argument, token !== undefined || !argument.optional);
  if (token !== undefined && type !== "pure-token") text = `${token} ${text}`;
  if (argument.multiple) text += ` ${repetitionText(argument)}`;
  return argument.optional ? `[${text}]` : text;
}

/** An argument once, without its token. Alternatives need a bracket unless one will stand around. */
function valueText(argument: ArgumentSpec, bracketed: boolean): string {
  const parts = argument.arguments ?? [];
  switch (argument.type) {
    case "pure-token":
      return argument.token ?? argument.name;
    case "oneof": {
      const text = parts.map(textOf).join(" | ");
      return bracketed ? `<${text}>` : text;
    }
    case "block":
      return parts.map(textOf).join(" ");
    default:
      return argument.name;
  }
}

/** `[key ...]`: an argument that may come again. */
function repetitionText(argument: ArgumentSpec): string {
  const value = valueText(argument, true);
  return argument.multipleToken ? `[${argument.token} ${value} ...]` : `[${value} ...]`;
}

/** The tokens with which an argument can begin; none when it begins with free text. */
function firstTokens(argument: ArgumentSpec): readonly string[] {
  if (argument.token !== undefined) return [argument.token];
  const parts = argument.arguments ?? [];
  if (argument.type === "oneof") return parts.flatMap(firstTokens);
  return argument.type === "block" && parts.length > 0 ? firstTokens(parts[0]) : [];
}

// --- Matching. Each function returns null when the words cannot be what the grammar asks for.

/** Options next to each other may come in any order. */
function matchSequence(
  list: readonly ArgumentSpec[],
  words: readonly string[],
  start: number,
): Match | null {
  let match: Match = { end: start, remaining: [] };
  for (let i = 0; i < list.length;) {
    if (match.end === words.length) return followedBy(match, list.slice(i));
    if (!list[i].optional) {
      const next = matchArgument(list[i++], words, match.end);
      if (next === null) return null;
      match = next;
      continue;
    }
    const options: ArgumentSpec[] = [];
    while (i < list.length && list[i].optional) options.push(list[i++]);
    match = matchOptions(options, words, match.end);
    if (match.end === words.length) return followedBy(match, list.slice(i));
  }
  return match;
}

/** Takes as many of the options as the words name. */
function matchOptions(
  options: readonly ArgumentSpec[],
  words: readonly string[],
  start: number,
): Match {
  const open = [...options];
  let match: Match = { end: start, remaining: [] };
  for (let i = 0; i < open.length && match.end < words.length;) {
    const next = matchArgument(open[i], words, match.end);
    if (next === null) i++;
    else {
      match = next;
      open.splice(i, 1);
      i = 0;
    }
  }
  return followedBy(match, open);
}

function followedBy(match: Match, list: readonly ArgumentSpec[]): Match {
  return { end: match.end, remaining: [...match.remaining, ...list.map(remainingWhole)] };
}

/** One argument, as often as it comes. `start` is a word that exists. */
function matchArgument(
  argument: ArgumentSpec,
  words: readonly string[],
  start: number,
): Match | null {
  let match = matchToken(argument, words, start);
  if (match === null || !argument.multiple) return match;
  while (match.end < words.length) {
    const next: Match | null = argument.multipleToken
      ? matchToken(argument, words, match.end)
      : matchValue(argument, words, match.end);
    if (next === null) return match;
    match = next;
  }
  const more: Remaining = {
    text: repetitionText(argument),
    tokens: argument.multipleToken ? firstTokens(argument) : [],
    optional: true,
  };
  return { end: match.end, remaining: [...match.remaining, more] };
}

/** One argument once, its token first. */
function matchToken(
  argument: ArgumentSpec,
  words: readonly string[],
  start: number,
): Match | null {
  const { token } = argument;
  if (token === undefined) return matchValue(argument, words, start);
  if (words[start].toUpperCase() !== token) return null;
  return argument.type === "pure-token"
    ? { end: start + 1, remaining: [] }
    : matchValue(argument, words, start + 1);
}

/** One argument once, without its token. */
function matchValue(
  argument: ArgumentSpec,
  words: readonly string[],
  start: number,
): Match | null {
  if (start === words.length) {
    const once: ArgumentSpec = { ...argument, token: undefined, optional: false, multiple: false };
    return { end: start, remaining: [remainingWhole(once)] };
  }
  const parts = argument.arguments ?? [];
  if (argument.type === "block") return matchSequence(parts, words, start);
  if (argument.type === "oneof") {
    for (const part of parts) {
      const match = matchArgument(part, words, start);
      if (match !== null) return match;
    }
    return null;
  }
  return isOfType(argument, words[start]) ? { end: start + 1, remaining: [] } : null;
}

/** Numbers that are being typed count: a sign alone may become one. */
function isOfType(argument: ArgumentSpec, word: string): boolean {
  const isInteger = argument.type === "integer" || argument.type === "unix-time";
  return !isInteger || /^[+-]?\d*$/.test(word);
}
