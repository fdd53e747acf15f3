/**
 * Mistakes that somebody could make in the engine, each of which breaks a promise. The tests have to
 * notice every one of them: `deno task mutations` tries.
 */

export interface Mutation {
  /** What goes wrong. */
  readonly name: string;
  /** The promise that is broken. */
  readonly breaks: string;
  readonly file: string;
  /** This text, which must occur once in the file, ... */
  readonly from: string;
  /** ... becomes this one. */
  readonly to: string;
}

const lossOnPowerCut = "what a sync has confirmed survives a power cut";
const prefixOnly = "what opens is a state that there was, and nothing else";
const deletesStay = "what was deleted does not come back";
const batchesAreWhole = "a batch happens as a whole or not at all";
const indexIsRight = "the index leads to the newest record of each key";
const noWrongValue = "a damaged value is never served";
const readersSeeAll =
  "a reader beside the server sees what was acknowledged, and nothing that is torn";

export const mutations: readonly Mutation[] = [
  // --- syncing
  {
    name: "a round does not sync the log",
    breaks: lossOnPowerCut,
    file: "src/store/durability.ts",
    from: "await this.#file.syncInBackground(this.#rangesInFlight);",
    to: "await this.#file.syncInBackground([]);",
  },
  {
    name: "the last step of a range is not written back",
    breaks: lossOnPowerCut,
    file: "src/sys/mapped_file.ts",
    from: "for (let offset = range.offset; offset < end; offset += writeBackBytesMax) {",
    to:
      "for (let offset = range.offset; offset + writeBackBytesMax < end; offset += writeBackBytesMax) {",
  },
  {
    name: "what is written back is not synced",
    breaks: lossOnPowerCut,
    file: "src/sys/mapped_file.ts",
    from: "      if (!await this.#writeBack(ranges) || this.#closed) return false;",
    to: "      return await this.#writeBack(ranges);",
  },
  {
    name: "what is written back is synced before",
    breaks: lossOnPowerCut,
    file: "src/sys/mapped_file.ts",
    from: "      if (!await this.#writeBack(ranges) || this.#closed) return false;",
    to: "      void this.#writeBack(ranges);",
  },
  {
    name: "ranges are written back on any file system",
    breaks: lossOnPowerCut,
    file: "src/sys/libc.ts",
    from: "libc().fstatfs(fd, words) === 0 && syncedByAnyRange.has(words[0]) &&",
    to: "libc().fstatfs(fd, words) === 0 &&",
  },
  {
    name: "segments that are being overwritten are taken",
    breaks: "what was written is there",
    file: "src/store/ready_segments.ts",
    from: "(place) => !this.#overwritten.has(place)",
    to: "() => true",
  },
  {
    name: "a synchronous sync leaves out what a round is syncing",
    breaks: lossOnPowerCut,
    file: "src/store/durability.ts",
    from: "const ranges = [...this.#rangesInFlight, ...this.#log.takeDirty()];",
    to: "const ranges = this.#log.takeDirty();",
  },
  {
    name: "with always, a sync in place leaves the log out",
    breaks: "with always, what was acknowledged is on the disk",
    file: "src/store/durability.ts",
    from: "this.#file.syncAll(log.takeDirty());",
    to: "log.takeDirty();",
  },
  {
    name: "of what a killed process has written, all is believed known that is live",
    breaks: prefixOnly,
    file: "src/store/segment_table.ts",
    from: "this.isMapped[segment] = state === segmentState.sealed ? 0 : 1;",
    to: "this.isMapped[segment] = 1;",
  },
  {
    name: "what a batch took back leaves marks of live records",
    breaks: batchesAreWhole,
    file: "src/store/log.ts",
    from: "table.live.clear(this.addressAt(mark.segment, mark.offset), end - mark.offset >> 4);",
    to: "",
  },
  {
    name: "the durable position is written before the sync has ended",
    breaks: lossOnPowerCut,
    file: "src/store/durability.ts",
    from: "    this.#oldestMs = Infinity;\n    this.#roundBegunMs",
    to:
      "    this.#advance(position, records);\n    this.#oldestMs = Infinity;\n    this.#roundBegunMs",
  },
  {
    name: "what was appended during a round counts as durable after it",
    breaks: lossOnPowerCut,
    file: "src/store/durability.ts",
    from: "      this.#eraseEvacuated();\n    }\n    this.#advance(position, records);",
    to: "      this.#eraseEvacuated();\n    }\n    this.#advance(log.position, records);",
  },
  {
    name: "whoever waits for the disk does not wait",
    breaks: lossOnPowerCut,
    file: "src/store/durability.ts",
    from: "if (position <= this.durablePosition) return Promise.resolve();",
    to: "return Promise.resolve();",
  },
  {
    name: "the next round resolves all waiters, whatever it covers",
    breaks: lossOnPowerCut,
    file: "src/store/durability.ts",
    from: "this.#waiters.filter((waiter) => waiter.position <= position);",
    to: "this.#waiters;",
  },
  {
    name: "replies leave before what they tell of is durable",
    breaks: "with always, what was acknowledged is on the disk",
    file: "src/server/connection.ts",
    from: 'return store.syncPolicy === "always" && store.durablePosition < store.position;',
    to: 'return store.syncPolicy === "always" && store.durablePosition < 0;',
  },
  {
    name: "a failed sync goes unnoticed",
    breaks: "after a failed sync nothing is confirmed any more",
    file: "src/store/durability.ts",
    from: "if (!isSynced) return this.#fail();",
    to: "",
  },
  {
    name: "the end of a segment is not synced once the next one has begun",
    breaks: lossOnPowerCut,
    file: "src/store/log.ts",
    from: "this.#dirty.push(this.#headDirtyRange());",
    to: "",
  },
  {
    name: "after a failed batch, what was before it is not synced",
    breaks: lossOnPowerCut,
    file: "src/store/log.ts",
    from: "else this.#headDirtyFrom = this.windowOffset(mark.segment);",
    to: "",
  },
  {
    name: "a stop does not sync the log",
    breaks: "what was there at a clean stop survives a power cut",
    file: "src/store/store.ts",
    from: "#closeInOrder(): void {\n    this.#durability.syncNow();",
    to: "#closeInOrder(): void {",
  },
  {
    name: "a stop marks an index as clean that it has not synced",
    breaks: indexIsRight,
    file: "src/store/store.ts",
    from: "this.#indexFile.sync(0, indexBytes(this.#index));",
    to: "",
  },
  {
    name: "both superblocks go to one slot",
    breaks: "one of the superblocks is always whole",
    file: "src/store/superblock.ts",
    from: "superblockSlotOffsets[this.#counter % superblockSlotOffsets.length];",
    to: "superblockSlotOffsets[0];",
  },
  // --- freeing space
  {
    name: "an erased segment is free before that is durable",
    breaks: prefixOnly,
    file: "src/store/durability.ts",
    from: "this.#log.eraseSegment(i);",
    to: "this.#log.eraseSegment(i);\n      this.#log.table.release(this.#log.erased.pop()!);",
  },
  {
    name: "a segment is erased before its copies are durable",
    breaks: lossOnPowerCut,
    file: "src/store/durability.ts",
    from: "if (table.survivorsEnd[i] > this.#publishedPosition) continue;",
    to: "",
  },
  {
    name: "a segment is erased a round early: the superblock on the disk does not cover its copies",
    breaks: lossOnPowerCut,
    file: "src/store/durability.ts",
    from: "Math.max(this.#publishedPosition, published);",
    to: "position;",
  },
  {
    name: "an erased header is not synced",
    breaks: prefixOnly,
    file: "src/store/log.ts",
    from: "this.#dirty.push({ offset: segment * this.segmentBytes, length: segmentHeaderBytes });",
    to: "",
  },
  {
    name: "segments whose delete records were dropped go in any order",
    breaks: deletesStay,
    file: "src/store/durability.ts",
    from: "if (table.dropsDeletes[i] === 1 && table.oldest() !== i) continue;",
    to: "",
  },
  {
    name: "compaction does not tell that a dropped delete record needs the segment to go last",
    breaks: deletesStay,
    file: "src/store/compaction.ts",
    from: "if (!isOverwritten) this.#needsOldest = true;",
    to: "",
  },
  {
    name: "compaction drops delete records while older segments are there",
    breaks: deletesStay,
    file: "src/store/compaction.ts",
    from: "this.#dropsDeletes = this.#log.table.isOldestInForce(victim);",
    to: "this.#dropsDeletes = true;",
  },
  {
    name: "compaction forgets the last record of those that it looks at together",
    breaks: "compaction keeps what is live",
    file: "src/store/compaction.ts",
    from: "for (let i = 0; i < this.#groupSize && this.#victim >= 0; i++) {",
    to: "for (let i = 0; i < this.#groupSize - 1 && this.#victim >= 0; i++) {",
  },
  {
    name: "compaction lets a segment go at the first damage",
    breaks: "damage costs what is damaged and nothing else",
    file: "src/store/compaction.ts",
    from: 'else if (end === "damage") this.#stopAtDamage(this.#reader.offset);',
    to: 'else if (end === "damage") this.#finish();',
  },
  {
    name: "compaction does not wait for the copies of what it moved",
    breaks: lossOnPowerCut,
    file: "src/store/compaction.ts",
    from: "table.evacuate(this.#victim, position, this.#needsOldest);",
    to: "table.evacuate(this.#victim, 0, this.#needsOldest);",
  },
  {
    name: "a copied record still claims to be the member of a batch",
    breaks: prefixOnly,
    file: "src/store/log.ts",
    from: "const kindWord = from.i32[word + record.kindWord] & 0xffff;",
    to: "const kindWord = from.i32[word + record.kindWord];",
  },
  {
    name: "a damaged record gets a good checksum when it is copied",
    breaks: noWrongValue,
    file: "src/store/checksum.ts",
    from: "const isIntact = finish(a, b, c, d, count) === source[from];",
    to: "const isIntact = finish(a, b, c, d, count) !== source[from] - 0.5;",
  },
  {
    name: "a copied large record still claims to be the member of a batch",
    breaks: prefixOnly,
    file: "src/store/run_copy.ts",
    from: "target[to + record.kindWord] &= 0xffff; // No longer the member of a batch.",
    to: "",
  },
  {
    name: "a damaged large record gets a good checksum when it is copied",
    breaks: noWrongValue,
    file: "src/store/run_copy.ts",
    from: "if (this.#sourceSum.value !== window.i32[(offset >> 2) + record.checksumWord]) {",
    to: "if (this.#sourceSum.value === window.i32[0] - 0.5) {",
  },
  {
    name: "a header that a killed process was writing counts as damaged",
    breaks: "damage is reported, and nothing else",
    file: "src/store/recovery.ts",
    from: "const isUnfinished = stored === 0 && sum !== 0;",
    to: "const isUnfinished = false;",
  },
  {
    name: "a record counts at any place in its segment",
    breaks: noWrongValue,
    file: "src/store/record.ts",
    from: "return segmentSeed + Math.imul(offset, 0x9e3779b1) | 0;",
    to: "return segmentSeed + 0 * offset | 0;",
  },
  {
    name: "a full store that is larger than its limit gets no room to shrink",
    breaks: "a store keeps to its largest size",
    file: "src/store/eviction.ts",
    from: "this.#log.placesToShrink = count > places ? count + 2 * segmentsReserved : 0;",
    to: "this.#log.placesToShrink = 0 * count * segmentsReserved;",
  },
  {
    name: "the file is cut off before a place in use",
    breaks: "shrinking the file gives up nothing that is live",
    file: "src/store/segment_table.ts",
    from: "while (this.count > keep && this.state[this.count - 1] === segmentState.free) {",
    to: "while (this.count > keep && this.state[this.count - 1] !== segmentState.head) {",
  },
  {
    name: "clear lets segments go before it is durable",
    breaks: prefixOnly,
    file: "src/store/store.ts",
    from: "if (table.sequence[i] < this.#clearedBefore) table.evacuate(i, position, false);",
    to: "if (table.sequence[i] < this.#clearedBefore) table.evacuate(i, 0, false);",
  },
  {
    name: "a backup does not keep the segments that it copies",
    breaks: "a backup is the store of one moment",
    file: "src/store/backup.ts",
    from: "this.#durability.keepsSegments = true;",
    to: "",
  },
  {
    name: "segments that a backup keeps are freed with the next round",
    breaks: "a backup is the store of one moment",
    file: "src/store/durability.ts",
    from: "if (this.keepsSegments) log.erased.push(...erased);\n    else {",
    to: "{",
  },
  // --- recovery
  {
    name: "a wrong checksum is accepted",
    breaks: prefixOnly,
    file: "src/store/record.ts",
    from: "if (this.isIntact) return true;",
    to: "return true;",
  },
  {
    name: "checksums have no seed: records of a segment's earlier life are valid",
    breaks: prefixOnly,
    file: "src/store/log.ts",
    from: "return recordSeed(this.table.sequence[segment] ^ seedWord, -start);",
    to: "return recordSeed(0 * seedWord, -start);",
  },
  {
    name: "segments are replayed in the order of their places",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "this.#found.sort((a, b) => a.sequence - b.sequence);",
    to: "",
  },
  {
    name: "the log goes on behind a missing segment",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "if (isBehind && segment.previous !== (previous?.sequence ?? 0)) {",
    to: "if (isBehind && segment.previous < 0) {",
  },
  {
    name: "a batch without its end counts",
    breaks: batchesAreWhole,
    file: "src/store/recovery.ts",
    from: "if (this.#batch !== null && this.#batchIsDurable) this.#endBatch();",
    to: "if (this.#batch !== null) this.#endBatch();",
  },
  {
    name: "a torn end is not sealed",
    breaks: lossOnPowerCut,
    file: "src/store/recovery.ts",
    from: "if (cut !== null) this.#seal(this.#found[cut.segment].place, cut.offset);",
    to: "",
  },
  {
    name: "behind the seal of a torn end, old records stay",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "log.windowOf(place).u8.fill(0, sealed, log.endOf(place));",
    to: "",
  },
  {
    name: "behind a torn end there are zeros before its seal is durable",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "this.#parts.file.sync(log.bodyOffset(place, offset), sealed - offset);",
    to: "",
  },
  {
    name: "sequence numbers that were lost are used again",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "Math.max(log.nextSequence, state.nextSequence) + table.count + 1;",
    to: "log.nextSequence;",
  },
  {
    name: "lost sequence numbers are given up, but not durably",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "writeSuperblock();\n    const discarded",
    to: "const discarded",
  },
  {
    name: "segments behind the end of the log are not erased",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "const discarded = this.#found.slice(end);",
    to: "const discarded = this.#found.slice(end, end);",
  },
  {
    name: "the seal is written before what is behind it is erased durably",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "this.#parts.file.syncAll(log.takeDirty());",
    to: "log.takeDirty();",
  },
  {
    name: "what a killed process has erased is written before that is durable",
    breaks: prefixOnly,
    file: "src/store/recovery.ts",
    from: "log.markDirty({ offset: place * limits.segmentBytes, length: limits.segmentBytes });",
    to: "",
  },
  {
    name: "what was recovered is never synced",
    breaks: lossOnPowerCut,
    file: "src/store/recovery.ts",
    from: "log.markDirty({ offset: place * limits.segmentBytes, length });",
    to: "",
  },
  {
    name: "the mark of a clean stop stays when the store is opened",
    breaks: prefixOnly,
    file: "src/store/opening.ts",
    from: "state.clean = false;",
    to: "",
  },
  {
    name: "members of a batch that began before the part that is read end the log",
    breaks: lossOnPowerCut,
    file: "src/store/recovery.ts",
    from: "this.#implicitBatch = from > 0;",
    to: "this.#implicitBatch = false;",
  },
  {
    name: "a clear is not replayed",
    breaks: deletesStay,
    file: "src/store/recovery.ts",
    from: "      index.clear();\n      this.#clearLive();\n      if (this.#countsAll)",
    to: "      this.#clearLive();\n      if (this.#countsAll)",
  },
  {
    name: "segments that hold damage are given free",
    breaks: "damage is kept apart",
    file: "src/store/recovery.ts",
    from: "    const from = reader.offset;\n    this.#log.table.damaged[place] = 1;",
    to: "    const from = reader.offset;",
  },
  // --- batches
  {
    name: "a failed batch is not taken back",
    breaks: batchesAreWhole,
    file: "src/store/batch.ts",
    from: "this.#rollBack(depth);",
    to: "",
  },
  {
    name: "what a failed batch wrote can still be read after a crash",
    breaks: batchesAreWhole,
    file: "src/store/log.ts",
    from: "this.windowOf(mark.segment).u8.fill(0, mark.offset, end);",
    to: "",
  },
  {
    name: "sequence numbers of a failed batch are used again",
    breaks: prefixOnly,
    file: "src/store/log.ts",
    from: "this.resumeHead(mark.segment, mark.offset);\n    if (!spansSegments)",
    to:
      "this.resumeHead(mark.segment, mark.offset);\n    this.nextSequence = mark.nextSequence;\n" +
      "    if (!spansSegments)",
  },
  {
    name: "segments of a failed batch are not erased",
    breaks: batchesAreWhole,
    file: "src/store/log.ts",
    from: "for (const segment of segments) this.eraseSegment(segment);",
    to: "",
  },
  {
    name: "a batch keeps no room for its end mark",
    breaks: batchesAreWhole,
    file: "src/store/store.ts",
    from: "const offset = log.reserve(bytes, flags === 0 ? 0 : batchEndBytes);",
    to: "const offset = log.reserve(bytes, 0);",
  },
  // --- the index
  {
    name: "the index is not marked while it is changed",
    breaks: indexIsRight,
    file: "src/store/hash_index.ts",
    from: "if (this.#changes++ === 0) this.file.header.i32[indexHeader.busyWord] = 1;",
    to: "this.#changes++;",
  },
  {
    name: "the index is not marked while a batch is open",
    breaks: batchesAreWhole,
    file: "src/store/batch.ts",
    from: "    this.#index.beginChange();\n    this.#index.readers",
    to: "    this.#index.readers",
  },
  {
    name: "a store takes the index of another opening",
    breaks: indexIsRight,
    file: "src/store/index_header.ts",
    from: "this.#f64[indexHeader.openIdF64] === store.openId &&",
    to: "",
  },
  {
    name: "an index that no stop has synced is believed after the machine went down",
    breaks: indexIsRight,
    file: "src/store/index_header.ts",
    from: 'bootId !== "" && this.#bootId === bootId &&',
    to: 'bootId !== "" &&',
  },
  {
    name: "an index that is marked as being changed is believed",
    breaks: indexIsRight,
    file: "src/store/index_header.ts",
    from: "i32[indexHeader.busyWord] === 0 &&",
    to: "",
  },
  {
    name: "an opening without the index's last segments goes unnoticed",
    breaks: indexIsRight,
    file: "src/store/opening.ts",
    from: "recovery.replay(isCurrent ? appliedSequence : 0);",
    to: "recovery.replay(isCurrent ? appliedSequence + 1 : 0);",
  },
  {
    name: "a segment that is missing goes unnoticed",
    breaks: "damage is reported",
    file: "src/store/opening.ts",
    from: "if (isCurrent) recovery.findMissing(liveBytes);",
    to: "",
  },
  // --- reading and removing
  {
    name: "records of an earlier process are served unverified",
    breaks: noWrongValue,
    file: "src/store/store.ts",
    from: "const isUsable = !this.#table.hasUnverified || this.#isIntact(address);",
    to: "const isUsable = true;",
  },
  {
    name: "a key is evicted without a delete record",
    breaks: deletesStay,
    file: "src/store/store.ts",
    from: "    this.#removeAt(address, keyChange.evicted);\n    if (this.#watched.size > 0)",
    to: "    const window = this.#windows[address >>> 26];\n" +
      "    const at = offsetOf(address);\n" +
      "    this.find(window.u8, at + recordHeaderBytes, keyEndAt(window, at));\n" +
      "    this.#index.remove();\n    this.#records.retire(address);\n    if (this.#watched.size > 0)",
  },
  {
    name: "expiry removes keys that have no deadline",
    breaks: "a key exists until it is deleted or its deadline is past",
    file: "src/store/expiry.ts",
    from: "if (deadline === 0 || deadline >= now) continue;",
    to: "if (deadline >= now) continue;",
  },
  {
    name: "expiry removes keys before their deadline",
    breaks: "a key exists until it is deleted or its deadline is past",
    file: "src/store/expiry.ts",
    from: "if (deadline === 0 || deadline >= now) continue;",
    to: "if (deadline === 0) continue;",
  },
  {
    name: "keys whose deadline is past are found",
    breaks: "a key is gone when its deadline is past",
    file: "src/store/store.ts",
    from: "if (!isUsable || expireAt !== 0 && expireAt < this.now) {",
    to: "if (!isUsable) {",
  },
  {
    name: "a recovery does not count the keys with a deadline",
    breaks: "a key is gone when its deadline is past",
    file: "src/store/recovery.ts",
    from: "if (expireAtOf(window, offset) !== 0) this.#parts.indexHeader.volatileKeys++;",
    to: "",
  },
  {
    name: "a write does not touch the key for whoever watches it",
    breaks: "EXEC fails when a watched key was changed",
    file: "src/store/store.ts",
    from: "    if (this.#watched.size > 0) this.#watched.touch(this.#key, this.#keyStart, " +
      "this.#keyEnd);\n    this.#address = address;",
    to: "    this.#address = address;",
  },
  {
    name: "a clear does not touch the keys that are watched",
    breaks: "EXEC fails when a watched key was changed",
    file: "src/store/store.ts",
    from: "this.#watched.touchAll((key) => this.find(key, 0, key.length));",
    to: "",
  },

  // --- readers of other processes
  {
    name: "a segment begins without a word to readers",
    breaks: readersSeeAll,
    file: "src/store/log.ts",
    from: "    this.readers.noteReuse();\n    this.table.take(segment, length, sequence",
    to: "    this.table.take(segment, length, sequence",
  },
  {
    name: "an end of the file is cut off at once",
    breaks: readersSeeAll,
    file: "src/store/log.ts",
    from: "const waitMs = tails[0].ms + this.#limits.cutDelayMs - performance.now();",
    to: "const waitMs = tails[0].ms - performance.now();",
  },
  {
    name: "what was given up is cut off though it is in use again",
    breaks: readersSeeAll,
    file: "src/store/log.ts",
    from: "for (const tail of this.#givenUp) tail.end = Math.max(tail.end, count);",
    to: "for (const tail of this.#givenUp) tail.end = Math.max(tail.end, 0);",
  },
  {
    name: "readers are not told of a batch",
    breaks: readersSeeAll,
    file: "src/store/batch.ts",
    from: "    this.#index.readers.beginChange();\n    return",
    to: "    return",
  },
  {
    name: "an insertion leaves the page's version as it was",
    breaks: readersSeeAll,
    file: "src/store/hash_index.ts",
    from: "    words[this.#page + indexPage.countWord]++;\n    words[version]++;",
    to: "    words[this.#page + indexPage.countWord]++;\n    words[version]--;",
  },
  {
    name: "readers keep their pages when all keys are removed",
    breaks: readersSeeAll,
    file: "src/store/hash_index.ts",
    from: "    this.readers.noteLayout();\n",
    to: "",
  },
  {
    name: "a reader believes what was changed meanwhile",
    breaks: readersSeeAll,
    file: "src/store/shared_reader.ts",
    from: "return Atomics.load(this.#i32, reusesWord) === this.#reuses &&\n",
    to: "return true ||\n",
  },
  {
    name: "a reader believes a miss while entries move",
    breaks: readersSeeAll,
    file: "src/store/shared_reader.ts",
    from: "    if (owns && isWhole) {\n      this.#patience",
    to: "    if (owns) {\n      this.#patience",
  },
  {
    name: "a reader believes a page that was split",
    breaks: readersSeeAll,
    file: "src/store/shared_reader.ts",
    from: "    if (owns && isWhole) {\n      this.#patience",
    to: "    if (isWhole) {\n      this.#patience",
  },
  {
    name: "a reader goes by the index of a server that was killed within a change",
    breaks: readersSeeAll,
    file: "src/store/reader_source.ts",
    from: "const isWithin = (changes & 1) !== 0;",
    to: "const isWithin = false;",
  },
];
