/** A store of several times the memory that the server may use, in a control group with a limit. */
import { join } from "@std/path";
import { MeasuredServer, redisBenchmark } from "./client.ts";
import type { MeasureContext } from "./main.ts";

const valueBytes = 1024;
/** The group's memory is this share of the values' bytes. */
const memoryShare = 1 / 4;
const depths = [1, 16];
const operations = 300_000;

export async function measureLarger({ folder, keys, output }: MeasureContext): Promise<void> {
  const limit = Math.floor(keys * valueBytes * memoryShare);
  await using group = await ControlGroup.make(`kv-measure-${Deno.pid}`, limit);
  const server = new MeasuredServer(folder);
  try {
    await server.start();
    await group.add(server.pid);
    output.print(`the server may use ${mebibytes(limit)}, files that it has mapped included`);
    const load = ["-c", "50", "-P", "16", "-d", String(valueBytes), "-r", String(keys)];
    output.progress(`${keys} SETs of ${valueBytes} bytes`);
    const rate = await redisBenchmark(server.socket, [...load, "-t", "set", "-n", String(keys)]);
    const info = await server.info();
    const live = Number(info.get("store_live_bytes"));
    output.print(
      `${keys} random SETs of ${valueBytes} bytes: ${Math.round(rate)} a second; ` +
        `then ${info.get("store_keys")} keys, ${mebibytes(live)}, ` +
        `${(live / limit).toFixed(1)} times the memory`,
    );
    for (const depth of depths) {
      for (const test of ["get", "set"]) {
        output.progress(`${test}, -P ${depth}`);
        const args = ["-c", "50", "-P", String(depth), "-d", String(valueBytes)];
        args.push("-r", String(keys), "-t", test, "-n", String(operations));
        const rate = await redisBenchmark(server.socket, args);
        output.print(`random ${test.toUpperCase()}, -P ${depth}: ${Math.round(rate)} a second`);
      }
    }
    const after = await server.info();
    output.print(`file / live bytes: ${fileRatio(after).toFixed(2)}`);
    output.print(`pauses: ${after.get("store_pauses")}`);
  } finally {
    await server.end();
  }
}

function fileRatio(info: ReadonlyMap<string, string>): number {
  return Number(info.get("store_file_bytes")) / Number(info.get("store_live_bytes"));
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** A control group of this machine, of version 1 or 2, that limits memory. Making one needs root. */
class ControlGroup implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async make(name: string, memoryBytes: number): Promise<ControlGroup> {
    const root = "/sys/fs/cgroup";
    const isFirst = await exists(join(root, "memory", "memory.limit_in_bytes"));
    const path = isFirst ? join(root, "memory", name) : join(root, name);
    try {
      await Deno.mkdir(path);
      const file = isFirst ? "memory.limit_in_bytes" : "memory.max";
      await Deno.writeTextFile(join(path, file), String(memoryBytes));
    } catch (error) {
      throw new Error(`Cannot limit memory by ${path}: ${error}; it takes root`, { cause: error });
    }
    return new ControlGroup(path);
  }

  /** What the process takes from now on counts. */
  async add(pid: number): Promise<void> {
    await Deno.writeTextFile(join(this.#path, "cgroup.procs"), String(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path); // Its processes have ended.
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
