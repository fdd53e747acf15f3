/** DELPREFIX: removes all keys that begin alike, without other clients having to wait for it. */
import { beginsWith } from "../store/compare_bytes.ts";
import { StoreError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { CommandContext, Handler } from "./context.ts";
import { describeStoreError } from "./store_error.ts";

/** A slice of the work takes so long, and other clients' requests come before the next one. */
const sliceMs = 0.4;
/** Keys between two looks at the clock: 20 us, or as many reads of the disk. */
const keysPerLook = 16;

/** The way through a store's keys, of which those with a prefix are removed. */
export class PrefixDeletion {
  /** How many keys were removed. */
  removed = 0;
  /** All keys that there were at the beginning were looked at. */
  isDone = false;
  readonly #store: Store;
  readonly #prefix: Uint8Array;
  #cursor = 0;
  /** The keys with the prefix, of those that were scanned last: copies, as the first removal may write where they stand. */
  readonly #keys: Uint8Array[] = [];

  constructor(store: Store, prefix: Uint8Array) {
    this.#store = store;
    this.#prefix = prefix;
  }

  /**
   * Works for about so many milliseconds, or to the end; `store.now` is the time. Throws a StoreError as
   * `Store.remove` does; what was removed before is gone.
   */
  run(milliseconds: number): void {
    const until = performance.now() + milliseconds;
    do {
      this.#cursor = this.#store.scan(this.#cursor, keysPerLook, this.#collect);
      this.isDone = this.#cursor === 0;
      this.#removeCollected();
    } while (!this.isDone && performance.now() < until);
  }

  readonly #collect = (bytes: Uint8Array, keyStart: number, keyEnd: number): void => {
    if (!beginsWith(bytes, keyStart, keyEnd, this.#prefix)) return;
    this.#keys.push(bytes.slice(keyStart, keyEnd));
  };

  #removeCollected(): void {
    const store = this.#store;
    for (const key of this.#keys) {
      if (!store.find(key, 0, key.length)) continue;
      store.remove();
      this.removed++;
    }
    this.#keys.length = 0;
  }
}

/**
 * DELPREFIX prefix: kv's own; replies how many keys it removed. Others see it happen: keys that are set
 * meanwhile may go or stay. Within a transaction it is one step, however long that takes.
 */
function delprefix(context: CommandContext): void {
  const { store, reply, session } = context;
  const deletion = new PrefixDeletion(store, context.copy(1));
  deletion.run(context.isInTransaction ? Infinity : sliceMs);
  if (deletion.isDone) return reply.integer(deletion.removed);
  session.wait = finish(store, deletion).then(
    () => (reply) => {
      // WAITAOF waits for this, too.
      session.position = store.position;
      reply.integer(deletion.removed);
    },
    (error) => (reply) => reply.error(describeFailure(error)),
  );
}

/** The rest of the slices. What is asked of the server comes in between. */
async function finish(store: Store, deletion: PrefixDeletion): Promise<void> {
  while (!deletion.isDone) {
    await new Promise((resolve) => setTimeout(resolve));
    if (store.isClosed) {
      throw new StoreError("CLOSED", "Cannot remove the rest of the keys: the server stops");
    }
    store.pauses.begin();
    store.now = Date.now();
    deletion.run(sliceMs);
    store.tick();
    store.pauses.end();
  }
}

function describeFailure(error: unknown): string {
  if (error instanceof StoreError) return describeStoreError(error);
  return `ERR internal error in 'delprefix': ${error instanceof Error ? error.message : error}`;
}

export const prefixHandlers: Record<string, Handler> = { delprefix };
