/** MEMORY STATS: redis-server 7.0's fields in its order, from what the server measures. */
import type { MemoryField } from "../commands/server_control.ts";
import type { InfoFacts } from "./info_facts.ts";

/** Of the fields of what there is not here, the value is 0. */
export function memoryFields(
  { memory, clients, keyspace, store, persistence }: InfoFacts,
): MemoryField[] {
  const indexBytes = Number(store.store_index_bytes);
  const overhead = memory.usedAtStart + clients.bufferBytes + indexBytes;
  const { liveBytes } = persistence;
  return [
    ["peak.allocated", memory.usedPeak],
    ["total.allocated", memory.used],
    ["startup.allocated", memory.usedAtStart],
    ["replication.backlog", 0],
    ["clients.slaves", 0],
    ["clients.normal", clients.bufferBytes],
    ["cluster.links", 0],
    ["aof.buffer", 0],
    ["lua.caches", 0],
    ["functions.caches", 0],
    ["db.0", [
      ["overhead.hashtable.main", indexBytes],
      ["overhead.hashtable.expires", 0],
      ["overhead.hashtable.slot-to-keys", 0],
    ]],
    ["overhead.total", overhead],
    ["keys.count", keyspace.keys],
    ["keys.bytes-per-key", keyspace.keys === 0 ? 0 : Math.round(liveBytes / keyspace.keys)],
    ["dataset.bytes", liveBytes],
    ["dataset.percentage", 100 * liveBytes / (liveBytes + overhead)],
    ["peak.percentage", 100 * memory.used / memory.usedPeak],
    ["allocator.allocated", memory.allocated],
    ["allocator.active", memory.active],
    ["allocator.resident", memory.own],
    ["allocator-fragmentation.ratio", memory.active / memory.allocated],
    ["allocator-fragmentation.bytes", memory.active - memory.allocated],
    ["allocator-rss.ratio", memory.own / memory.active],
    ["allocator-rss.bytes", memory.own - memory.active],
    ["rss-overhead.ratio", memory.resident / memory.own],
    ["rss-overhead.bytes", memory.resident - memory.own],
    ["fragmentation", memory.resident / memory.used],
    ["fragmentation.bytes", memory.resident - memory.used],
  ];
}
