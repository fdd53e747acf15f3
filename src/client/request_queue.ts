/**
 * Requests that wait to be sent, already encoded, in one buffer. The queue outlives a connection:
 * what was not sent when one is lost goes out on the next.
 */
import { type CommandArgument, RequestWriter } from "../protocol/request_writer.ts";
import type { Reply } from "../protocol/reply.ts";
import { collectsAfter, type SpecialName, specialNameOf } from "./special_commands.ts";

/** Fewer aborted requests than this are not worth moving the others for. */
const abortedKeptMax = 64;

/** A request on its way: settled by its reply, by the loss of the connection, or by an abort. */
export class PendingRequest {
  readonly reply: Promise<Reply>;
  /** The command's name, if it needs a look. */
  readonly name: SpecialName | null;
  /** How many arguments it has behind its name: the channels of a subscription. */
  readonly argumentCount: number;
  /** Where the request's bytes stand in the queue's buffer. */
  start: number;
  end: number;
  /** A connection has it: it may have reached the server. */
  taken = false;
  /** Nobody waits for the reply any more. */
  aborted = false;

  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: unknown) => void;
  #stopListening: (() => void) | null = null;

  constructor(args: readonly CommandArgument[], start: number, end: number) {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.reply = promise;
    this.name = specialNameOf(args);
    this.argumentCount = args.length - 1;
    this.start = start;
    this.end = end;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Rejects the request as soon as `signal` is aborted; `onAbort` is told. */
  abortBy(signal: AbortSignal, onAbort: () => void): void {
    const listener = () => {
      this.#stopListening = null;
      this.aborted = true;
      this.#reject(signal.reason);
      onAbort();
    };
    signal.addEventListener("abort", listener, { once: true });
    this.#stopListening = () => signal.removeEventListener("abort", listener);
  }

  /** Gives the request its reply; without effect after an abort. */
  resolve(reply: Reply): void {
    this.#stopListening?.();
    this.#resolve(reply);
  }

  reject(error: unknown): void {
    this.#stopListening?.();
    this.#reject(error);
  }
}

/** Whether the server only collects what is sent behind these; null when they leave that as it is. */
export function lastCollects(requests: readonly PendingRequest[]): boolean | null {
  const last = requests.findLast(({ name }) => collectsAfter(name) !== null);
  return collectsAfter(last?.name ?? null);
}

/** Requests that leave in one write. */
export interface RequestBatch {
  readonly bytes: Uint8Array;
  readonly requests: readonly PendingRequest[];
}

export class RequestQueue {
  /** Called when a request is added; a connection sets it. */
  onAdd: (() => void) | null = null;

  /** One is being written to the socket while the other gathers what comes next. */
  #writer = new RequestWriter();
  #otherWriter = new RequestWriter();
  #requests: PendingRequest[] = [];
  #aborted = 0;

  /** Requests that wait. */
  get length(): number {
    return this.#requests.length - this.#aborted;
  }

  get byteLength(): number {
    return this.#writer.length;
  }

  /** Whether there is anything to take. */
  get isEmpty(): boolean {
    return this.#requests.length === 0;
  }

  /** Whether the server only collects what is added next (MULTI); null when nothing that waits says so. */
  get collects(): boolean | null {
    return lastCollects(this.#requests.filter((request) => !request.aborted));
  }

  /**
   * Adds a request. The arguments are copied at once. Aborted before it is taken, it is never sent;
   * aborted later, its reply is dropped in its turn.
   */
  add(args: readonly CommandArgument[], signal?: AbortSignal): PendingRequest {
    return this.addAll([args], signal)[0];
  }

  /** Adds requests that belong together: all, or when one of them is wrong, none. */
  addAll(
    commands: readonly (readonly CommandArgument[])[],
    signal?: AbortSignal,
  ): PendingRequest[] {
    signal?.throwIfAborted();
    const writer = this.#writer;
    const before = writer.length;
    const added: PendingRequest[] = [];
    try {
      for (const args of commands) {
        const start = writer.length;
        writer.command(args);
        added.push(new PendingRequest(args, start, writer.length));
      }
    } catch (error) {
      writer.length = before;
      throw error;
    }
    for (const request of added) {
      this.#requests.push(request);
      if (signal) {
        request.abortBy(signal, () => {
          if (!request.taken) this.#countAborted();
        });
      }
    }
    this.onAdd?.();
    return added;
  }

  /**
   * Takes all that waits. The bytes are valid until the next call but one: the caller writes one batch
   * after the other.
   */
  take(): RequestBatch {
    const writer = this.#writer;
    if (this.#aborted > 0) this.#dropAborted();
    const requests = this.#requests;
    this.#writer = this.#otherWriter;
    this.#writer.clear();
    this.#otherWriter = writer;
    this.#requests = [];
    for (const request of requests) request.taken = true;
    return { bytes: writer.bytes.subarray(0, writer.length), requests };
  }

  /** Rejects all that waits. */
  rejectAll(error: Error): void {
    for (const request of this.take().requests) request.reject(error);
  }

  /** A queue that waits for a connection must not fill up with what nobody wants: half of it at most. */
  #countAborted(): void {
    this.#aborted++;
    if (this.#aborted >= abortedKeptMax && this.#aborted * 2 > this.#requests.length) {
      this.#dropAborted();
    }
  }

  /** Moves the bytes of the requests that are still wanted together. */
  #dropAborted(): void {
    const { bytes } = this.#writer;
    let length = 0;
    this.#requests = this.#requests.filter((request) => !request.aborted);
    for (const request of this.#requests) {
      const { start, end } = request;
      bytes.copyWithin(length, start, end);
      request.start = length;
      length += end - start;
      request.end = length;
    }
    this.#writer.length = length;
    this.#aborted = 0;
  }
}
