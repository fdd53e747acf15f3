/**
 * kv as a library: a client of kv servers (and of all others that speak Redis's protocol), a reader of a
 * store's files beside its server, the server, and the store without a server.
 *
 * @module
 */
export {
  type CallOptions,
  KeyValueClient,
  type KeyValueClientOptions,
  type ScanOptions,
  type WatchOptions,
} from "./src/client/key_value_client.ts";
export {
  type GetManyOptions,
  KeyValueReader,
  type KeyValueReaderOptions,
  type KeyValueReaderStats,
  type ReaderScanOptions,
} from "./src/client/key_value_reader.ts";
export {
  type ExpireCondition,
  type ExpiryOptions,
  type GetExOptions,
  type KeyValueArgument,
  type KeyValueCommands,
  type KeyValueKeys,
  type SetOptions,
} from "./src/client/commands.ts";
export type { ReconnectOptions } from "./src/client/reconnecting_link.ts";
export {
  KeyValueConflictError,
  KeyValueConnectionError,
  type KeyValueConnectionErrorOptions,
  KeyValueReplyError,
} from "./src/client/errors.ts";
export {
  DoubleReply,
  ErrorReply,
  PushReply,
  type Reply,
  replyToText,
  type TextReply,
  VerbatimReply,
} from "./src/protocol/reply.ts";
export { ConfigFileError } from "./src/server/config_file.ts";
export { KeyValueServer } from "./src/server/key_value_server.ts";
export type { KeyValueServerOptions } from "./src/server/server_options.ts";
export { ListenError } from "./src/server/unix_socket.ts";
export { SystemError } from "./src/sys/libc.ts";
// Files of another kind, in tests of what is built upon a store.
export type {
  BodyRange as StoreFileRange,
  StoreFile,
  Window as StoreFileWindow,
} from "./src/sys/mapped_file.ts";
export { TlsError } from "./src/sys/openssl.ts";
export type { SyncPolicy } from "./src/store/durability.ts";
export type { DurationHistogram } from "./src/store/duration_histogram.ts";
export { StoreError, type StoreErrorCode } from "./src/store/errors.ts";
export type { EvictionPolicy } from "./src/store/eviction.ts";
export type { SliceKind } from "./src/store/housekeeping.ts";
export { type ChangeListener, keyChange, type MissListener } from "./src/store/key_change.ts";
export type { StoreLimits } from "./src/store/limits.ts";
export type { OpeningReport } from "./src/store/opening.ts";
export type { Damage } from "./src/store/recovery.ts";
export {
  type KeyVisitor,
  type SetOptions as StoreSetOptions,
  type SizeLimit,
  Store,
  type StoreOptions,
  type StoreStatistics,
} from "./src/store/store.ts";
