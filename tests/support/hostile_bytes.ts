/** What a hostile or broken client may send: anything, and what is nearly a request. */
import { commandTable } from "../../src/commands/command_table.ts";
import type { ArgumentSpec, CommandSpec } from "../../src/commands/command_spec.ts";
import { encodeRequest } from "./binary_text.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** These do as they are told: end the server, close or stop others' connections, write files, wait. */
const excluded = /^(shutdown|backup|wait|waitaof|config\|(set|rewrite)|client\|(kill|pause))$/;

const numbers = ["0", "1", "-1", "007", "1e3", "2147483648", "-9223372036854775808"];
const edges = [
  ...numbers,
  "9223372036854775807",
  "18446744073709551616",
  "nan",
  "-inf",
  "0x10",
  "",
];
const lengths = ["-1", "0", "1", "9", "1000000", "536870912", "536870913", "99999999999999999999"];

const commands = commandTable.flatMap((spec) => spec.subcommands ?? [spec])
  .filter(({ name }) => !excluded.test(name));

/** Texts have one character for each byte. */
export class HostileBytes {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Some bytes, more often than not one request that is nearly right. */
  next(): string {
    const random = this.#random;
    const kind = random.below(10);
    if (kind === 0) return random.bytes(random.between(1, 200));
    if (kind < 5) return this.request();
    let text = this.request();
    for (let i = random.between(1, 3); i > 0; i--) text = this.#mutated(text);
    return text;
  }

  /** A request for some command with any arguments, inline now and then. */
  request(): string {
    const random = this.#random;
    const spec = random.pick(commands);
    const args = spec.name.split("|");
    const words = wordsOf(spec);
    const wanted = Math.abs(spec.arity) - args.length + (spec.arity < 0 ? random.below(5) : 0);
    const count = random.chance(0.9) ? Math.max(0, wanted) : random.below(8);
    for (let i = 0; i < count; i++) args.push(this.#argument(words));
    if (random.chance(0.1)) return `${args.join(" ")}\r\n`;
    return encodeRequest(args);
  }

  #argument(words: readonly string[]): string {
    const random = this.#random;
    const kind = random.below(10);
    if (kind < 4) return `k${random.below(8)}`;
    if (kind < 6 && words.length > 0) return random.pick(words);
    if (kind < 8) return random.pick(edges);
    return random.bytes(random.pick([0, 1, 3, 20, 300]));
  }

  #mutated(text: string): string {
    const random = this.#random;
    const at = random.below(text.length + 1);
    const end = Math.min(text.length, at + random.between(1, 8));
    switch (random.below(6)) {
      case 0:
        return text.slice(0, at) + random.bytes(end - at) + text.slice(end);
      case 1:
        return text.slice(0, at) + text.slice(end);
      case 2:
        return text.slice(0, end) + text.slice(at);
      case 3:
        return text.slice(0, at) + random.bytes(random.between(1, 4)) + text.slice(at);
      case 4:
        return text.slice(0, at);
      default: {
        const headers = [...text.matchAll(/[*$]\d+/g)];
        if (headers.length === 0) return text;
        const { 0: header, index } = random.pick(headers);
        return text.slice(0, index + 1) + random.pick(lengths) + text.slice(index + header.length);
      }
    }
  }
}

/** All words that the command's grammar knows. */
function wordsOf(spec: CommandSpec): string[] {
  const words: string[] = [];
  const collect = (specs: readonly ArgumentSpec[]) => {
    for (const { token, arguments: inner } of specs) {
      if (token) words.push(token);
      if (inner) collect(inner);
    }
  };
  collect(spec.arguments);
  return words;
}
