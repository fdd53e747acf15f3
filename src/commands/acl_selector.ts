/**
 * One set of permissions of a user: which commands, on which keys, with which channels. A user has one of
 * his own, and may have more, each of which is enough for a request.
 *
 * Rules and patterns are strings with a character for each byte (see `binaryText`). How commands are
 * described by categories is what redis-server 7.0 does (`ACLDescribeSelectorCommandRules` in its acl.c):
 * the category that fits best first, single commands at the end.
 */
import { splitArguments } from "../protocol/line_arguments.ts";
import { binaryText, bytesOfBinaryText } from "../protocol/binary_text.ts";
import {
  aclCategories,
  type AclCommand,
  commandsInCategory,
  findAclCommand,
  numberedCommands,
} from "./acl_commands.ts";
import { matchGlobRange } from "./glob.ts";

/** What is wrong with a rule, in Redis's words. */
export const ruleError = {
  syntax: "Syntax error",
  unknownCommand: "Unknown command or category name in ACL",
  keysCoverAll:
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does " +
    "not have any effect. Try 'resetkeys' to start with an empty list of patterns",
  channelsCoverAll:
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any " +
    "effect. Try 'resetchannels' to start with an empty list of channels",
  firstArgument: "Allowing first-arg of a subcommand is not supported",
} as const;

interface KeyPattern {
  readonly text: string;
  readonly bytes: Uint8Array;
  mayRead: boolean;
  mayWrite: boolean;
}

interface ChannelPattern {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Spaces as C knows them, and NUL. */
export function hasSpaces(text: string): boolean {
  return /[ \t\n\v\f\r\0]/.test(text);
}

export class AclSelector {
  /** 1 for each command that is allowed, by its id. */
  #allowed: Uint8Array;
  /** Said by `+@all` and not taken back: commands that do not exist yet are allowed, too. */
  #allowsFuture = false;
  /** Words that a command may be called with though it is not allowed, lower case: `+select|0`. */
  #firstArguments = new Map<number, string[]>();
  #keyPatterns: KeyPattern[] = [];
  #channelPatterns: ChannelPattern[] = [];
  allowsAllCommands = false;
  allowsAllKeys = false;
  allowsAllChannels = false;

  constructor(allowsAllChannels = false) {
    this.#allowed = new Uint8Array(numberedCommands.length);
    this.allowsAllChannels = allowsAllChannels;
  }

  copy(): AclSelector {
    const copy = new AclSelector(this.allowsAllChannels);
    copy.#allowed = this.#allowed.slice();
    copy.#allowsFuture = this.#allowsFuture;
    for (const [id, words] of this.#firstArguments) copy.#firstArguments.set(id, [...words]);
    copy.#keyPatterns = this.#keyPatterns.map((pattern) => ({ ...pattern }));
    copy.#channelPatterns = [...this.#channelPatterns];
    copy.allowsAllCommands = this.allowsAllCommands;
    copy.allowsAllKeys = this.allowsAllKeys;
    return copy;
  }

  /** The selector that a text in parentheses describes, or what is wrong with it. */
  static parse(text: string, allowsAllChannels: boolean): AclSelector | string {
    const selector = new AclSelector(allowsAllChannels);
    const { args, state } = splitArguments(bytesOfBinaryText(text.slice(1, -1)));
    if (state !== "whole") return ruleError.syntax;
    for (const rule of args) {
      const error = selector.apply(binaryText(rule));
      if (error !== null) return error;
    }
    return selector;
  }

  /** Changes the permissions by one rule, such as `+get`, `~user:*`, `allchannels`; null, or an error. */
  apply(rule: string): string | null {
    switch (rule.toLowerCase()) {
      case "allkeys":
      case "~*":
        this.#resetKeys(true);
        return null;
      case "resetkeys":
        this.#resetKeys(false);
        return null;
      case "allchannels":
      case "&*":
        this.#resetChannels(true);
        return null;
      case "resetchannels":
        this.#resetChannels(false);
        return null;
      case "allcommands":
      case "+@all":
        this.#resetCommands(true);
        return null;
      case "nocommands":
      case "-@all":
        this.#resetCommands(false);
        return null;
    }
    const first = rule[0];
    if (first === "~" || first === "%") return this.#addKeyPattern(rule);
    if (first === "&") return this.#addChannelPattern(rule.slice(1));
    if (first !== "+" && first !== "-") return ruleError.syntax;
    if (rule[1] === "@") {
      const commands = commandsInCategory(rule.slice(2));
      if (commands === null) return ruleError.unknownCommand;
      for (const command of commands) this.#permit(command, first === "+");
      return null;
    }
    return first === "+"
      ? this.#addCommand(rule.slice(1))
      : this.#permitNamed(rule.slice(1), false);
  }

  #resetKeys(all: boolean): void {
    this.allowsAllKeys = all;
    this.#keyPatterns = [];
  }

  #resetChannels(all: boolean): void {
    this.allowsAllChannels = all;
    this.#channelPatterns = [];
  }

  #resetCommands(all: boolean): void {
    this.#allowed.fill(all ? 1 : 0);
    this.#allowsFuture = this.allowsAllCommands = all;
    this.#firstArguments.clear();
  }

  #addKeyPattern(rule: string): string | null {
    if (this.allowsAllKeys) return ruleError.keysCoverAll;
    let text = rule.slice(1);
    let mayRead = true;
    let mayWrite = true;
    if (rule[0] === "%") {
      const parts = /^%(r|w|rw|wr)?~([^]*)$/i.exec(rule);
      if (parts === null || parts[1] === undefined) return ruleError.syntax;
      mayRead = /r/i.test(parts[1]);
      mayWrite = /w/i.test(parts[1]);
      text = parts[2];
    }
    if (hasSpaces(text)) return ruleError.syntax;
    const known = this.#keyPatterns.find((pattern) => pattern.text === text);
    if (known !== undefined) {
      known.mayRead ||= mayRead;
      known.mayWrite ||= mayWrite;
    } else this.#keyPatterns.push({ text, bytes: bytesOfBinaryText(text), mayRead, mayWrite });
    return null;
  }

  #addChannelPattern(text: string): string | null {
    if (this.allowsAllChannels) return ruleError.channelsCoverAll;
    if (hasSpaces(text)) return ruleError.syntax;
    if (!this.#channelPatterns.some((pattern) => pattern.text === text)) {
      this.#channelPatterns.push({ text, bytes: bytesOfBinaryText(text) });
    }
    return null;
  }

  #addCommand(name: string): string | null {
    const bar = name.lastIndexOf("|");
    if (bar < 0) return this.#permitNamed(name, true);
    const command = findAclCommand(name.slice(0, bar));
    if (command === undefined) return ruleError.unknownCommand;
    if (command.isSubcommand) return ruleError.firstArgument;
    const word = name.slice(bar + 1);
    if (word === "") return ruleError.syntax;
    if (command.subcommands.length > 0) return this.#permitNamed(name, true);
    const words = this.#firstArguments.get(command.id) ?? [];
    if (!words.includes(word.toLowerCase())) words.push(word.toLowerCase());
    this.#firstArguments.set(command.id, words);
    return null;
  }

  #permitNamed(name: string, allowed: boolean): string | null {
    const command = findAclCommand(name);
    if (command === undefined) return ruleError.unknownCommand;
    this.#permit(command, allowed);
    return null;
  }

  /** Allows or forbids a command with all of its subcommands. */
  #permit({ id, subcommands }: AclCommand, allowed: boolean): void {
    for (const each of [id, ...subcommands]) {
      this.#allowed[each] = allowed ? 1 : 0;
      this.#firstArguments.delete(each);
    }
    if (!allowed) this.allowsAllCommands = false;
  }

  // --- asking ----------------------------------------------------------------------------------

  /** Whether the command may be called; `firstArgument` is the word behind its name, if there is one. */
  allowsCommand(id: number, firstArgument: () => string | null): boolean {
    if (this.allowsAllCommands || this.#allowed[id] === 1) return true;
    const words = this.#firstArguments.get(id);
    if (words === undefined) return false;
    const word = firstArgument();
    return word !== null && words.includes(word.toLowerCase());
  }

  /** Whether a key, `bytes[start, end)`, may be used in that way. */
  allowsKey(
    bytes: Uint8Array,
    start: number,
    end: number,
    { reads, writes }: { readonly reads: boolean; readonly writes: boolean },
  ): boolean {
    return this.allowsAllKeys ||
      this.#keyPatterns.some((pattern) =>
        (pattern.mayRead || !reads) && (pattern.mayWrite || !writes) &&
        matchGlobRange(pattern.bytes, bytes, start, end)
      );
  }

  /** Whether all keys may be read. */
  get mayReadAllKeys(): boolean {
    return this.allowsAllKeys ||
      this.#keyPatterns.some(({ text, mayRead }) => text === "*" && mayRead);
  }

  /** Whether all keys that begin with `prefix` may be written: only a pattern that is such a prefix says so. */
  mayWriteAllWithPrefix(prefix: string): boolean {
    return this.allowsAllKeys || this.#keyPatterns.some(({ text, mayWrite }) => {
      const stem = text.slice(0, -1);
      return mayWrite && text.endsWith("*") && !/[*?[\\]/.test(stem) && prefix.startsWith(stem);
    });
  }

  /** Whether a channel may be published to and subscribed to; a pattern has to be one of the rules itself. */
  allowsChannel(bytes: Uint8Array, start: number, end: number, isPattern: boolean): boolean {
    if (this.allowsAllChannels) return true;
    if (isPattern) {
      const text = binaryText(bytes.subarray(start, end));
      return this.#channelPatterns.some((pattern) => pattern.text === text);
    }
    return this.#channelPatterns.some((pattern) =>
      matchGlobRange(pattern.bytes, bytes, start, end)
    );
  }

  // --- describing ------------------------------------------------------------------------------

  /** As in `ACL LIST`. */
  describe(): string {
    const keys = this.describeKeys();
    const channels = this.describeChannels();
    const parts = [
      ...keys === "" ? [] : [keys],
      ...this.allowsAllChannels ? [] : ["resetchannels"],
      ...channels === "" ? [] : [channels],
      this.describeCommands(),
    ];
    return parts.join(" ");
  }

  describeKeys(): string {
    if (this.allowsAllKeys) return "~*";
    return this.#keyPatterns.map(({ text, mayRead, mayWrite }) =>
      (mayRead && mayWrite ? "~" : mayRead ? "%R~" : "%W~") + text
    ).join(" ");
  }

  describeChannels(): string {
    if (this.allowsAllChannels) return "&*";
    return this.#channelPatterns.map(({ text }) => `&${text}`).join(" ");
  }

  /** The rules that lead to these commands, from `+@all` or `-@all` on. */
  describeCommands(): string {
    const adds = !this.#allowsFuture;
    const rules = [adds ? "-@all" : "+@all"];
    const described = new AclSelector();
    described.apply(rules[0]);
    // What is not described yet.
    const rest = this.copy();
    const left = new Set(aclCategories);
    while (true) {
      const best = bestCategory(rest.#allowed, left, adds);
      if (best === null) break;
      rules.push(`${adds ? "+" : "-"}@${best}`);
      described.apply(rules.at(-1)!);
      rest.apply(`${adds ? "-" : "+"}@${best}`);
      left.delete(best);
    }
    for (const command of numberedCommands) {
      const { id, name } = command;
      const isAllowed = this.#allowed[id] === 1;
      if (isAllowed !== (described.#allowed[id] === 1)) {
        rules.push(`${isAllowed ? "+" : "-"}${name}`);
        described.#permit(command, isAllowed);
      }
      if (isAllowed) continue;
      for (const word of this.#firstArguments.get(id) ?? []) rules.push(`+${name}|${word}`);
    }
    return rules.join(" ");
  }

  /** The texts of all channel patterns. */
  channelTexts(): string[] {
    return this.#channelPatterns.map(({ text }) => text);
  }
}

/** The category that agrees most with what is left: with the fewest commands that differ, then the most that fit. */
function bestCategory(
  allowed: Uint8Array,
  categories: Iterable<string>,
  adds: boolean,
): string | null {
  let best: string | null = null;
  let leastDiffering = Infinity;
  let mostFitting = 0;
  for (const category of categories) {
    const commands = commandsInCategory(category)!;
    const on = commands.filter(({ id }) => allowed[id] === 1).length;
    const fitting = adds ? on : commands.length - on;
    const differing = commands.length - fitting;
    if (fitting <= differing || differing > leastDiffering) continue;
    if (differing === leastDiffering && fitting <= mostFitting) continue;
    best = category;
    leastDiffering = differing;
    mostFitting = fitting;
  }
  return best;
}
