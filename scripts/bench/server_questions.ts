/** Single questions to a server: a connection for each, so that none is left open while it is measured. */
import { KeyValueClient } from "../../src/client/key_value_client.ts";
import { KeyValueConnectionError, KeyValueReplyError } from "../../src/client/errors.ts";
import { replyToText } from "../../src/protocol/reply.ts";
import { BenchError, exitStatus } from "./bench_error.ts";
import { parseInfo, type ServerInfo } from "./process_facts.ts";

const answerLimitMs = 300_000;

/** One request in Redis's protocol and its reply as text. What goes wrong is a BenchError. */
export async function exchange(socket: string, words: readonly string[]): Promise<string> {
  const signal = AbortSignal.timeout(answerLimitMs);
  try {
    await using client = await KeyValueClient.connect({ socket, reconnect: false, signal });
    return String(replyToText(await client.command(...words)));
  } catch (cause) {
    const isExpected = cause instanceof KeyValueConnectionError ||
      cause instanceof KeyValueReplyError || cause instanceof DOMException;
    if (!isExpected) throw cause;
    const what = `Cannot ask the server for ${words.join(" ")}: ${cause.message}`;
    throw new BenchError(what, exitStatus.failed, { cause });
  }
}

export async function askForInfo(socket: string): Promise<ServerInfo> {
  return parseInfo(await exchange(socket, ["INFO", "everything"]));
}

/** One line to memcached, and what it says up to `END`, or a line that stands for itself. */
export async function askMemcached(socket: string, line: string): Promise<string> {
  try {
    using connection = await Deno.connect({ transport: "unix", path: socket });
    await connection.write(new TextEncoder().encode(`${line}\r\n`));
    const buffer = new Uint8Array(64 * 1024);
    const decoder = new TextDecoder();
    let text = "";
    while (!/^(?:END|VERSION .*|OK|ERROR.*)\r\n$/m.test(text)) {
      const length = await connection.read(buffer);
      if (length === null) break;
      text += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
    return text;
  } catch (cause) {
    if (
      !(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.ConnectionRefused)
    ) {
      throw cause;
    }
    const what = `Cannot ask memcached for ${line}: ${cause.message}`;
    throw new BenchError(what, exitStatus.failed, { cause });
  }
}
