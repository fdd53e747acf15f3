/**
 * Several clients that meet on one server: the same requests in the same order go to two servers, and
 * all that each client is sent is compared, asked for or not.
 */
import { show } from "../../support/binary_text.ts";
import { InstantConnection } from "../../support/instant_connection.ts";
import { RawConnection } from "../../support/raw_connection.ts";
import type { TestServer } from "../../support/test_server.ts";
import { TimeLimitError, until } from "../../support/time_limit.ts";
import { type ClientRequest, clients } from "./client_requests.ts";
import { sameMessages, type Sent } from "./sent_messages.ts";

/** How long a message may take that one of the servers has sent and the other has not. */
const messageLimitMs = 3000;

export interface MeetingDifference {
  /** Which of the requests were the last to be sent, in one write: up to this one. */
  readonly index: number;
  /** Who was sent different messages. */
  readonly client: number;
  readonly sent: Sent;
  readonly reference: Sent;
}

/** Sends the requests to both servers; neighbours of one client in one write. Returns the first difference. */
export async function meet(
  subject: TestServer,
  reference: TestServer,
  requests: readonly ClientRequest[],
): Promise<MeetingDifference | null> {
  using ours = await Guests.open(subject);
  using theirs = await Guests.open(reference);
  const manners = Array.from({ length: clients }, () => new Manners());
  for (let start = 0; start < requests.length;) {
    const { client } = requests[start];
    let end = start;
    while (end < requests.length && requests[end].client === client) end++;
    const batch = requests.slice(start, end).filter(({ args }) => manners[client].allow(args));
    start = end;
    if (batch.length === 0) continue;
    ours.send(client, batch);
    theirs.send(client, batch);
    await Promise.all([ours.settle(), theirs.settle()]);
    for (let other = 0; other < clients; other++) {
      const counts = other === client && batch.some(leavesAll);
      const [sent, expected] = await receive(ours, theirs, other, counts);
      if (!sameMessages(sent, expected, counts)) {
        return { index: end - 1, client: other, sent, reference: expected };
      }
      if (!expected.closed) continue;
      await ours.replace(other);
      await theirs.replace(other);
      manners[other] = new Manners();
    }
  }
  return null;
}

/** What both have sent to a client: when it is not the same, it may only not have come yet. */
async function receive(
  ours: Guests,
  theirs: Guests,
  client: number,
  inAnyOrder: boolean,
): Promise<[Sent, Sent]> {
  let sent = ours.received(client);
  let expected = theirs.received(client);
  if (sameMessages(sent, expected, inAnyOrder)) return [sent, expected];
  const complete = () => {
    sent = add(sent, ours.received(client));
    expected = add(expected, theirs.received(client));
    return Promise.resolve(sameMessages(sent, expected, inAnyOrder));
  };
  try {
    await until(complete, "the same messages", messageLimitMs);
  } catch (error) {
    if (!(error instanceof TimeLimitError)) throw error;
  }
  return [sent, expected];
}

function add(before: Sent, { text, closed }: Sent): Sent {
  return { text: before.text + text, closed };
}

function leavesAll({ args }: ClientRequest): boolean {
  return args.length === 1 && String(args[0]).endsWith("UNSUBSCRIBE");
}

/** What a client leaves alone, because the servers are known to differ there or redis-server is undefined. */
class Manners {
  #inTransaction = false;
  #hasSilenced = false;

  allow([name, subcommand]: ClientRequest["args"]): boolean {
    const command = name === "CLIENT" ? `${name} ${subcommand}` : String(name);
    const changesMode = command === "HELLO" || command.endsWith("SUBSCRIBE") ||
      command === "CLIENT TRACKING" || command === "CLIENT REPLY";
    if (this.#inTransaction && changesMode) return false;
    if (this.#hasSilenced && command === "QUIT") return false;
    if (command === "MULTI") this.#inTransaction = true;
    if (command === "CLIENT REPLY") this.#hasSilenced = true;
    if (command === "EXEC" || command === "DISCARD" || command === "RESET") {
      this.#inTransaction = false;
    }
    return true;
  }
}

/** The clients of one server. */
class Guests implements Disposable {
  readonly #path: string;
  readonly #control: RawConnection;
  /** Reads what it is told of and nothing else, so that what redis-server keeps of readers is never dropped. */
  readonly #tracker: RawConnection;
  readonly #connections: InstantConnection[] = [];
  /** The number of each client on this server, and of those that are gone, and whose it is. */
  readonly #names = new Map<string, string>();
  readonly #ids: string[] = [];

  private constructor(path: string, control: RawConnection, tracker: RawConnection) {
    this.#path = path;
    this.#control = control;
    this.#tracker = tracker;
  }

  static async open({ socketPath }: TestServer): Promise<Guests> {
    const control = await RawConnection.open(socketPath);
    const tracker = await RawConnection.open(socketPath);
    const guests = new Guests(socketPath, control, tracker);
    await control.exchange("CONFIG", "SET", "notify-keyspace-events", "");
    await control.exchange("FLUSHALL");
    await tracker.exchange("CLIENT", "TRACKING", "ON");
    for (let client = 0; client < clients; client++) await guests.#connect(client);
    return guests;
  }

  async #connect(client: number): Promise<void> {
    const connection = InstantConnection.open(this.#path);
    this.#connections[client] = connection;
    connection.send([["CLIENT", "ID"]]);
    let reply = "";
    await until(() => {
      reply += connection.received();
      return Promise.resolve(reply.endsWith("\r\n"));
    }, "the client's number");
    this.#ids[client] = reply.slice(1, -2);
    this.#names.set(this.#ids[client], `client ${client}`);
  }

  send(client: number, batch: readonly ClientRequest[]): void {
    const argument = (given: ClientRequest["args"][number]) =>
      typeof given === "string" ? given : this.#ids[given.numberOf];
    this.#connections[client].send(batch.map(({ args }) => args.map(argument)));
  }

  /** Waits until the server has done and sent what it was asked before: it serves in turns. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 2; turn++) await this.#control.exchange("PING");
  }

  /** What a client was sent, with the numbers of clients as names. */
  received(client: number): Sent {
    const connection = this.#connections[client];
    const text = connection.received().replace(
      /((?:redirect|redir-broken|\$2\r\nid)\r\n:)(\d+)/g,
      (_, before: string, id: string) => before + (this.#names.get(id) ?? id),
    );
    return { text, closed: connection.closed };
  }

  /** Whoever the server has sent away comes anew. */
  async replace(client: number): Promise<void> {
    this.#connections[client][Symbol.dispose]();
    await this.#connect(client);
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection[Symbol.dispose]();
    this.#control.close();
    this.#tracker.close();
  }
}

export function describeMeeting(
  requests: readonly ClientRequest[],
  { client, sent, reference }: MeetingDifference,
): string {
  const lines = requests.map(({ client, args }) => {
    const words = args.map((word) =>
      typeof word === "string" ? show(word) : `<number of client ${word.numberOf}>`
    );
    return `  client ${client}: ${words.join(" ")}`;
  });
  return `${lines.join("\n")}\n  then client ${client} was sent\n    ${showSent(sent)}\n` +
    `  and by redis-server\n    ${showSent(reference)}`;
}

function showSent({ text, closed }: Sent): string {
  return `${show(text)}${closed ? ", and the end of the connection" : ""}`;
}
