/** What /proc tells of a process, and INFO of a server. */

/**
 * Clock ticks in a second, as /proc counts them; 100 on every Linux of today. A figure is therefore
 * good to 0.01 s, which is why a run lasts about two seconds.
 */
const ticksPerSecond = 100;

/** Resident memory in bytes, and what it is made of. Fields that the kernel does not tell are 0. */
export interface ResidentMemory {
  readonly resident: number;
  /** The process's own: heaps and stacks. */
  readonly anonymous: number;
  /** Pages of files, the executable's and a mapped store's: the kernel may drop them. */
  readonly file: number;
  /** Pages of shared memory, and of files on a tmpfs. */
  readonly shared: number;
}

/**
 * Seconds of processor time, user and system, out of the text of /proc/PID/stat: all threads, also
 * those that ended, and the children that were waited for (redis-server rewrites its file in one).
 */
export function parseProcessorSeconds(stat: string): number {
  return seconds(stat, [14, 15, 16, 17]);
}

/** The same of the children alone that have ended: for a tool that was run and waited for. */
export function parseChildrenSeconds(stat: string): number {
  return seconds(stat, [16, 17]);
}

function seconds(stat: string, numbers: readonly number[]): number {
  // The program's name, in parentheses, may hold spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // proc(5) counts from 1 and the state, the first field here, is its third: utime is 14.
  const ticks = numbers.map((number) => Number(fields[number - 3]));
  const sum = ticks.reduce((total, value) => total + value, 0);
  if (!Number.isFinite(sum)) throw new Error(`Cannot read a process's time: ${stat.slice(0, 80)}`);
  return sum / ticksPerSecond;
}

export function parseResidentMemory(status: string): ResidentMemory {
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
  return {
    resident: field("VmRSS"),
    anonymous: field("RssAnon"),
    file: field("RssFile"),
    shared: field("RssShmem"),
  };
}

export function processorSeconds(pid: number): number {
  return parseProcessorSeconds(Deno.readTextFileSync(`/proc/${pid}/stat`));
}

/** Processor seconds of all programs that this process has run and waited for. */
export function childrenSeconds(): number {
  return parseChildrenSeconds(Deno.readTextFileSync("/proc/self/stat"));
}

/** How often a thread has given up the processor to wait for something, out of its status. */
export function parseWakeups(status: string): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? NaN);
}

/** That of a process's main thread. */
export function mainThreadWakeups(pid: number): number {
  return parseWakeups(Deno.readTextFileSync(`/proc/${pid}/task/${pid}/status`));
}

/** That of all its threads. */
export function threadWakeups(pid: number): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    sum += parseWakeups(Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`));
  }
  return sum;
}

export function residentMemory(pid: number): ResidentMemory {
  return parseResidentMemory(Deno.readTextFileSync(`/proc/${pid}/status`));
}

/** The fields of a reply to INFO, by name. */
export type ServerInfo = ReadonlyMap<string, string>;

export function parseInfo(text: string): ServerInfo {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** A number of INFO; undefined where this server has no such field. */
export function infoNumber(info: ServerInfo, name: string): number | undefined {
  const value = Number(info.get(name) ?? NaN);
  return Number.isFinite(value) ? value : undefined;
}

/** Keys in database 0, of "keys=1000,expires=0,avg_ttl=0"; a server that has none leaves it out. */
export function infoKeys(info: ServerInfo): number {
  return Number(/^keys=(\d+)/.exec(info.get("db0") ?? "")?.[1] ?? 0);
}

/** Stretches in which a server's event loop did one thing only. */
export interface Pauses {
  readonly longestMs: number;
  /** Without the time in which its thread waited for a processor; NaN of a version that does not tell. */
  readonly longestOwnMs: number;
  readonly aboveFiveMs: number;
}

/** kv's pauses, out of its INFO. */
export function parsePauses(info: ServerInfo): Pauses {
  let aboveFiveMs = 0;
  for (const part of (info.get("store_pauses") ?? "").split(",")) {
    // "<10ms:3": below 10 ms, and not below the bound before it, which is 5.
    const [, bound, count] = /^(?:<|>=)(\d+(?:\.\d+)?)ms:(\d+)$/.exec(part) ?? [];
    if (Number(bound) > 5) aboveFiveMs += Number(count);
  }
  return {
    longestMs: infoNumber(info, "store_longest_pause_ms") ?? NaN,
    longestOwnMs: infoNumber(info, "store_longest_own_pause_ms") ?? NaN,
    aboveFiveMs,
  };
}
