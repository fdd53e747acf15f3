/** Commands that a server runs together: MULTI, the commands, EXEC, sent in one write. */
import { ErrorReply, type Reply } from "../protocol/reply.ts";
import type { CommandArgument } from "../protocol/request_writer.ts";
import { KeyValueCommands, nameOf } from "./commands.ts";
import { KeyValueConflictError, KeyValueReplyError } from "./errors.ts";

interface CollectedCommand {
  readonly args: readonly CommandArgument[];
  readonly resolve: (reply: Reply) => void;
}

/** Sends commands in one piece, so that none of another caller gets between them. */
type Sender = (commands: readonly (readonly CommandArgument[])[]) => Promise<Reply>[];

/** Collects commands; their promises are settled when the transaction has been run. */
export class KeyValueTransaction extends KeyValueCommands {
  #collected: CollectedCommand[] | null = [];

  protected override request(args: readonly CommandArgument[]): Promise<Reply> {
    if (this.#collected === null) {
      throw new TypeError(
        "Cannot add a command to a transaction that was sent: the callback must not be asynchronous",
      );
    }
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#collected.push({ args: [...args], resolve });
    return promise;
  }

  /**
   * Sends what was collected. Rejects when the transaction was not run; the promises of its commands
   * are never settled then, so that nobody needs to handle them.
   */
  async run(send: Sender): Promise<void> {
    const collected = this.#collected ?? [];
    this.#collected = null;
    if (collected.length === 0) return;
    const commands = [["MULTI"], ...collected.map(({ args }) => args), ["EXEC"]];
    const replies = await Promise.all(send(commands));
    // The first error is the cause: EXEC's own only says that there was one.
    replies.forEach((reply, i) => {
      if (reply instanceof ErrorReply) throw new KeyValueReplyError(reply, nameOf(commands[i]));
    });
    const results = replies.at(-1)!;
    if (results === null) {
      throw new KeyValueConflictError("The transaction was not run: a watched key was changed");
    }
    if (!Array.isArray(results) || results.length !== collected.length) {
      throw new TypeError("The server answered EXEC with something else than a list of replies");
    }
    collected.forEach(({ resolve }, i) => resolve(results[i]));
  }
}
