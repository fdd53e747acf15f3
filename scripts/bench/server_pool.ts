/**
 * Servers that stay up, with what was loaded into them, as long as row after row needs the same: then
 * loading is paid for once. Only the servers of one dataset are there at a time, so that those of others
 * take no memory and no processor.
 */
import { BenchServer, type ServerPeer } from "./bench_server.ts";
import type { Equipment } from "./context.ts";
import { loadKeys } from "./key_loader.ts";
import { infoNumber, type ResidentMemory } from "./process_facts.ts";
import type { Side } from "./side.ts";
import type { Dataset, SyncPolicy } from "./workload.ts";

export interface LoadedServer {
  readonly server: BenchServer;
  readonly dataset: Dataset;
  /** Before the first key. */
  readonly emptyMemory: ResidentMemory;
  readonly emptyUsedMemory: number | undefined;
  readonly loadSeconds: number;
}

export class ServerPool implements AsyncDisposable {
  readonly #equipment: Equipment;
  /** What the servers that are up hold. */
  #holds = "";
  readonly #servers = new Map<string, LoadedServer>();

  constructor(equipment: Equipment) {
    this.#equipment = equipment;
  }

  /** The server of a side with a dataset: the one that is up, or a new one. */
  async acquire(side: Side, dataset: Dataset, sync: SyncPolicy): Promise<LoadedServer> {
    const holds = JSON.stringify([dataset, sync]);
    if (holds !== this.#holds) await this.clear();
    this.#holds = holds;
    const known = this.#servers.get(side.label);
    if (known !== undefined) {
      this.#equipment.processes.mention(known.server.commandLine);
      return known;
    }
    const loaded = await startLoaded(this.#equipment, side, dataset, sync);
    this.#servers.set(side.label, loaded);
    return loaded;
  }

  /** Ends all servers and removes their files. */
  async clear(): Promise<void> {
    for (const { server } of this.#servers.values()) await dispose(server);
    this.#servers.clear();
    this.#holds = "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear();
  }
}

/** A new server with a dataset, in a folder of its own. */
export async function startLoaded(
  equipment: Equipment,
  side: Side,
  dataset: Dataset,
  sync: SyncPolicy,
): Promise<LoadedServer> {
  const server = await startEmpty(equipment, side, sync);
  try {
    await server.settle();
    const emptyUsedMemory = await usedMemory(server);
    const emptyMemory = server.residentMemory();
    const started = performance.now();
    await loadKeys(server, dataset, (share) => {
      equipment.progress(`loading ${dataset.keys} keys into ${side.label}`, share);
    });
    const loadSeconds = (performance.now() - started) / 1000;
    await server.settle();
    return { server, dataset, emptyMemory, emptyUsedMemory, loadSeconds };
  } catch (error) {
    await dispose(server);
    throw error;
  }
}

export async function startEmpty(
  equipment: Equipment,
  side: Side,
  sync: SyncPolicy = "everysec",
): Promise<BenchServer> {
  const { processes } = equipment;
  const folder = await equipment.makeFolder(side.label);
  const { kvPath } = side;
  return await BenchServer.start(side.peer as ServerPeer, processes, { folder, kvPath, sync });
}

/** Ends a server and removes its folder. */
export async function dispose(server: BenchServer): Promise<void> {
  await server.end("SIGKILL");
  await Deno.remove(server.folder, { recursive: true });
}

async function usedMemory(server: BenchServer): Promise<number | undefined> {
  return server.peer === "memcached" ? undefined : infoNumber(await server.info(), "used_memory");
}
