/** COMMAND and its subcommands: what the command table says, in the shape in which Redis says it. */
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import { isOfKeys } from "./command_keys.ts";
import type { ArgumentSpec, CommandSpec, KeyPositions } from "./command_spec.ts";
import type { CommandContext, Handler } from "./context.ts";
import { matchGlob } from "./glob.ts";
import { helpHandler } from "./help_reply.ts";
import { visitRequestKeys } from "./request_keys.ts";

const encoder = new TextEncoder();

/** COMMAND */
function command(context: CommandContext): void {
  const { reply } = context;
  const { commands } = context.commands;
  reply.array(commands.length);
  for (const { spec } of commands) replyInfo(reply, spec);
}

/** COMMAND COUNT */
function commandCount(context: CommandContext): void {
  context.reply.integer(context.commands.commands.length);
}

/** COMMAND INFO [command-name [command-name ...]] */
function commandInfo(context: CommandContext): void {
  const { reply, argc } = context;
  if (argc === 2) return command(context);
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) {
    const spec = context.commands.named(context.text(i))?.spec;
    if (spec === undefined) reply.null();
    else replyInfo(reply, spec);
  }
}

function replyInfo(reply: ReplyWriter, spec: CommandSpec): void {
  const { keys, subcommands = [] } = spec;
  reply.array(10);
  reply.bulkText(spec.name);
  reply.integer(spec.arity);
  replyStatuses(reply, spec.flags);
  // One range for all of the keys, which is what this reply had before there were key positions.
  const ranges = keys.filter(({ isUnknown }) => !isUnknown);
  reply.integer(ranges.length === 0 ? 0 : ranges[0].first);
  reply.integer(ranges.length === 0 ? 0 : ranges[ranges.length - 1].last);
  reply.integer(ranges.length === 0 ? 0 : ranges[0].step);
  replyStatuses(reply, spec.categories.map((category) => `@${category}`));
  reply.set(spec.tips.length);
  for (const tip of spec.tips) reply.bulkText(tip);
  reply.set(keys.length);
  for (const positions of keys) replyKeyPositions(reply, positions);
  reply.set(subcommands.length);
  for (const subcommand of subcommands) replyInfo(reply, subcommand);
}

function replyKeyPositions(reply: ReplyWriter, positions: KeyPositions): void {
  const { first, last, step, flags, notes, isUnknown } = positions;
  reply.map(notes === undefined ? 3 : 4);
  if (notes !== undefined) replyField(reply, "notes", notes);
  reply.bulkText("flags");
  replyStatuses(reply, flags);
  if (isUnknown) {
    for (const part of ["begin_search", "find_keys"]) {
      reply.bulkText(part);
      reply.map(2);
      replyField(reply, "type", "unknown");
      reply.bulkText("spec");
      reply.map(0);
    }
    return;
  }
  reply.bulkText("begin_search");
  reply.map(2);
  replyField(reply, "type", "index");
  reply.bulkText("spec");
  reply.map(1);
  replyNumber(reply, "index", first);
  reply.bulkText("find_keys");
  reply.map(2);
  replyField(reply, "type", "range");
  reply.bulkText("spec");
  reply.map(3);
  // Counted from the first key, unless from the end.
  replyNumber(reply, "lastkey", last < 0 ? last : last - first);
  replyNumber(reply, "keystep", step);
  replyNumber(reply, "limit", 0);
}

/** COMMAND DOCS [command-name [command-name ...]]. Unknown names are left out. */
function commandDocs(context: CommandContext): void {
  const { reply, argc, commands } = context;
  if (argc === 2) return replyAllDocs(reply, commands.commands.map(({ spec }) => spec));
  const specs: CommandSpec[] = [];
  for (let i = 2; i < argc; i++) {
    const command = commands.named(context.text(i));
    if (command !== undefined) specs.push(command.spec);
  }
  replyAllDocs(reply, specs);
}

function replyAllDocs(reply: ReplyWriter, specs: readonly CommandSpec[]): void {
  reply.map(specs.length);
  for (const spec of specs) {
    reply.bulkText(spec.name);
    replyDocs(reply, spec);
  }
}

function replyDocs(reply: ReplyWriter, spec: CommandSpec): void {
  const { deprecatedSince, replacedBy, history, subcommands } = spec;
  const optionalFields = [
    spec.complexity,
    deprecatedSince ?? spec.isForSystem,
    deprecatedSince,
    replacedBy,
    history,
    subcommands,
  ];
  const present = optionalFields.filter((field) => field !== undefined).length;
  reply.map(3 + present + (spec.arguments.length > 0 ? 1 : 0));
  replyField(reply, "summary", spec.summary);
  replyField(reply, "since", spec.since);
  replyField(reply, "group", spec.group);
  if (spec.complexity !== undefined) replyField(reply, "complexity", spec.complexity);
  if (spec.isForSystem) {
    reply.bulkText("doc_flags");
    replyStatuses(reply, ["syscmd"]);
  }
  if (deprecatedSince !== undefined) {
    reply.bulkText("doc_flags");
    replyStatuses(reply, ["deprecated"]);
    replyField(reply, "deprecated_since", deprecatedSince);
  }
  if (replacedBy !== undefined) replyField(reply, "replaced_by", replacedBy);
  if (history !== undefined) {
    reply.bulkText("history");
    reply.set(history.length);
    for (const [version, change] of history) {
      reply.array(2);
      reply.bulkText(version);
      reply.bulkText(change);
    }
  }
  if (spec.arguments.length > 0) replyArguments(reply, spec.arguments);
  if (subcommands !== undefined) {
    reply.bulkText("subcommands");
    replyAllDocs(reply, subcommands);
  }
}

function replyArguments(reply: ReplyWriter, list: readonly ArgumentSpec[]): void {
  reply.bulkText("arguments");
  reply.array(list.length);
  for (const argument of list) {
    const flags: string[] = [];
    if (argument.optional) flags.push("optional");
    if (argument.multiple) flags.push("multiple");
    if (argument.multipleToken) flags.push("multiple_token");
    const { keySpecIndex, token, since, deprecatedSince, arguments: parts } = argument;
    const optionalFields = [keySpecIndex, token, since, deprecatedSince, parts];
    const present = optionalFields.filter((field) => field !== undefined).length;
    reply.map(2 + present + (flags.length > 0 ? 1 : 0));
    replyField(reply, "name", argument.name);
    replyField(reply, "type", argument.type);
    if (keySpecIndex !== undefined) replyNumber(reply, "key_spec_index", keySpecIndex);
    if (token !== undefined) replyField(reply, "token", token);
    if (since !== undefined) replyField(reply, "since", since);
    if (deprecatedSince !== undefined) {
      replyField(reply, "deprecated_since", deprecatedSince);
    }
    if (flags.length > 0) {
      reply.bulkText("flags");
      replyStatuses(reply, flags);
    }
    if (parts !== undefined) replyArguments(reply, parts);
  }
}

/** COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>] */
function commandList(context: CommandContext): void {
  const { reply, argc } = context;
  let accepts: (spec: CommandSpec) => boolean = () => true;
  if (argc > 2) {
    if (argc !== 5 || !context.is(2, "FILTERBY")) return context.syntaxError();
    if (context.is(3, "MODULE")) accepts = () => false;
    else if (context.is(3, "ACLCAT")) {
      const category = context.text(4).toLowerCase();
      accepts = (spec) => spec.categories.includes(category);
    } else if (context.is(3, "PATTERN")) {
      const pattern = context.view(4);
      accepts = (spec) => matchGlob(pattern, encoder.encode(spec.name), true);
    } else return context.syntaxError();
  }
  const listed = context.commands.all().map(({ spec }) => spec).filter(accepts);
  reply.array(listed.length);
  for (const spec of listed) reply.bulkText(spec.name);
}

/** COMMAND GETKEYS command [arg ...] */
function commandGetkeys(context: CommandContext): void {
  replyKeysOfCommand(context, false);
}

/** COMMAND GETKEYSANDFLAGS command [arg ...] */
function commandGetkeysandflags(context: CommandContext): void {
  replyKeysOfCommand(context, true);
}

function replyKeysOfCommand(context: CommandContext, withFlags: boolean): void {
  const { reply, argc } = context;
  const spec = nestedCommand(context);
  if (spec === undefined) return reply.error("ERR Invalid command specified");
  const positions = spec.keys.filter(isOfKeys);
  if (positions.length === 0) return reply.error("ERR The command has no key arguments");
  const count = argc - 2;
  if (spec.arity > 0 ? count !== spec.arity : count < -spec.arity) {
    return reply.error("ERR Invalid number of arguments specified for command");
  }
  const found: { argument: number; flags: readonly string[] }[] = [];
  if (positions.some(({ first, last }) => (last < 0 ? count + last : last) < first)) {
    return reply.error("ERR Invalid arguments specified for command");
  }
  visitRequestKeys(context, spec, 2, (argument, flags) => found.push({ argument, flags }));
  reply.array(found.length);
  for (const { argument, flags } of found) {
    if (withFlags) reply.array(2);
    reply.bulk(
      context.request.bytes,
      context.request.starts[argument],
      context.request.ends[argument],
    );
    if (withFlags) replyStatuses(reply, flags);
  }
}

/** The command whose name, and subcommand's name, stand from argument 2 on. */
function nestedCommand(context: CommandContext): CommandSpec | undefined {
  const name = context.text(2);
  if (name.includes("|")) return undefined;
  const command = context.commands.named(name);
  if (!command?.subcommands) return command?.spec;
  return context.commands.named(`${name}|${context.text(3)}`)?.spec;
}

/** A set of words, in RESP2 an array. */
function replyStatuses(reply: ReplyWriter, words: readonly string[]): void {
  reply.set(words.length);
  for (const word of words) reply.status(word);
}

function replyField(reply: ReplyWriter, name: string, value: string): void {
  reply.bulkText(name);
  reply.bulkText(value);
}

function replyNumber(reply: ReplyWriter, name: string, value: number): void {
  reply.bulkText(name);
  reply.integer(value);
}

export const introspectionHandlers: Record<string, Handler> = {
  command,
  "command|count": commandCount,
  "command|docs": commandDocs,
  "command|getkeys": commandGetkeys,
  "command|getkeysandflags": commandGetkeysandflags,
  "command|help": helpHandler("COMMAND", [
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
  ]),
  "command|info": commandInfo,
  "command|list": commandList,
};
