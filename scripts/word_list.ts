/**
 * The main job on real input: a word list is loaded by redis-cli, the server killed with SIGKILL,
 * restarted, and every value read back.
 *
 *     deno run -A scripts/word_list.ts [FILE]
 *
 * FILE has one word a line; Debian's package `wamerican` brings the one that is used otherwise.
 */
import { encodeRequest, toText } from "../tests/support/binary_text.ts";
import { RawConnection } from "../tests/support/raw_connection.ts";
import { hasTool, runTool } from "../tests/support/real_tools.ts";
import { TestServer } from "../tests/support/test_server.ts";

export const wordListDefault = "/usr/share/dict/american-english";
/** Words asked for in one pipeline. */
const readAtOnce = 1000;

export interface WordListResult {
  readonly words: number;
  /** Values that are missing or wrong after the restart: none, if all is well. */
  readonly wrong: readonly string[];
  /** Keys that the server counts after the restart. */
  readonly counted: number;
  readonly loadMs: number;
  /** From the start of the second process until it answered. */
  readonly restartMs: number;
  readonly readMs: number;
  /** What the server said when it was ready again. */
  readonly readyLine: string;
}

/** The value that goes with a word: different for each, as long as the word or longer. */
function valueOf(word: string, line: number): string {
  return `${line}:${[...word].reverse().join("")}`;
}

/** Loads the words of `path` into a new server, kills it, restarts it and compares. */
export async function runWordList(path: string): Promise<WordListResult> {
  if (!hasTool("redis-cli")) {
    throw new Error("Cannot load the words: redis-cli is missing; install Debian's redis-tools");
  }
  // One character for each byte: words have letters beyond ASCII.
  const words = [...new Set(toText(await readWords(path)).split("\n").filter((word) => word))];
  const requests = words.map((word, i) => encodeRequest(["SET", word, valueOf(word, i)])).join("");
  await using server = await TestServer.start({ kind: "kv" });

  let started = performance.now();
  const loaded = await runTool("redis-cli", ["-s", server.socketPath, "--pipe"], {
    input: requests,
    limitMs: 60_000,
  });
  const loadMs = performance.now() - started;
  if (loaded.code !== 0 || !loaded.stdout.includes(`errors: 0, replies: ${words.length}`)) {
    throw new Error(`Cannot load the words: redis-cli said ${loaded.stdout}${loaded.stderr}`);
  }

  await server.kill();
  started = performance.now();
  await server.restart();
  const restartMs = performance.now() - started;

  using connection = await RawConnection.open(server.socketPath);
  started = performance.now();
  const wrong: string[] = [];
  for (let from = 0; from < words.length; from += readAtOnce) {
    const some = words.slice(from, from + readAtOnce);
    const replies = await connection.pipeline(some.map((word) => ["GET", word]));
    replies.forEach((reply, i) => {
      const value = valueOf(some[i], from + i);
      if (reply !== `$${value.length}\r\n${value}\r\n`) wrong.push(some[i]);
    });
  }
  const readMs = performance.now() - started;
  const counted = Number(/\d+/.exec(await connection.exchange("DBSIZE"))![0]);
  const readyLine = server.stdoutText.trim();
  return { words: words.length, wrong, counted, loadMs, restartMs, readMs, readyLine };
}

async function readWords(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: name a word list, or install Debian's wamerican`, {
      cause,
    });
  }
}

if (import.meta.main) {
  const path = Deno.args[0] ?? wordListDefault;
  try {
    const result = await runWordList(path);
    const { words, wrong, counted, loadMs, restartMs, readMs, readyLine } = result;
    console.log(`${words} words loaded by redis-cli --pipe in ${loadMs.toFixed(0)} ms`);
    console.log(`killed with SIGKILL, ready again after ${restartMs.toFixed(0)} ms:`);
    console.log(`  ${readyLine}`);
    console.log(
      `${words - wrong.length} of ${words} values are right, read in ${readMs.toFixed(0)} ms`,
    );
    console.log(`${counted} keys counted`);
    if (wrong.length > 0) console.error(`wrong: ${wrong.slice(0, 10).join(", ")}`);
    if (wrong.length > 0 || counted !== words) Deno.exit(1);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
