/**
 * From a request to its handler: lookup, arity, transactions, errors, statistics. One dispatcher
 * serves all connections of a server, one request after the other.
 */
import type { Request } from "../protocol/request.ts";
import { StoreError } from "../store/errors.ts";
import type { CommandContext } from "./context.ts";
import { allCommands, type Command } from "./registry.ts";
import { describeStoreError } from "./store_error.ts";

/** One call in this many is timed; a power of two. */
const timedEvery = 64;
/** Redis shows this much of an unknown command's name, and of its arguments. */
const quotedBytesMax = 128;

export class Dispatcher {
  readonly commands = allCommands();
  /** Commands that ran. */
  processed = 0;
  /** Keys that reading commands found and did not find. */
  hits = 0;
  misses = 0;
  /** Told of errors that are bugs of the program. */
  onBug: (error: unknown, command: string) => void = () => {};
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
    context.execute = (request) => this.#execute(request);
  }

  /** Runs the context's request and writes its reply, which may be an error. */
  run(): void {
    const context = this.#context;
    const { request, session } = context;
    const { argc } = request;
    const command = this.#find(request);
    if (command === undefined) return this.#refuse(null, () => this.#replyUnknown());
    const { arity } = command;
    if ((arity > 0 ? argc !== arity : argc < -arity) || command.handler === null) {
      const { name } = command;
      return this.#refuse(command, () => wrongArity(context, name));
    }
    if (session.queue !== null) {
      if (command.isBarredFromTransactions) {
        return this.#refuse(
          command,
          () => context.reply.error("ERR Command not allowed inside a transaction"),
        );
      }
      if (command.isQueued) {
        session.enqueue(request);
        return context.reply.queued();
      }
    }
    this.#call(command);
  }

  /** The command or subcommand that a request names. */
  #find({ bytes, starts, ends, argc }: Request): Command | undefined {
    const command = this.commands.find(bytes, starts[0], ends[0]);
    if (command === undefined || command.subcommands === null || argc === 1) return command;
    return command.subcommands.find(bytes, starts[1], ends[1]);
  }

  #replyUnknown(): void {
    const { bytes, starts, ends } = this.#context.request;
    const container = this.commands.find(bytes, starts[0], ends[0]);
    if (container === undefined) unknownCommand(this.#context);
    else unknownSubcommand(this.#context, container.name);
  }

  #call(command: Command): void {
    const context = this.#context;
    const { reply, store } = context;
    const replyStart = reply.length;
    const errorsBefore = reply.errors;
    const hitsBefore = store.hits;
    const missesBefore = store.misses;
    this.processed++;
    context.session.lastCommand = command.name;
    const isTimed = (command.calls++ & (timedEvery - 1)) === 0;
    const started = isTimed ? performance.now() : 0;
    try {
      command.handler!(context);
    } catch (error) {
      // Commands may have begun their reply before a write failed.
      reply.length = replyStart;
      this.#replyFailure(error, command);
    }
    if (isTimed) {
      command.timedCalls++;
      command.timedMicroseconds += (performance.now() - started) * 1000;
    }
    if (reply.errors !== errorsBefore) command.failed++;
    if (command.isReadOnly) {
      this.hits += store.hits - hitsBefore;
      this.misses += store.misses - missesBefore;
    }
  }

  /** Runs a queued request for EXEC: a batch of its own within the transaction's. */
  #execute(request: Request): void {
    const context = this.#context;
    const { store } = context;
    const outer = context.request;
    const command = this.#find(request)!;
    context.request = request;
    context.isInTransaction = true;
    store.beginBatch();
    try {
      this.#call(command);
    } finally {
      store.endBatch();
      context.isInTransaction = false;
      context.request = outer;
    }
  }

  #replyFailure(error: unknown, command: Command): void {
    const { reply, store } = this.#context;
    store.failBatch();
    if (error instanceof StoreError) return reply.error(describeStoreError(error));
    this.onBug(error, command.name);
    const message = error instanceof Error ? error.message : String(error);
    reply.error(`ERR internal error in '${command.name}': ${message}`);
  }

  /** The request is not run; a transaction that is being queued will not be either. */
  #refuse(command: Command | null, reply: () => void): void {
    if (command !== null) command.rejected++;
    const { session } = this.#context;
    if (session.queue !== null) session.queueFailed = true;
    reply();
  }
}

function wrongArity(context: CommandContext, name: string): void {
  const reason = `wrong number of arguments for '${name}' command`;
  if (name !== "exec") return context.reply.error(`ERR ${reason}`);
  // An EXEC that is refused, for whatever reason, ends the transaction.
  context.session.endTransaction(context.store);
  context.reply.error(`EXECABORT Transaction discarded because of: ${reason}`);
}

function unknownCommand(context: CommandContext): void {
  let quoted = "";
  for (let i = 1; i < context.argc && quoted.length < quotedBytesMax; i++) {
    quoted += `'${context.quoted(i, quotedBytesMax - quoted.length)}' `;
  }
  const name = context.quoted(0, quotedBytesMax);
  context.reply.errorQuotingBytes(
    `ERR unknown command '${name}', with args beginning with: ${quoted}`,
  );
}

function unknownSubcommand(context: CommandContext, container: string): void {
  const name = context.quoted(1, quotedBytesMax);
  context.reply.errorQuotingBytes(
    `ERR unknown subcommand '${name}'. Try ${container.toUpperCase()} HELP.`,
  );
}
