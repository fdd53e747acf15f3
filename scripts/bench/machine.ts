/** The machine and the versions that figures belong to: without them, none can be compared. */
import type { Processes } from "./processes.ts";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Of the folder in which both servers keep their files: "ext4". */
  readonly fileSystem: string;
  /** Processes that wanted to run in the last minute, before the benchmark: 0 on an idle machine. */
  readonly loadAverage: number;
  /** By the names of the programs. */
  readonly versions: Readonly<Record<string, string>>;
}

/** File systems without a disk: what they hold is not durable, so there is nothing to compare. */
const memoryFileSystems: ReadonlySet<string> = new Set(["tmpfs", "ramfs"]);

export function isInMemory(fileSystem: string): boolean {
  return memoryFileSystems.has(fileSystem);
}

/**
 * The kind of file system that holds `path`, which has to be absolute and without links, out of the
 * text of /proc/self/mountinfo. "unknown" if it is not told.
 */
export function fileSystemOf(path: string, mountinfo: string): string {
  let longest = -1;
  let kind = "unknown";
  for (const line of mountinfo.split("\n")) {
    // 27 1 254:0 / /mnt rw,relatime shared:1 - ext4 /dev/vda rw: the kind is behind the dash, since
    // there may be any number of fields before it.
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    if (dash < 0) continue;
    const mountPoint = fields[4].replace(/\\([0-7]{3})/g, unescapeOctal);
    const prefix = mountPoint === "/" ? "/" : `${mountPoint}/`;
    // Of two on the same place, the later one hides the earlier one.
    if (!`${path}/`.startsWith(prefix) || mountPoint.length < longest) continue;
    longest = mountPoint.length;
    kind = fields[dash + 1];
  }
  return kind;
}

/** How the kernel writes spaces and the like. */
function unescapeOctal(_: string, digits: string): string {
  return String.fromCharCode(parseInt(digits, 8));
}

/** "AMD EPYC", or what stands for it on this architecture. */
export function processorModel(cpuinfo: string): string {
  return /^(?:model name|Model|Hardware|cpu model)\s*:\s*(.+)$/m.exec(cpuinfo)?.[1].trim() ??
    `unknown ${Deno.build.arch}`;
}

export interface MachineOptions {
  readonly kvPath: string;
  readonly fileSystem: string;
  /** Names of programs that are measured or measure. */
  readonly tools: Iterable<string>;
}

/** How each tool tells its version, and where in that it stands. */
const versionArgs: Readonly<Record<string, readonly [args: readonly string[], pattern: RegExp]>> = {
  "redis-server": [["--version"], /\bv=(\S+)/],
  "redis-benchmark": [["--version"], /redis-benchmark (\S+)/],
  "memcached": [["--version"], /memcached (\S+)/],
};

/** Facts about this machine, with the folder of the measurement, before the servers start. */
export async function describeMachine(
  processes: Processes,
  { kvPath, fileSystem, tools }: MachineOptions,
): Promise<Machine> {
  const kv = await processes.run("kv", ["--version"], { path: kvPath });
  const versions: Record<string, string> = { kv: kv.stdout.trim().replace(/^kv /, "") };
  for (const tool of tools) {
    const [args, pattern] = versionArgs[tool];
    const { stdout } = await processes.run(tool, args);
    versions[tool] = pattern.exec(stdout)?.[1] ?? "unknown";
  }
  versions.deno = Deno.version.deno;
  return {
    processor: processorModel(await Deno.readTextFile("/proc/cpuinfo")),
    cores: navigator.hardwareConcurrency,
    memoryBytes: Deno.systemMemoryInfo().total,
    kernel: `Linux ${Deno.osRelease()}`,
    fileSystem,
    loadAverage: Deno.loadavg()[0],
    versions,
  };
}
