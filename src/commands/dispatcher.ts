/**
 * From a request to its handler: lookup, arity, transactions, errors, statistics. One dispatcher
 * serves all connections of a server, one request after the other.
 */
import type { Request } from "../protocol/request.ts";
import { StoreError } from "../store/errors.ts";
import type { CallTimer } from "./call_timer.ts";
import { pauseMode } from "./client_pause.ts";
import type { CommandContext } from "./context.ts";
import { allowsDebug, debugNotAllowed } from "./debug.ts";
import { denyRequest } from "./permission.ts";
import { allCommands, type Command, type CommandMap } from "./registry.ts";
import { describeStoreError } from "./store_error.ts";

/** Redis shows this much of an unknown command's name, and of its arguments. */
const quotedBytesMax = 128;

export const notAuthenticated = "NOAUTH Authentication required.";

const lostRights = {
  command: "no permission to execute the command or subcommand",
  key: "no permission to touch the specified keys",
  channel: "no permission to access one of the channels used as arguments to the command",
};

export class Dispatcher {
  readonly commands: CommandMap;
  /** Commands that ran. */
  processed = 0;
  /** Keys that reading commands found and did not find. */
  hits = 0;
  misses = 0;
  /** Told of errors that are bugs of the program. */
  onBug: (error: unknown, command: string) => void = () => {};
  /** Told of what an administrator should know. */
  onWarning: (message: string) => void = () => {};
  readonly timer: CallTimer;
  readonly #context: CommandContext;
  /** By their numbers. */
  readonly #numbered: readonly Command[];

  constructor(context: CommandContext, commands = allCommands()) {
    this.#context = context;
    this.commands = context.commands = commands;
    this.timer = context.timer;
    this.#numbered = commands.all();
    this.#numbered.forEach((command, i) => command.number = i);
    context.execute = (request) => this.#execute(request);
  }

  /**
   * Looks up the commands of requests that will be run soon, and tells the store of their keys. To be
   * called before the first of them is run, so that the cache misses of all overlap. `view` is of the bytes
   * of these requests.
   */
  lookAhead(requests: readonly Request[], from: number, to: number, view: DataView): void {
    const { ahead } = this.#context.store;
    for (let i = from; i < to; i++) {
      const request = requests[i];
      const { bytes, starts, ends, argc } = request;
      let command = this.commands.findNext(bytes, view, starts[0], ends[0]);
      if (command !== undefined && command.subcommands !== null) command = this.#lookUp(request);
      if (command === undefined) continue;
      request.command = command.number;
      const { firstKey, lastKey, keyStep } = command;
      if (firstKey === 0) continue;
      const last = lastKey < 0 ? argc + lastKey : Math.min(lastKey, argc - 1);
      for (let key = firstKey; key <= last; key += keyStep) {
        ahead.add(view, starts[key], ends[key]);
      }
    }
  }

  /**
   * Runs the context's request and writes its reply, which may be an error. A request that has to wait for
   * the end of a pause is not run, and its session says so.
   */
  run(): void {
    if (this.#context.session.muted > 0) this.#runMuted();
    else this.#run();
  }

  /** The same for a client that CLIENT REPLY keeps from getting replies. */
  #runMuted(): void {
    const { session, reply } = this.#context;
    const replyStart = reply.length;
    this.#run();
    // CLIENT REPLY ON, and RESET after CLIENT REPLY OFF, are replied to.
    if (session.muted === 0 || session.isPostponed) return;
    session.muted--;
    reply.length = replyStart;
    if (session.wait !== null) session.wait = session.wait.then(() => () => {});
  }

  #run(): void {
    const context = this.#context;
    const { request, session } = context;
    const { argc } = request;
    const command = this.#find(request);
    session.lastCommand = command;
    if (command === undefined) {
      this.#replyUnknown();
      return this.#noteRefusal("");
    }
    const { arity } = command;
    const isWrong = arity > 0 ? argc !== arity : argc < -arity;
    if ((isWrong || command.isUnusual) && !this.#isCallable(command, isWrong)) return;
    if (!session.mayDoAll && this.#isDenied(command)) return;
    if (session.isListening && this.#isOutOfPlace(command)) return;
    if (context.pause.mode !== pauseMode.off && this.#isKeptBack(command)) {
      session.isPostponed = true;
      return;
    }
    if (session.queue !== null) {
      if (command.isBarredFromTransactions) {
        return this.#refuse(command, "ERR Command not allowed inside a transaction");
      }
      if (command.isQueued) {
        session.enqueue(request);
        return context.reply.queued();
      }
    }
    this.#call(command);
  }

  /** Whether a command can be called like that, by anybody; otherwise that is replied. */
  #isCallable(command: Command, hasWrongArity: boolean): boolean {
    if (hasWrongArity || command.handler === null) {
      this.#refuse(command, `ERR wrong number of arguments for '${command.name}' command`);
      return false;
    }
    // What is unusual and has a handler is DEBUG.
    if (!command.isUnusual || allowsDebug(this.#context)) return true;
    this.#refuse(command, debugNotAllowed);
    return false;
  }

  /** Whether a client has no right to run a command; then that is replied. */
  #isDenied(command: Command): boolean {
    const context = this.#context;
    const { session, server } = context;
    if (!command.isForAnybody && session.owesPassword(server.access)) {
      this.#refuse(command, notAuthenticated);
      return true;
    }
    // That it is not for transactions is said rather than that it is not for this user.
    if (session.queue !== null && command.isBarredFromTransactions) return false;
    const denial = denyRequest(context, command);
    if (denial === null) return false;
    const what = denial.reason === "command"
      ? `run the '${command.name}' command`
      : `access one of the ${denial.reason}s used as arguments`;
    this.#refuse(command, `NOPERM this user has no permissions to ${what}`);
    return true;
  }

  /** Whether a client that listens, or monitors, may not run a command; then that is replied. */
  #isOutOfPlace(command: Command): boolean {
    const { session } = this.#context;
    if (session.isMonitor && (command.isReadOnly || command.isReplicated)) {
      this.#refuse(command, "ERR Replica can't interact with the keyspace");
      return true;
    }
    if (session.subscriber === null || session.protocol !== 2 || command.isForSubscribers) {
      return false;
    }
    this.#refuse(
      command,
      `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / ` +
        "RESET are allowed in this context",
    );
    return true;
  }

  /** Whether a pause is for such commands; for an EXEC, what is queued decides. */
  #isKeptBack(command: Command): boolean {
    const { pause, session } = this.#context;
    if (session.isMonitor || command.runsOthers && session.queueFailed) return false;
    if (pause.mode === pauseMode.all || command.isReplicated) return true;
    return command.runsOthers &&
      (session.queue ?? []).some((queued) => this.#find(queued)!.isReplicated);
  }

  /** The command or subcommand that a request names. */
  #find(request: Request): Command | undefined {
    return request.command >= 0 ? this.#numbered[request.command] : this.#lookUp(request);
  }

  #lookUp({ bytes, starts, ends, argc }: Request): Command | undefined {
    const command = this.commands.find(bytes, starts[0], ends[0]);
    if (command === undefined || command.subcommands === null || argc === 1) return command;
    return command.subcommands.find(bytes, starts[1], ends[1]);
  }

  #replyUnknown(): void {
    const { bytes, starts, ends } = this.#context.request;
    if (this.#isHttp()) return;
    const container = this.commands.find(bytes, starts[0], ends[0]);
    if (container === undefined) unknownCommand(this.#context);
    else unknownSubcommand(this.#context, container.name);
  }

  /**
   * What a web page has a browser send to a port of this machine begins like that, and requests could follow in it: such a
   * connection is closed, as by redis-server.
   */
  #isHttp(): boolean {
    const context = this.#context;
    if (!context.is(0, "POST") && !context.is(0, "HOST:")) return false;
    const { session } = context;
    session.closing = true;
    session.endTransaction(context.store);
    this.onWarning(
      `closed client id=${session.id} addr=${session.address}: it speaks HTTP (POST or Host:), which may be an ` +
        "attempt to have a browser send commands",
    );
    return true;
  }

  #call(command: Command): void {
    const context = this.#context;
    const { reply, store } = context;
    const replyStart = reply.length;
    const errorsBefore = reply.errors;
    const hitsBefore = store.hits;
    const missesBefore = store.misses;
    const { timer } = this;
    if (command !== timer.command) timer.switchTo(command);
    try {
      command.handler!(context);
    } catch (error) {
      // Commands may have begun their reply before a write failed.
      reply.length = replyStart;
      this.#replyFailure(error, command);
    }
    if (context.isObserved) this.#tellObservers(command);
    timer.finish(command, context);
    this.processed++;
    if (reply.errors !== errorsBefore) command.failed++;
    if (command.isReadOnly) {
      this.hits += store.hits - hitsBefore;
      this.misses += store.misses - missesBefore;
    }
  }

  /** Shows the request to who monitors, and notes the keys that a client will cache. */
  #tellObservers(command: Command): void {
    const { session, request, monitors, keyTracking } = this.#context;
    if (monitors.isOn && !command.isHidden) {
      monitors.show(request, session, this.#context.redacted);
    }
    const { tracking } = session;
    if (tracking === null) return;
    if (command.isReadOnly) keyTracking.remember(session, command.spec, request);
    tracking.noteCommand(command.name, session.queue !== null);
  }

  /** Runs a queued request for EXEC: a batch of its own within the transaction's. */
  #execute(request: Request): void {
    const context = this.#context;
    const { store } = context;
    const outer = context.request;
    const command = this.#find(request)!;
    context.request = request;
    context.isInTransaction = true;
    const replyStart = context.reply.length;
    const isMuted = context.session.muted === Infinity;
    store.beginBatch();
    try {
      if (context.session.mayDoAll || !this.#isDeniedNow(command)) this.#call(command);
      // After CLIENT REPLY OFF in the same transaction.
      if (isMuted && context.session.muted === Infinity) context.reply.length = replyStart;
    } finally {
      store.endBatch();
      context.isInTransaction = false;
      context.request = outer;
    }
  }

  /** Whether the user lost the right to run a queued command meanwhile; then that is replied. */
  #isDeniedNow(command: Command): boolean {
    const denial = denyRequest(this.#context, command);
    if (denial === null) return false;
    this.#context.reply.error(
      "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. " +
        `This command is no longer allowed for the following reason: ${lostRights[denial.reason]}`,
    );
    return true;
  }

  #replyFailure(error: unknown, command: Command): void {
    const { reply, store } = this.#context;
    store.failBatch();
    if (error instanceof StoreError) return reply.error(describeStoreError(error));
    this.onBug(error, command.name);
    const message = error instanceof Error ? error.message : String(error);
    reply.error(`ERR internal error in '${command.name}': ${message}`);
  }

  /** The request is not run. An EXEC that is refused, for whatever reason, ends the transaction. */
  #refuse(command: Command, error: string): void {
    const { session, store, reply } = this.#context;
    command.rejected++;
    if (command.name === "exec") {
      session.endTransaction(store);
      reply.error(`EXECABORT Transaction discarded because of: ${error.replace(/^ERR /, "")}`);
    } else reply.error(error);
    this.#noteRefusal(command.name);
  }

  /** Nor will a transaction be run that is being queued. */
  #noteRefusal(name: string): void {
    const { session } = this.#context;
    if (session.queue !== null) session.queueFailed = true;
    session.tracking?.noteCommand(name, session.queue !== null);
  }
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
