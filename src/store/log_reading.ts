/** A log that is only looked at: read into an index in memory, with nothing written to its file. */
import type { StoreFile } from "../sys/mapped_file.ts";
import { indexHeaderTotalBytes } from "./format.ts";
import { HashIndex } from "./hash_index.ts";
import { IndexHeader } from "./index_header.ts";
import { KeyedHash } from "./keyed_hash.ts";
import type { StoreLimits } from "./limits.ts";
import { Log } from "./log.ts";
import { MemoryFile } from "./memory_file.ts";
import { Recovery } from "./recovery.ts";
import { SegmentTable } from "./segment_table.ts";
import { Stage } from "./stage.ts";
import type { SuperblockState } from "./superblock.ts";

export interface LogReading {
  readonly hash: KeyedHash;
  /** Empty until the log is replayed. */
  readonly index: HashIndex;
  readonly indexHeader: IndexHeader;
  readonly table: SegmentTable;
  readonly log: Log;
  /** Its `scanHeaders`, then its `replay(0)`, fill the index. */
  readonly recovery: Recovery;
}

/** `file` may be mapped for reading only. */
export function readingOf(
  file: StoreFile,
  state: SuperblockState,
  limits: StoreLimits,
): LogReading {
  const hash = new KeyedHash(state.hashKey[0], state.hashKey[1]);
  // What a process had staged that was killed, nobody was told of.
  const stage = Stage.inMemory(file, limits.stageHalfBytes);
  const index = new HashIndex(new MemoryFile(indexHeaderTotalBytes), stage, limits);
  index.clear();
  const indexHeader = new IndexHeader(index.file);
  const table = new SegmentTable(limits.segmentBytes, indexHeader.liveBytes);
  const log = new Log(file, table, limits, state.storeId, stage);
  const writeSuperblock = null;
  const recovery = new Recovery({
    log,
    index,
    indexHeader,
    hash,
    file,
    state,
    limits,
    writeSuperblock,
  });
  return { hash, index, indexHeader, table, log, recovery };
}
