/** `kv help`: what there is, a group of commands, or how one command or subcommand is written. */
import type { CommandSpec } from "../commands/command_spec.ts";
import { commandTable, findCommand } from "../commands/command_table.ts";
import { grammar } from "../commands/grammar.ts";
import { exitCodes } from "./exit_codes.ts";
import {
  administrationOptions,
  backupOptions,
  checkOptions,
  clientOptions,
  dashed,
  type OptionSpec,
  promptOptions,
  serveOptions,
} from "./options.ts";
import { complain, writeOutput } from "./output.ts";
import { type Subcommand, subcommands } from "./subcommands.ts";
import { didYouMean, didYouMeanWithin } from "./suggestion.ts";

const groupTitles: Readonly<Record<CommandSpec["group"], string>> = {
  string: "Strings and counters",
  bitmap: "Bits",
  generic: "Keys and expiry",
  transactions: "Transactions",
  pubsub: "Messages",
  hyperloglog: "Counting different elements",
  connection: "Connection",
  server: "Server",
};

const statuses: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: "done",
  nil: "the reply is nil: no such key, or a condition was not met",
  errorReply: "the server answered with an error, or --direct met one; it is on standard error",
  noServer: "no server could be reached, or the connection was lost",
  usage: "the command line is wrong",
  failed: "kv itself failed, or could not read its input or write its output",
};

/** Of subcommands that have statuses of their own, beside 64 and 70. */
const ownStatuses: Readonly<Record<string, readonly (readonly [code: number, text: string])[]>> = {
  serve: [
    [0, "it was stopped in order"],
    [1, "it could not start, or not stop in order; standard error says why"],
  ],
  check: [
    [0, "the store is whole, and so is its index"],
    [1, "there is damage"],
    [2, "there is no store, it cannot be read, or what is whole cannot be copied"],
    [3, "another process has it open"],
  ],
  backup: [
    [0, "the copy is made, and whole"],
    [1, "the copy is made, and has damage, as the store has, or cannot be read"],
    [2, statuses.errorReply.replace(", or --direct met one", "")],
    [3, statuses.noServer],
  ],
};

/** What `kv help` says, and whether it knows what was asked for. */
export interface HelpText {
  readonly text: string;
  readonly isKnown: boolean;
}

/** Prints the help for `words`: a command, a subcommand, or nothing. Returns the exit status. */
export function help(words: readonly string[]): number {
  const { text, isKnown } = helpText(words, isColoured());
  if (isKnown) writeOutput(text);
  else complain(text.trimEnd());
  return isKnown ? exitCodes.ok : exitCodes.usage;
}

/** The help for `words`, whole lines. */
export function helpText(words: readonly string[], coloured = false): HelpText {
  const { text, isKnown } = find(words, coloured);
  return { text: `${text}\n`, isKnown };
}

function find(words: readonly string[], coloured: boolean): HelpText {
  const style = coloured ? colours : plain;
  const wanted = words.filter((word) => word !== "");
  if (wanted.length === 0) return { text: overview(style), isKnown: true };
  const subcommand = subcommands.find(({ name }) => name === wanted[0].toLowerCase());
  if (subcommand && wanted.length === 1) {
    const texts = [describeSubcommand(subcommand, style)];
    // Some are commands of the server as well.
    const spec = findCommand(subcommand.name);
    if (spec) texts.push(describeCommand(spec, style));
    return { text: texts.join("\n\n"), isKnown: true };
  }
  const [name, sub] = wanted;
  const command = findCommand(name);
  const spec = findCommand(`${name}|${sub}`) ?? command;
  if (spec && spec === command && spec.subcommands?.length && sub !== undefined) {
    const question = didYouMeanWithin(name, sub) ?? `\`kv help ${name}\` lists them.`;
    return { text: `There is no command '${name} ${sub}'. ${question}`, isKnown: false };
  }
  if (spec) return { text: describeCommand(spec, style), isKnown: true };
  const question = didYouMean(name) ?? "`kv help` lists them all.";
  return { text: `There is no command '${name}'. ${question}`, isKnown: false };
}

const optionsOf: Readonly<Record<string, readonly OptionSpec[]>> = {
  serve: serveOptions,
  cli: promptOptions,
  check: checkOptions,
  info: administrationOptions,
  compact: administrationOptions,
  backup: backupOptions,
};

interface Style {
  title(text: string): string;
  name(text: string): string;
}

const plain: Style = { title: (text) => text, name: (text) => text };
const colours: Style = {
  title: (text) => `\x1b[1m${text}\x1b[0m`,
  name: (text) => `\x1b[36m${text}\x1b[0m`,
};

export function isColoured(): boolean {
  return Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
}

function overview(style: Style): string {
  const lines = [
    "kv keeps keys and values in one memory-mapped file and speaks Redis's protocol.",
    "",
    style.title("Usage"),
    ...columns([
      ["kv [OPTION ...] COMMAND [ARG ...]", "Run one command of the server"],
      ["kv get --direct KEY", "Read the store's files, without asking a server"],
      ["kv scan --direct [MATCH pattern] [COUNT n]", "The same for keys: n of them at most"],
      ...subcommands.map(({ grammar, summary }): Row => [grammar, summary]),
    ], style),
  ];
  for (const [group, title] of Object.entries(groupTitles)) {
    const specs = commandTable.filter((spec) => spec.group === group);
    lines.push("", style.title(title));
    lines.push(
      ...columns(specs.map((spec) => [spec.name.toUpperCase(), spec.summary.trimEnd()]), style),
    );
  }
  lines.push("", style.title("Options, before the command"), ...optionLines(clientOptions, style));
  const codes = Object.entries(exitCodes) as [keyof typeof exitCodes, number][];
  lines.push("", ...statusLines(codes.map(([name, code]) => [code, statuses[name]]), style));
  const others = Object.keys(ownStatuses).map((name) => `kv ${name}`).join(", ");
  lines.push(`  Others have ${others}: see their help`);
  lines.push("", "More on one of them: kv help COMMAND, kv SUBCOMMAND --help");
  return lines.join("\n");
}

function describeSubcommand({ name, grammar, summary }: Subcommand, style: Style): string {
  const lines = [style.title(grammar), `  ${summary}`];
  const options = optionsOf[name] ?? [];
  if (options.length > 0) lines.push("", style.title("Options"), ...optionLines(options, style));
  const own = ownStatuses[name];
  if (own !== undefined) {
    const usual = ["usage", "failed"] as const;
    const all = [...own, ...usual.map((name) => [exitCodes[name], statuses[name]] as const)];
    lines.push("", ...statusLines(all, style));
  }
  return lines.join("\n");
}

function statusLines(
  rows: readonly (readonly [code: number, text: string])[],
  style: Style,
): string[] {
  return [
    style.title("Exit status"),
    ...rows.map(([code, text]) => `  ${String(code).padEnd(4)}${text}`),
  ];
}

function describeOrigin({ ownToKv, ofValkey, since }: CommandSpec): string {
  if (ownToKv) return `kv ${since}, not in Redis`;
  return ofValkey ? `Valkey ${since}, not in Redis` : `Redis ${since}`;
}

function describeCommand(spec: CommandSpec, style: Style): string {
  const lines = [style.title(grammar(spec)), `  ${spec.summary.trimEnd()}`];
  const facts: Row[] = [
    ["group", groupTitles[spec.group]],
    ["since", describeOrigin(spec)],
    ["complexity", spec.complexity ?? "not stated"],
  ];
  if (spec.replacedBy) facts.push(["instead", spec.replacedBy.replaceAll("`", "")]);
  lines.push("", ...columns(facts, style));
  if (spec.subcommands?.length) {
    lines.push("", style.title("Subcommands"));
    lines.push(...columns(spec.subcommands.map((sub) => [grammar(sub), sub.summary]), style));
  }
  return lines.join("\n");
}

function optionLines(options: readonly OptionSpec[], style: Style): string[] {
  return columns(
    options.map(({ name, alias, value, summary }) => {
      const names = [...alias ? [alias] : [], name].map(dashed).join(", ");
      return [value === undefined ? names : `${names} ${value}`, summary];
    }),
    style,
  );
}

type Row = readonly [name: string, text: string];

/** Two columns; a name that is too long for the first one has a line of its own. */
function columns(rows: readonly Row[], style: Style): string[] {
  const widthMax = 36;
  const width = Math.min(widthMax, Math.max(...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) => {
    const shown = style.name(name);
    if (name.length > width) return [`  ${shown}`, `  ${" ".repeat(width)}  ${text}`];
    return [`  ${shown}${" ".repeat(width - name.length)}  ${text}`];
  });
}
