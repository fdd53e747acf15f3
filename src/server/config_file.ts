/**
 * The configuration file, in Redis's syntax: a directive and its arguments on each line, `#` before
 * comments, quotes as in inline commands, `include` for other files.
 */
import { basename, dirname, join } from "../sys/file_path.ts";
import type { UserDefinition } from "../commands/access.ts";
import { matchGlob } from "../commands/glob.ts";
import { isNear } from "../commands/near_names.ts";
import { binaryText, bytesOfBinaryText } from "../protocol/binary_text.ts";
import { splitArguments } from "../protocol/line_arguments.ts";
import { ServerConfiguration } from "./configuration.ts";
import { fileError } from "./file_error.ts";
import { reasonOfAbsence } from "./fixed_parameters.ts";
import type { ServerSettings } from "./settings.ts";
import { loadUserFile } from "./user_file.ts";

/** Files that include each other go no deeper. */
const includeDepthMax = 16;

/** The file cannot be read, or says what cannot be; the message names it and the line. */
export class ConfigFileError extends Error {
  override readonly name = "ConfigFileError";
}

/** One line of a file. */
export interface ConfigDirective {
  /** Lower case. */
  readonly name: string;
  /** Of `user`, a character for each byte. */
  readonly args: readonly string[];
  /** Where it stands: `kv.conf:3`. */
  readonly place: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Directives that are no parameters. */
const otherDirectives = ["include", "rename-command", "user"];

/** Reads a file, and those that it includes, into the settings. Throws ConfigFileError. */
export function loadConfigFile(path: string, settings: ServerSettings): void {
  const configuration = new ServerConfiguration(settings);
  const users: UserDefinition[] = [];
  for (const directive of directivesOf(path, 0)) {
    const { name, args, place } = directive;
    let error: string | null;
    if (configuration.has(name)) error = configuration.load(directive);
    else if (name === "user") error = defineUser(directive, users);
    else if (name !== "rename-command") error = unknownDirective(name, configuration.names());
    else if (args.length !== 2) error = "wrong number of arguments";
    else error = settings.commandNames.rename(args[0], args[1]);
    if (error !== null) throw new ConfigFileError(`${place}: ${name}: ${error}`);
    settings.places.set(name, place);
  }
  loadUsers(users, settings);
}

/** Keeps it until all is read: how new users begin may be said behind it. Returns null, or what is wrong. */
function defineUser({ args, place }: ConfigDirective, users: UserDefinition[]): string | null {
  if (args.length === 0) return "wrong number of arguments";
  const [name, ...rules] = args;
  users.push({ name, args: rules, place });
  return null;
}

function loadUsers(definitions: readonly UserDefinition[], settings: ServerSettings): void {
  const { access, userFile } = settings;
  if (userFile !== "") {
    if (definitions.length > 0) {
      throw new ConfigFileError(
        `${
          definitions[0].place
        }: user: users are defined in ${userFile} (aclfile); define them there or ` +
          "here, not in both places",
      );
    }
    const error = loadUserFile(userFile, access);
    if (error !== null) {
      throw new ConfigFileError(`${settings.places.get("aclfile")}: aclfile: ${error}`);
    }
  }
  const users = access.read(definitions);
  if (!Array.isArray(users)) throw new ConfigFileError(users.errors[0]);
  for (const user of users) access.install(user);
}

/** Whether a file is named that stands for standard input. */
export function isStandardInput(path: string): boolean {
  return path === "-" || path === "/dev/stdin";
}

/** The directives of a file in their order, those of included files in the place of the inclusion. */
function* directivesOf(path: string, depth: number): Iterable<ConfigDirective> {
  const isInput = depth === 0 && isStandardInput(path);
  const shown = isInput ? "standard input" : path;
  const text = isInput ? readStandardInput() : readConfigText(path);
  for (const [i, line] of text.split("\n").entries()) {
    const place = `${shown}:${i + 1}`;
    const words = splitLine(line);
    if (words === null) throw new ConfigFileError(`${place}: unbalanced quotes`);
    if (words.length === 0) continue;
    const [first, ...rest] = words;
    const name = textOf(first).toLowerCase();
    if (name === "user") {
      // Names, keys and channels may be any bytes.
      yield { name, args: rest, place };
      continue;
    }
    const args = rest.map(textOf);
    if (name !== "include") {
      yield { name, args, place };
      continue;
    }
    if (args.length !== 1) throw new ConfigFileError(`${place}: include takes one file`);
    if (depth === includeDepthMax) {
      throw new ConfigFileError(`${place}: files include each other more than ${depth} deep`);
    }
    for (const included of matchingFiles(args[0], place)) {
      const error = fileError(included);
      if (error !== null) {
        throw new ConfigFileError(`${place}: include: Cannot read ${included}: ${error}`);
      }
      yield* directivesOf(included, depth + 1);
    }
  }
}

function readConfigText(path: string): string {
  const error = fileError(path);
  try {
    if (error === null) return binaryText(Deno.readFileSync(path));
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error));
  }
  throw unreadable(path, error);
}

function readStandardInput(): string {
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  try {
    for (let length; (length = Deno.stdin.readSync(buffer)) !== null;) {
      text += binaryText(buffer.subarray(0, length));
    }
  } catch (error) {
    throw unreadable("-", error instanceof Error ? error.message : String(error));
  }
  return text;
}

function unreadable(path: string, reason: string): ConfigFileError {
  return new ConfigFileError(`Cannot read the configuration file ${path}: ${reason}`);
}

function textOf(word: string): string {
  return decoder.decode(bytesOfBinaryText(word));
}

/** The words of a line, without comments; null when a quote is missing. Both have a character for each byte. */
export function splitLine(line: string): string[] | null {
  const trimmed = line.trim();
  if (trimmed.startsWith("#")) return [];
  const { args, state } = splitArguments(bytesOfBinaryText(trimmed));
  return state === "whole" ? args.map(binaryText) : null;
}

/** The files that `include` names: several, or none, when there are wildcards in the last part. */
function matchingFiles(path: string, place: string): string[] {
  const pattern = encoder.encode(basename(path));
  if (!/[*?[]/.test(path)) return [path];
  const folder = dirname(path);
  if (/[*?[]/.test(folder)) {
    throw new ConfigFileError(
      `${place}: include: Cannot read ${path}: wildcards are known only in a file's name`,
    );
  }
  const names: string[] = [];
  try {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const isHidden = name.startsWith(".") && !basename(path).startsWith(".");
      if (!isDirectory && !isHidden && matchGlob(pattern, encoder.encode(name), false)) {
        names.push(join(folder, name));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

function unknownDirective(name: string, known: readonly string[]): string {
  const reason = reasonOfAbsence(name);
  if (reason !== null) return `kv has no such setting: ${reason}; remove the line`;
  const near = [...known, ...otherDirectives].filter((other) => isNear(name, other));
  const question = near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
  return `there is no such directive${question}`;
}
