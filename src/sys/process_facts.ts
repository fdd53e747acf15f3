/** What the kernel tells of this process and machine, read from /proc through libc. */
import { closeFile, openFile, readStart } from "./libc.ts";

/** Clock ticks in a second, as /proc counts them; 100 on every Linux of today. */
const ticksPerSecond = 100;

export interface ProcessorSeconds {
  readonly user: number;
  readonly system: number;
}

/** The start of a file of /proc; "" where there is none. */
export function procText(path: string): string {
  try {
    // Through libc: the runtime guards /proc behind a permission that covers much more.
    const fd = openFile(path, { readOnly: true });
    try {
      return new TextDecoder().decode(readStart(fd, path));
    } finally {
      closeFile(fd);
    }
  } catch {
    return "";
  }
}

/** The kernel's boot id: 36 ASCII characters that change with every boot; "" if it is not told. */
export function bootId(): string {
  return procText("/proc/sys/kernel/random/boot_id").trim();
}

/** Seconds of processor time since this process began, of all of its threads. */
export function processorSeconds(): ProcessorSeconds {
  return secondsIn("/proc/self/stat");
}

/** The same of the thread that runs JavaScript. */
export function mainThreadSeconds(): ProcessorSeconds {
  return secondsIn("/proc/thread-self/stat");
}

function secondsIn(path: string): ProcessorSeconds {
  // The program's name, in parentheses, may hold spaces: fields are counted from behind it.
  const fields = procText(path).replace(/^.*\) /s, "").split(" ");
  const ticks = (i: number) => Number(fields[i] ?? 0) || 0;
  return { user: ticks(11) / ticksPerSecond, system: ticks(12) / ticksPerSecond };
}

/** Bytes of this process that are in memory and belong to no file; 0 if it is not told. */
export function ownMemoryBytes(): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(procText("/proc/self/status"))?.[1] ?? 0) * 1024;
}

/** Bytes of memory that the machine has; 0 if it is not told. */
export function systemMemoryBytes(): number {
  return Number(/MemTotal:\s+(\d+) kB/.exec(procText("/proc/meminfo"))?.[1] ?? 0) * 1024;
}

/**
 * Bytes of memory that could be had now: what is free or holds clean pages of files, and no more than the
 * process's control group may have; 0 if it is not told.
 */
export function availableMemoryBytes(): number {
  const free = Number(/MemAvailable:\s+(\d+) kB/.exec(procText("/proc/meminfo"))?.[1] ?? 0) * 1024;
  return Math.min(free, memoryLimitBytes());
}

/** What the process's control group may take, version 1 or 2; Infinity for no limit. */
function memoryLimitBytes(): number {
  const groups = procText("/proc/self/cgroup");
  const v1 = /^\d+:[^:\n]*\bmemory\b[^:\n]*:(.*)$/m.exec(groups)?.[1];
  const v2 = /^0::(.*)$/m.exec(groups)?.[1];
  const root = "/sys/fs/cgroup";
  const files = [];
  // In a container the group's path may be that of the machine, and the root is the group.
  if (v1 !== undefined) {
    files.push(...[v1, ""].map((group) => `${root}/memory${group}/memory.limit_in_bytes`));
  }
  if (v2 !== undefined) files.push(...[v2, ""].map((group) => `${root}${group}/memory.max`));
  const limits = files.map((path) => parseInt(procText(path), 10)).filter((bytes) => bytes >= 0);
  return Math.min(Infinity, ...limits);
}

/** Such as "Linux 6.1.0 x86_64". */
export function operatingSystem(): string {
  const release = procText("/proc/sys/kernel/osrelease").trim();
  return `Linux ${release} ${Deno.build.arch}`;
}

/** How many files this process may have open; Infinity if it is not told. */
export function openFilesMax(): number {
  const soft = /^Max open files +(\d+)/m.exec(procText("/proc/self/limits"))?.[1];
  return soft === undefined ? Infinity : Number(soft);
}
