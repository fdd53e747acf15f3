/** Who takes what is received. */
export interface Receiver {
  /** Where to put what comes next: asked for when there seems to be something. Never empty, never throws. */
  space(): Uint8Array;
  /** So many bytes came; null: nothing more will. Never throws. */
  received(length: number | null): void;
  /** There was nothing yet: the space is asked for again. Never throws. */
  nothingReceived(): void;
  /** Nothing can be received any more. Never throws. */
  failed(error: unknown): void;
}

/** What a server asks of a client's socket, whatever stands between it and the client. */
export interface ClientSocket {
  readonly localAddr: Deno.Addr;
  readonly remoteAddr: Deno.Addr;
  /**
   * There is nobody any more who would read what is sent. A client behind TCP that has ended its own sending counts as gone:
   * there is no telling.
   */
  readonly isGone: boolean;
  /** Called when that becomes so; null when nobody wants to know. */
  onGone: (() => void) | null;
  /**
   * Resolves to how many bytes were received into `bytes`, null at the end of them. Throws a ConnectionError
   * when the client is gone.
   */
  read(bytes: Uint8Array): Promise<number | null>;
  /** The same without a Promise, and with space when it is needed: tells `receiver` once, later. */
  receive(receiver: Receiver): void;
  /** Sends the first `length` bytes or some of them, without waiting: returns how many. Throws as `read`. */
  sendNow(bytes: Uint8Array, length: number): number;
  /** Resolves to how many bytes were sent, at least one of them. Throws as `read`. */
  write(bytes: Uint8Array): Promise<number>;
  /** Says that nothing more is sent; what the client sends is still read. */
  closeWrite(): Promise<void>;
  /** Closes it; what reads or writes wait for does not come any more. It may be closed already. */
  close(): void;
}
