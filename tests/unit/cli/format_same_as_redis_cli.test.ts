/**
 * Every kind of reply looks as in redis-cli, which is given the same bytes by a server that answers
 * with whatever the test wants. Both versions of the protocol, nested at random.
 */
import { assertEquals } from "@std/assert";
import { formatForTerminal, formatRaw } from "../../../src/cli/format_reply.ts";
import type { Reply } from "../../../src/protocol/reply.ts";
import { ReplyParser } from "../../../src/protocol/reply_parser.ts";
import { ScriptedServer } from "../../client/scripted_server.ts";
import { show, toBytes, toText } from "../../support/binary_text.ts";
import { hasTool, runTool } from "../../support/real_tools.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const verbatim = (text: string): string => `=${text.length + 4}\r\ntxt:${text}\r\n`;
const allBytes = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));

/** What redis-cli 7.0 knows: neither bulk errors nor big numbers, NaN and attributes. */
const chosenReplies: readonly string[] = [
  "+OK\r\n",
  "+\r\n",
  "-ERR no\r\n",
  ":-9223372036854775808\r\n",
  ":9223372036854775807\r\n",
  "$-1\r\n",
  "*-1\r\n",
  "_\r\n",
  "#t\r\n",
  "#f\r\n",
  ",3.10\r\n",
  ",1e10\r\n",
  ",-inf\r\n",
  bulk(""),
  bulk(allBytes),
  verbatim(""),
  verbatim("one\ntwo\n"),
  "*0\r\n",
  "%0\r\n",
  "~0\r\n",
  `*2\r\n-ERR in a list\r\n${bulk("x")}`,
  `*12\r\n${":1\r\n".repeat(11)}*2\r\n:1\r\n*0\r\n`,
  // The value of a map begins on a line of its own or not, depending on what it is.
  `%2\r\n+text\r\n${verbatim("one\ntwo")}+none\r\n*0\r\n`,
  `%2\r\n+one\r\n*1\r\n:1\r\n+two\r\n*2\r\n:1\r\n:2\r\n`,
  `%2\r\n+list of text\r\n*1\r\n${verbatim("one\ntwo")}+deeper\r\n*1\r\n*1\r\n*2\r\n:1\r\n:2\r\n`,
  `%2\r\n+map of text\r\n%1\r\n+k\r\n${
    verbatim("one\ntwo")
  }+deeper\r\n%1\r\n+k\r\n*2\r\n:1\r\n:2\r\n`,
  `%1\r\n*2\r\n:1\r\n:2\r\n~2\r\n:1\r\n:2\r\n`,
];

/** Replies as a server may send them: a set holds nothing twice, a map has each key once. */
class ReplyGenerator {
  readonly #random: SeededRandom;
  #unique = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  any(depth = 0): string {
    return depth < 4 && this.#random.chance(0.5) ? this.#aggregate(depth) : this.#simple();
  }

  #simple(): string {
    return this.#random.pick([
      () => "+QUEUED\r\n",
      () => `:${this.#random.between(-20, 20)}\r\n`,
      () => "_\r\n",
      () => "#t\r\n",
      () => ",2.50\r\n",
      () => "-ERR no\r\n",
      () => bulk(this.#random.bytes(this.#random.below(6))),
      () => verbatim(this.#random.pick(["", "one", "one\ntwo", "one\ntwo\n"])),
    ])();
  }

  #aggregate(depth: number): string {
    const count = this.#random.chance(0.2) ? this.#random.below(13) : this.#random.below(3);
    const elements = (make: () => string) => Array.from({ length: count }, make).join("");
    return this.#random.pick([
      () => `*${count}\r\n${elements(() => this.any(depth + 1))}`,
      () => `~${count}\r\n${elements(() => this.#member(depth + 1))}`,
      () => `%${count}\r\n${elements(() => this.#member(depth + 1) + this.any(depth + 1))}`,
    ])();
  }

  #member(depth: number): string {
    const name = bulk(`unique ${this.#unique++}`);
    return depth < 4 && this.#random.chance(0.1) ? `*2\r\n${name}${this.any(depth + 1)}` : name;
  }
}

function parse(bytes: string): Reply {
  const parser = new ReplyParser();
  parser.feed(toBytes(bytes));
  return parser.next()!;
}

/** What redis-cli prints for these replies, one after the other. */
async function theirOutput(replies: readonly string[], option: string): Promise<string> {
  await using server = await ScriptedServer.start();
  const input = "GET key\n".repeat(replies.length);
  const running = runTool("redis-cli", ["-s", server.socketPath, option], { input });
  const connection = await server.accept();
  const waiting = replies.values();
  for (let request; (request = await connection.read()) !== null;) {
    // Some versions ask for the table of commands first.
    const isForTable = request.includes("\r\nCOMMAND\r\n");
    await connection.reply(isForTable ? "*0\r\n" : waiting.next().value!);
  }
  const { stdout, stderr } = await running;
  assertEquals(stderr, "");
  return stdout;
}

/** `show` of each reply, so that a difference tells which one it is. */
async function compare(replies: readonly string[]): Promise<void> {
  const own: Readonly<Record<string, (reply: Reply) => string>> = {
    "--no-raw": (reply) => toText(new TextEncoder().encode(formatForTerminal(reply))),
    "--raw": (reply) => `${toText(formatRaw(reply))}\n`,
  };
  for (const [option, format] of Object.entries(own)) {
    let theirs = await theirOutput(replies, option);
    for (const reply of replies) {
      const text = format(parse(reply));
      assertEquals(theirs.slice(0, text.length), text, `${option}: ${show(reply)}`);
      theirs = theirs.slice(text.length);
    }
    assertEquals(theirs, "");
  }
}

Deno.test({
  name: "each kind of reply is shown as redis-cli shows it",
  ignore: !hasTool("redis-cli"),
  fn: () => compare(chosenReplies),
});

Deno.test({
  name: "replies nested at random are shown as redis-cli shows them",
  ignore: !hasTool("redis-cli"),
  async fn() {
    const generator = new ReplyGenerator(new SeededRandom(chooseSeed("nested replies")));
    await compare(Array.from({ length: 400 }, () => generator.any()));
  },
});
