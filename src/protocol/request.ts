const noBytes = new Uint8Array(0);

/**
 * One request: argument 0 is the command's name. The arguments are ranges of `bytes`, which belongs
 * to the connection (or to a transaction's queue): they are valid until the handler returns.
 */
export interface Request {
  bytes: Uint8Array;
  /** How many arguments, the command's name included. */
  argc: number;
  /** Where argument i starts in `bytes`; its length is at least `argc`. */
  starts: Int32Array;
  /** Where argument i ends in `bytes` (exclusive). */
  ends: Int32Array;
  /** The command that it was found to name, by the dispatcher's numbers; -1: it was not looked up. */
  command: number;
}

/** A request without arguments, with room for some. */
export function emptyRequest(argumentsMax = 0): Request {
  return {
    bytes: noBytes,
    argc: 0,
    starts: new Int32Array(argumentsMax),
    ends: new Int32Array(argumentsMax),
    command: -1,
  };
}

/** A request of its own, copied out of another. */
export function copyRequest(source: Request): Request {
  const { argc, starts, ends } = source;
  let total = 0;
  for (let i = 0; i < argc; i++) total += ends[i] - starts[i];
  const copy: Request = {
    bytes: new Uint8Array(total),
    argc,
    starts: new Int32Array(argc),
    ends: new Int32Array(argc),
    command: source.command,
  };
  let offset = 0;
  for (let i = 0; i < argc; i++) {
    copy.bytes.set(source.bytes.subarray(starts[i], ends[i]), offset);
    copy.starts[i] = offset;
    offset += ends[i] - starts[i];
    copy.ends[i] = offset;
  }
  return copy;
}
