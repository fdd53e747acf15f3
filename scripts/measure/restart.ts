/**
 * How long until a server is ready again: after a stop, after kill -9 under load, without its index;
 * and beside it, how long redis-server takes to load the same keys from its log and its snapshot.
 */
import { join } from "@std/path";
import { RawConnection } from "../../tests/support/raw_connection.ts";
import { load, redisBenchmark, sleep, withLoadedServer } from "./client.ts";
import type { Output } from "../bench/output.ts";
import type { MeasureContext } from "./main.ts";

const rounds = 5;

export async function measureRestart({ folder, keys, output }: MeasureContext): Promise<void> {
  await withLoadedServer(folder, keys, output, async (server) => {
    output.print(`${keys.toLocaleString("en-US")} keys of 16 bytes with values of 32`);
    const clean: number[] = [];
    for (let i = 0; i < rounds; i++) {
      await server.end();
      clean.push(await server.start());
    }
    output.print(`ready after a stop:                ${show(clean)}`);
    const killed: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const args = ["-c", "50", "-P", "16", "-n", "20000000", "-r", String(keys), "-d", "32"];
      const loading = redisBenchmark(server.socket, [...args, "-t", "set"]);
      await sleep(2000);
      await server.end("SIGKILL");
      await loading;
      killed.push(await server.start());
    }
    output.print(`ready after kill -9 under load:    ${show(killed)}`);
    output.print(`  the last: ${server.readyLine}`);
    await server.end("SIGKILL");
    await Deno.remove(`${server.store}-index`);
    output.print(`ready after the index was deleted: ${show([await server.start()])}`);
    output.print(`  ${server.readyLine}`);
    output.print(`keys: ${(await server.info()).get("store_keys")}`);
  });
  await measureRedis(folder, keys, output);
}

/** A log that holds each key once, and a snapshot. */
async function measureRedis(folder: string, keys: number, output: Output): Promise<void> {
  for (const [name, ...settings] of redisKinds) {
    const redisFolder = join(folder, name);
    await Deno.mkdir(redisFolder);
    const redis = new RedisServer(redisFolder, settings);
    try {
      await redis.start();
      const progress = (share: number) =>
        output.progress(`redis-server, ${name}: loading ${Math.floor(share * 100)}%`);
      await load(redis.socket, keys, progress);
      if (name === "RDB") await redis.ask("SAVE");
      const loads: number[] = [];
      for (let i = 0; i < redisRounds; i++) {
        await redis.end();
        loads.push(await redis.start());
      }
      output.print(`redis-server, ${settings.join(" ")}, ready from its ${name}: ${show(loads)}`);
    } finally {
      await redis.end();
      await Deno.remove(redisFolder, { recursive: true });
    }
  }
}

const redisRounds = 3;
const redisKinds = [
  ["AOF", "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"],
  ["RDB", "--appendonly", "no"],
];
const redisPollMs = 10;
const redisLimitMs = 300_000;

class RedisServer {
  readonly #folder: string;
  readonly #settings: readonly string[];
  #child: Deno.ChildProcess | null = null;

  constructor(folder: string, settings: readonly string[]) {
    this.#folder = folder;
    this.#settings = settings;
  }

  get socket(): string {
    return join(this.#folder, "redis.sock");
  }

  /** Resolves with the milliseconds until it has loaded its data. */
  async start(): Promise<number> {
    const started = performance.now();
    this.#child = new Deno.Command("redis-server", {
      args: ["--port", "0", "--unixsocket", "redis.sock", "--save", "", ...this.#settings],
      cwd: this.#folder,
      stdout: "null",
    }).spawn();
    while (performance.now() - started < redisLimitMs) {
      // Until it listens there is nobody to ask, and until it has loaded it replies LOADING.
      if (await this.ask("PING").catch(() => "") === "+PONG\r\n") {
        return performance.now() - started;
      }
      await sleep(redisPollMs);
    }
    throw new Error(`redis-server was not ready within ${redisLimitMs / 1000} s`);
  }

  async ask(...args: readonly string[]): Promise<string> {
    using connection = await RawConnection.open(this.socket, { limitMs: redisLimitMs });
    return await connection.exchange(...args);
  }

  /** Ends it without a word: what it has written stays as it is. */
  async end(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
    this.#child = null;
    await Deno.remove(this.socket).catch(() => {});
  }
}

function show(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b).map((ms) => ms.toFixed(0));
  return `${sorted[sorted.length >> 1]} ms (${sorted.join(", ")})`;
}
