/**
 * `client-output-buffer-limit`: how much may wait to be sent to a client, by its class, before it is
 * disconnected for not reading it.
 */
import { formatMemory, parseMemory } from "./parameter.ts";

/** Bytes, 0 for no limit. More than `softBytes` may wait for `softSeconds`. */
export interface OutputLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

/** Redis's classes and their names. There are no replicas here: their limit is kept for who sets it. */
export interface OutputLimits {
  readonly normal: OutputLimit;
  readonly slave: OutputLimit;
  readonly pubsub: OutputLimit;
}

const megabyte = 2 ** 20;

export const defaultOutputLimits: OutputLimits = {
  normal: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
  slave: { hardBytes: 256 * megabyte, softBytes: 64 * megabyte, softSeconds: 60 },
  pubsub: { hardBytes: 32 * megabyte, softBytes: 8 * megabyte, softSeconds: 60 },
};

/**
 * Reads `pubsub 32mb 8mb 60`, for any of the classes; the others stay as in `current`. What cannot be
 * read gives the reason, in Redis's words.
 */
export function parseOutputLimits(text: string, current: OutputLimits): OutputLimits | string {
  const words = text.split(/\s+/).filter((word) => word !== "");
  if (words.length % 4 !== 0) return "Wrong number of arguments in buffer limit configuration.";
  let limits = current;
  for (let i = 0; i < words.length; i += 4) {
    const name = words[i].toLowerCase();
    const known = name === "replica" ? "slave" : name;
    if (known !== "normal" && known !== "slave" && known !== "pubsub") {
      return "Invalid client class specified in buffer limit configuration.";
    }
    const [hard, soft] = [words[i + 1], words[i + 2]].map(parseMemory);
    const seconds = /^\d{1,9}$/.test(words[i + 3]) ? Number(words[i + 3]) : -1;
    if (hard === null || soft === null || hard < 0n || soft < 0n || seconds < 0) {
      return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    }
    const limit = { hardBytes: Number(hard), softBytes: Number(soft), softSeconds: seconds };
    limits = { ...limits, [known]: limit };
  }
  return limits;
}

/** As CONFIG GET shows it; `inFile` with units, as the configuration file has it. */
export function formatOutputLimits(limits: OutputLimits, inFile = false): string {
  const size = inFile ? formatMemory : String;
  return Object.entries(limits).map(([name, { hardBytes, softBytes, softSeconds }]) =>
    `${name} ${size(hardBytes)} ${size(softBytes)} ${softSeconds}`
  ).join(" ");
}

/** Watches over what waits for one client. */
export class OutputGuard {
  /** Since when there is more than the soft limit, in ms of `performance.now`; 0: there is not. */
  #softSinceMs = 0;

  /** Whether `bytes` that wait are too many, now or for too long. */
  isExceeded(bytes: number, { hardBytes, softBytes, softSeconds }: OutputLimit): boolean {
    if (hardBytes > 0 && bytes >= hardBytes) return true;
    if (softBytes === 0 || bytes < softBytes) {
      this.#softSinceMs = 0;
      return false;
    }
    const now = performance.now();
    if (this.#softSinceMs === 0) this.#softSinceMs = now;
    return now - this.#softSinceMs > softSeconds * 1000;
  }

  /** Whether the soft limit is exceeded, and time runs. */
  get isWaiting(): boolean {
    return this.#softSinceMs > 0;
  }
}
