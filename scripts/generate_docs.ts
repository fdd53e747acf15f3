/**
 * Writes docs/commands.md from the command table, so that the page and the server cannot disagree.
 *
 *     deno run -A scripts/generate_docs.ts            write the page
 *     deno run -A scripts/generate_docs.ts --check    exit 1 if it is not what would be written
 */
import { dirname, fromFileUrl, join } from "@std/path";
import type { ArgumentSpec, CommandGroup, CommandSpec } from "../src/commands/command_spec.ts";
import { commandTable } from "../src/commands/command_table.ts";
import { grammar } from "../src/commands/grammar.ts";

const root = dirname(dirname(fromFileUrl(import.meta.url)));
const page = "docs/commands.md";
const remedy = "deno run -A scripts/generate_docs.ts";

/** In the order in which somebody new wants them; a group that is missing here is an error of the types. */
const titles: Readonly<Record<CommandGroup, string>> = {
  string: "Strings",
  bitmap: "Bits",
  generic: "Keyspace",
  transactions: "Transactions",
  pubsub: "Messages",
  hyperloglog: "Counting",
  connection: "Connection",
  server: "Server",
};
const groups = Object.entries(titles) as [CommandGroup, string][];

const introduction = `# Commands

<!-- Made from the command table by scripts/generate_docs.ts: change the table, not this page. -->

In the grammars, capitals stand for themselves and other words for what you put in; \`[ ]\` may be
left out, \`< | >\` is one of several, and \`...\` means more of the same. "Since" names the version of
Redis that brought the command, or of Valkey or kv where Redis has no such command; complexities are
given as Redis states them.
`;

function commandsPage(): string {
  const sections = groups.map(([group, title]) => {
    const specs = documented(group);
    return `## ${title}\n\n${specs.map(commandSection).join("\n")}`;
  });
  return [introduction, contents(), ...sections].join("\n");
}

/** The commands of a group; in the place of a container stand its subcommands. */
function documented(group: CommandGroup): CommandSpec[] {
  return commandTable.filter((spec) => spec.group === group).flatMap((spec) => {
    const isCommandItself = !spec.subcommands?.length || spec.arity === -1;
    return [...isCommandItself ? [spec] : [], ...spec.subcommands ?? []];
  });
}

function contents(): string {
  const lines = groups.map(([group, title]) => {
    const links = documented(group).map((spec) => `[${titleOf(spec)}](#${anchorOf(spec)})`);
    return `- [${title}](#${title.toLowerCase()}): ${links.join(", ")}\n`;
  });
  return `## Contents\n\n${lines.join("")}`;
}

function originOf({ ownToKv, ofValkey }: CommandSpec): string {
  if (ownToKv) return "kv";
  return ofValkey ? "Valkey" : "Redis";
}

function commandSection(spec: CommandSpec): string {
  const { deprecatedSince, replacedBy } = spec;
  const facts = [`Since: ${originOf(spec)} ${spec.since}`];
  if (deprecatedSince !== undefined) {
    const instead = replacedBy === undefined ? "" : `; use ${replacedBy.replace("`!", "`")}`;
    facts.push(`Deprecated since: Redis ${deprecatedSince}${instead}`);
  }
  if (spec.complexity !== undefined) facts.push(`Complexity: ${spec.complexity}`);
  const options = optionsOf(spec.arguments, undefined);
  if (options.length > 0) facts.push(`Options: ${options.join(", ")}`);
  const list = facts.map((fact) => `- ${fact}\n`).join("");
  return `### ${titleOf(spec)}\n\n    ${grammar(spec)}\n\n${
    spec.summary.replace(/\.$/, "")
  }.\n\n${list}`;
}

/** Each option by its token, with the version that brought it where that is not the command's. */
function optionsOf(list: readonly ArgumentSpec[], outerSince: string | undefined): string[] {
  return list.flatMap((argument) => {
    const since = argument.since ?? outerSince;
    const parts = argument.arguments ?? [];
    const { token } = argument;
    if (token === undefined) return optionsOf(parts, since);
    const version = since === undefined ? "" : ` (${since})`;
    const inner = argument.type === "oneof" ? optionsOf(parts, undefined) : [];
    const kinds = inner.length > 0 ? ` with ${inner.join(" or ")}` : "";
    return [`\`${token}\`${kinds}${version}`];
  });
}

function titleOf(spec: CommandSpec): string {
  return spec.name.replace("|", " ").toUpperCase();
}

function anchorOf(spec: CommandSpec): string {
  return spec.name.replace("|", "-");
}

async function currentPage(): Promise<string | null> {
  try {
    return await Deno.readTextFile(join(root, page));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

if (import.meta.main) {
  const wanted = commandsPage();
  if (!Deno.args.includes("--check")) {
    await Deno.mkdir(dirname(join(root, page)), { recursive: true });
    await Deno.writeTextFile(join(root, page), wanted);
  } else if (await currentPage() !== wanted) {
    console.error(`${page} is not what the command table says: run \`${remedy}\``);
    Deno.exit(1);
  }
}
