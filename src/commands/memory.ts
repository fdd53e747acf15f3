/** MEMORY: what keys and the server take. */
import type { CommandContext, Handler } from "./context.ts";
import { helpHandler } from "./help_reply.ts";

/** Less than this in the file is no reason for a diagnosis. */
const noticeableBytes = 16 * 2 ** 20;

/** MEMORY USAGE key [SAMPLES count] */
function memoryUsage(context: CommandContext): void {
  const { store, reply, argc } = context;
  for (let i = 3; i < argc; i += 2) {
    if (!context.is(i, "SAMPLES") || i + 1 === argc) return context.syntaxError();
    const samples = context.int64(i + 1);
    if (samples === null) return context.notAnInteger();
    if (samples < 0n) return context.syntaxError();
  }
  if (context.find(2)) reply.integer(store.bytesOfFound);
  else reply.null();
}

/** MEMORY STATS */
function memoryStats({ reply, server }: CommandContext): void {
  const fields = server.memory();
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.bulkText(name);
    if (typeof value === "object") {
      reply.map(value.length);
      for (const [inner, bytes] of value) {
        reply.bulkText(inner);
        reply.integer(bytes);
      }
    } else if (Number.isInteger(value) && !/ratio|percentage|^fragmentation$/.test(name)) {
      reply.integer(value);
    } else {
      reply.double(value);
    }
  }
}

/** MEMORY DOCTOR */
function memoryDoctor({ reply, store, server }: CommandContext): void {
  const { liveBytes, fileBytes, indexBytes, damages } = store.statistics;
  const findings: string[] = [];
  if (damages > 0) {
    findings.push(
      `${damages} places of the store are damaged. Stop the server, and run kv check --repair.`,
    );
  }
  if (fileBytes > noticeableBytes * 4 && liveBytes < fileBytes * 0.4) {
    findings.push(
      `Of ${fileBytes} bytes of the file, ${liveBytes} are live. BGREWRITEAOF (kv compact) gives the rest back.`,
    );
  }
  const fields = new Map(server.memory());
  const clients = Number(fields.get("clients.normal"));
  if (clients > noticeableBytes * 16) {
    findings.push(
      `Buffers of clients take ${clients} bytes: CLIENT LIST shows whose (tot-mem), and ` +
        "client-output-buffer-limit and client-query-buffer-limit bound them.",
    );
  }
  if (findings.length > 0) {
    return reply.verbatimText(findings.map((text) => `* ${text}\n`).join(""));
  }
  reply.verbatimText(
    liveBytes < noticeableBytes
      ? "The store is nearly empty: there is nothing to find.\n"
      : `Nothing to complain of: ${liveBytes} bytes of the file are live, the index takes ${indexBytes}.\n`,
  );
}

/** MEMORY MALLOC-STATS, in the words of a redis-server without its own allocator. */
function memoryMallocStats({ reply }: CommandContext): void {
  reply.bulkText("Stats not supported for the current allocator");
}

/** MEMORY PURGE: what can be given back is, without being asked to. */
function memoryPurge({ reply }: CommandContext): void {
  reply.ok();
}

export const memoryHandlers: Record<string, Handler> = {
  "memory|doctor": memoryDoctor,
  "memory|help": helpHandler("MEMORY", [
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
  ]),
  "memory|malloc-stats": memoryMallocStats,
  "memory|purge": memoryPurge,
  "memory|stats": memoryStats,
  "memory|usage": memoryUsage,
};
