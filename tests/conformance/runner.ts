/** Runs cases against a server and says where its replies differ. */
import { assert, assertEquals } from "@std/assert";
import { encodeRequest, show, toBytes } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { redisServerVersion } from "../support/real_tools.ts";
import { endOfReply } from "../support/reply_framing.ts";
import { type ServerKind, targetOfRun, TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";
import type {
  ConformanceCase,
  ConnectionName,
  Expected,
  RawExchange,
  RequestText,
  Step,
  Waiting,
} from "./case.ts";

/** The Redis whose behaviour the expectations are: other ones word some errors differently. */
const redisVersionPattern = /^7\.0\./;

/** What the suite runs over: kv, and redis-server where the right one is installed. */
export function targets(): readonly ServerKind[] {
  const redis: ServerKind[] = redisVersionPattern.test(redisServerVersion() ?? "") ? ["redis"] : [];
  // KV_TEST_TARGET=redis asks whether the expectations are right, without a kv.
  return targetOfRun() === "redis" ? redis : ["kv", ...redis];
}

/** One test for each target, with a step for each case. */
export function testConformance(group: string, cases: readonly ConformanceCase[]): void {
  for (const kind of targets()) {
    Deno.test(`${kind} conforms: ${group}`, async (t) => {
      await using server = await TestServer.start({ kind });
      for (const conformanceCase of cases) {
        await t.step(conformanceCase.name, () => runCase(server.socketPath, conformanceCase));
      }
      const { code, signal } = await server.stop();
      assertEquals({ code, signal }, { code: 0, signal: null });
    });
  }
}

/** Runs one case on an empty server, and leaves an empty one. */
export async function runCase(socketPath: string, { steps }: ConformanceCase): Promise<void> {
  using connections = new Connections(socketPath);
  using control = await RawConnection.open(socketPath);
  assert(await control.exchange("FLUSHALL") === "+OK\r\n");
  for (const step of steps) {
    if ("until" in step) await runWaiting(connections, step);
    else if ("send" in step) await runRaw(connections, control, step);
    else await runExchange(connections, step);
  }
  connections.assertAllRead();
  await control.exchange("FLUSHALL");
}

async function runExchange(
  connections: Connections,
  [request, expected, on]: Extract<Step, readonly unknown[]>,
): Promise<void> {
  const connection = await connections.get(on);
  const reply = await connection.exchange(...argumentsOf(request));
  assertReply(request, reply, expected);
}

async function runWaiting(connections: Connections, step: Waiting): Promise<void> {
  const connection = await connections.get();
  const args = argumentsOf(step.until);
  const what = `${args.join(" ")} to reply ${show(step.expected)}`;
  await until(async () => await connection.exchange(...args) === step.expected, what);
}

async function runRaw(
  connections: Connections,
  control: RawConnection,
  { send, expected, closes, on, withoutTimes }: RawExchange,
): Promise<void> {
  const connection = await connections.get(on);
  const pieces = typeof send === "string" ? [send] : send;
  for (const [i, piece] of pieces.entries()) {
    // A reply on another connection: the server has been round all of its sockets.
    if (i > 0) await control.exchange("PING");
    await sendPiece(connection, piece, closes ?? false);
  }
  let reply = "";
  if (closes) {
    reply = await connection.readUntilClosed();
    connections.forget(on);
  } else {
    for (let count = countReplies(expected); count > 0; count--) {
      reply += await connection.readReply();
    }
  }
  if (withoutTimes) reply = reply.replace(/^\+\d+\.\d{6} \[0 unix:[^\]]+\] /gm, "+");
  assertReply(pieces.join(""), reply, expected);
}

/** A server that has seen enough may close before it has read everything. */
async function sendPiece(
  connection: RawConnection,
  piece: string,
  mayClose: boolean,
): Promise<void> {
  try {
    await connection.send(piece);
  } catch (error) {
    const isClosed = error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.ConnectionReset;
    if (!mayClose || !isClosed) throw error;
  }
}

function countReplies(text: string): number {
  const bytes = toBytes(text);
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    at = endOfReply(bytes, at, bytes.length);
    assert(at > 0, "the expected bytes are whole replies");
  }
  return count;
}

function argumentsOf(request: RequestText): readonly string[] {
  return typeof request === "string" ? request.split(" ") : request;
}

function assertReply(request: RequestText, reply: string, expected: Expected): void {
  let fits: boolean;
  let described = "what the case's predicate accepts";
  if (typeof expected === "string") {
    fits = reply === expected;
    described = show(expected);
  } else if (expected instanceof RegExp) {
    fits = expected.test(reply);
    described = String(expected);
  } else {
    fits = expected(reply);
  }
  if (fits) return;
  const shown = typeof request === "string" ? show(request) : show(encodeRequest(request));
  throw new Error(
    `Wrong reply to ${shown}:\n    expected ${described}\n    received ${show(reply)}`,
  );
}

class Connections implements Disposable {
  readonly #socketPath: string;
  readonly #open = new Map<ConnectionName, RawConnection>();

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async get(name: ConnectionName = "first"): Promise<RawConnection> {
    let connection = this.#open.get(name);
    if (connection === undefined) {
      connection = await RawConnection.open(this.#socketPath);
      this.#open.set(name, connection);
    }
    return connection;
  }

  /** Lets the next use of the name open a new connection. */
  forget(name: ConnectionName = "first"): void {
    this.#open.get(name)?.close();
    this.#open.delete(name);
  }

  assertAllRead(): void {
    for (const [name, connection] of this.#open) {
      assert(!connection.hasUnread, `the ${name} connection got more replies than requests`);
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#open.values()) connection.close();
  }
}
