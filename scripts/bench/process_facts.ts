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
  // The program's name, in parentheses, may hold spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // proc(5) counts from 1 and the state, the first field here, is its third: utime is 14.
  const ticks = [14, 15, 16, 17].map((number) => Number(fields[number - 3]));
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
